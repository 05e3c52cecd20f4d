// threads-oauth: "Login with Threads" for people who run their own web server.
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "shell/program.h"
#include "shell/transfer.h"
#include "threads/checkup.h"
#include "threads/conclude.h"
#include "threads/config.h"
#include "threads/endpoints.h"

namespace {

std::variant<ServicePtr, std::vector<std::string>> configure(const Environment& variables) {
  auto read = read_config(variables);
  if (auto* errors = std::get_if<ConfigErrors>(&read)) return std::move(*errors);
  const auto config = std::make_shared<const Config>(std::get<Config>(std::move(read)));
  std::error_code error;
  if (!config->ca_file.empty() && (access(config->ca_file.c_str(), R_OK) != 0 ||
                                   !std::filesystem::is_regular_file(config->ca_file, error))) {
    return std::vector<std::string>{"THREADS_CA_FILE cannot be read."};
  }
  return std::make_shared<const Service>(Service{
      .route = [config](const Request& request) { return route(request, *config); },
      .conclude = [config](const Exchange& exchange,
                           const Answer& answer) { return conclude(exchange, answer, *config); },
      .loggable_path = loggable_path,
      .api_url = config->api_url,
      .timeout_ms = config->timeout_ms,
      .ca_file = config->ca_file,
  });
}

std::string check(const Environment& variables) {
  return describe(std::get<Config>(read_config(variables)));
}

std::vector<std::string> warn(const Environment& variables) {
  return warnings(std::get<Config>(read_config(variables)));
}

// Each secret once; the first way that does not lead to Threads ends it.
std::vector<Finding> ask_threads(const Environment& variables) {
  const Config config = std::get<Config>(read_config(variables));
  const ServicePtr service = std::get<ServicePtr>(configure(variables));
  std::vector<std::pair<std::string_view, Secret>> secrets = {
      {"THREADS_APP_SECRET", config.app_secret}};
  if (config.client_secret.reveal() != config.app_secret.reveal()) {
    secrets.emplace_back("THREADS_CLIENT_SECRET", config.client_secret);
  }
  std::vector<Finding> findings;
  for (const auto& [name, secret] : secrets) {
    const Exchange exchange = ask_for_app_token(config, secret);
    const Answer answer = exchange_now(exchange, service);
    findings.push_back(judge_app_token(name, exchange, answer, config));
    if (answer.failure) break;
  }
  return findings;
}

}  // namespace

int main(int argc, char** argv) {
  return run_program({"threads-oauth", "Login with Threads, behind a web server by FastCGI or CGI.",
                      configure, check, warn, ask_threads},
                     argc, argv);
}
