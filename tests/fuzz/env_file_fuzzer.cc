// The .env file: parse_env_file() and, of what it gives, the configuration with
// all that shows it.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "check.h"
#include "core/env_file.h"
#include "core/form.h"
#include "threads/endpoints.h"

namespace {

bool mentions(std::string_view text, const Environment& variables, std::string_view name) {
  const auto found = variables.find(name);
  // A short value ("THREADS") may be part of our own words.
  return found != variables.end() && found->second.size() > 40 &&
         text.find(found->second) != std::string_view::npos;
}

void expect_no_secret(std::string_view text, const Environment& variables) {
  for (const std::string_view name :
       {"THREADS_APP_SECRET", "THREADS_CLIENT_SECRET", "META_APP_SECRET"}) {
    const auto is_secret = [&](std::string_view other) {
      const auto found = variables.find(other);
      return found != variables.end() &&
             found->second.find(variables.find(name)->second) != std::string::npos;
    };
    if (!mentions(text, variables, name)) continue;
    // The operator may have written the same text into what is no secret.
    const bool is_elsewhere =
        std::any_of(variables.begin(), variables.end(), [&](const auto& variable) {
          return !variable.first.ends_with("SECRET") && is_secret(variable.first);
        });
    expect(is_elsewhere, "no secret is shown");
  }
}

void try_config(const Environment& variables) {
  const auto read = read_config(variables);
  if (const auto* errors = std::get_if<ConfigErrors>(&read)) {
    expect(!errors->empty(), "a refused configuration has an error");
    for (const std::string& error : *errors) {
      expect(error.starts_with("THREADS_") || error.starts_with("META_"),
             "an error names its variable");
      expect_no_secret(error, variables);
    }
    return;
  }
  const auto& config = std::get<Config>(read);
  expect(!config.app_secret.empty() && !config.client_secret.empty(), "there is a secret");
  expect(config.timeout_ms > 0, "there is a timeout");
  expect_no_secret(describe(config), variables);

  Request request;
  request.method = "GET";
  request.path = "/config";
  const Reply reply = std::get<Reply>(route(request, config));
  expect(reply.status == 200 && is_json(reply.body), "/config is JSON");
  expect_no_secret(reply.body, variables);
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
  try_config(variables);
  return 0;
}
