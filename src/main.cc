// threads-oauth: "Login with Threads" for people who run their own web server.
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "shell/program.h"
#include "threads/checkup.h"
#include "threads/conclude.h"
#include "threads/config.h"
#include "threads/endpoints.h"
#include "threads/url.h"

namespace {

// Whether each secret belongs to the app ID; each secret once.
std::vector<Question> questions(const std::shared_ptr<const Config>& config) {
  std::vector<Question> all;
  const auto add = [&](std::string_view name, const Secret& secret) {
    const Exchange exchange = ask_for_app_token(*config, secret);
    all.push_back({exchange, [=](const Answer& answer) {
                     return judge_app_token(name, exchange, answer, *config);
                   }});
  };
  add("THREADS_APP_SECRET", config->app_secret);
  if (config->client_secret.reveal() != config->app_secret.reveal()) {
    add("THREADS_CLIENT_SECRET", config->client_secret);
  }
  return all;
}

std::variant<Configured, std::vector<std::string>> configure(const Environment& variables) {
  auto read = read_config(variables);
  if (auto* errors = std::get_if<ConfigErrors>(&read)) return std::move(*errors);
  const auto config = std::make_shared<const Config>(std::get<Config>(std::move(read)));
  std::error_code error;
  if (!config->ca_file.empty() && (access(config->ca_file.c_str(), R_OK) != 0 ||
                                   !std::filesystem::is_regular_file(config->ca_file, error))) {
    return std::vector<std::string>{"THREADS_CA_FILE cannot be read."};
  }
  const auto api = read_url(config->api_url);
  const bool has_name = api && !is_loopback(api->host) && !is_address(api->host);
  return Configured{
      .service = std::make_shared<const Service>(Service{
          .route = [config](const Request& request) { return route(request, *config); },
          .conclude = [config](
                          const Exchange& exchange,
                          const Answer& answer) { return conclude(exchange, answer, *config); },
          .loggable_path = loggable_path,
          .api_url = config->api_url,
          .timeout_ms = config->timeout_ms,
          .ca_file = config->ca_file,
      }),
      .description = describe(*config),
      .warnings = warnings(*config),
      .questions = questions(config),
      .host = has_name ? std::string(api->host) : "",
  };
}

}  // namespace

int main(int argc, char** argv) {
  return run_program(
      {"threads-oauth", "Login with Threads, behind a web server by FastCGI or CGI.", configure},
      argc, argv);
}
