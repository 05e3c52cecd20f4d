// The .env file: parse_env_file() and, of what it gives, the configuration with
// all that shows it.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "check.h"
#include "core/env_file.h"
#include "core/utf8.h"
#include "threads/endpoints.h"

namespace {

// The same variables with other secrets, as good or as bad as these.
Environment with_other_secrets(Environment variables) {
  for (const std::string_view name :
       {"THREADS_APP_SECRET", "THREADS_CLIENT_SECRET", "META_APP_SECRET"}) {
    const auto found = variables.find(name);
    if (found == variables.end()) continue;
    for (char& c : found->second) {
      if (c > ' ' && c <= '~') c = c == 'x' ? 'y' : 'x';
    }
  }
  return variables;
}

// All that is ever shown of a configuration, or of what is wrong with it.
std::string shown(const Environment& variables) {
  const auto read = read_config(variables);
  if (const auto* errors = std::get_if<ConfigErrors>(&read)) {
    expect(!errors->empty(), "a refused configuration has an error");
    std::string text;
    for (const std::string& error : *errors) {
      expect(error.starts_with("THREADS_") || error.starts_with("META_"),
             "an error names its variable");
      expect(is_utf8(error), "an error can be shown");
      text += error;
    }
    return text;
  }
  const auto& config = std::get<Config>(read);
  expect(!config.app_secret.empty() && !config.client_secret.empty(), "there is a secret");
  expect(config.timeout_ms > 0, "there is a timeout");

  Request request;
  request.method = "GET";
  request.path = "/config";
  const Reply reply = std::get<Reply>(route(request, config));
  expect(reply.status == 200 && is_json(reply.body), "/config is JSON");
  return describe(config) + reply.body;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = parse_env_file(text);
  if (const auto* error = std::get_if<EnvFileError>(&parsed)) {
    const auto breaks =
        std::count_if(text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; });
    expect(error->line >= 1 && error->line <= static_cast<std::size_t>(breaks) + 1,
           "an error is in a line of the file");
    return 0;
  }
  const auto& variables = std::get<Environment>(parsed);
  std::size_t bytes = 0;
  for (const auto& [name, value] : variables) {
    expect(!name.empty(), "a variable has a name");
    bytes += name.size() + value.size();
  }
  expect(bytes <= size, "nothing is made up");
  expect(shown(variables) == shown(with_other_secrets(variables)), "no secret is shown");
  return 0;
}
