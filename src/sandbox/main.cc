// threads-sandbox: plays threads.net and graph.threads.net, so that a login can be tried and tested
// without a Meta account. It remembers codes and tokens until it ends.
#include <sys/random.h>

#include <ctime>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>

#include "sandbox/sandbox.h"
#include "shell/program.h"
#include "threads/config.h"

namespace {

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (getrandom(bytes.data(), count, 0) != static_cast<ssize_t>(count)) {
    throw std::runtime_error("no randomness");
  }
  return bytes;
}

std::variant<ServicePtr, std::vector<std::string>> configure(const Environment& variables) {
  auto read = read_config(variables);
  if (auto* errors = std::get_if<ConfigErrors>(&read)) return std::move(*errors);
  const auto& config = std::get<Config>(read);
  const auto sandbox = std::make_shared<Sandbox>(SandboxConfig{
      config.app_id, config.app_secret, config.client_secret, config.redirect_uris});
  const auto turn = std::make_shared<std::mutex>();  // workers share the sandbox
  auto service = std::make_shared<Service>();
  service->route = [sandbox, turn](const Request& request) -> Outcome {
    const std::lock_guard lock(*turn);
    return sandbox->handle(request, {std::time(nullptr), random_bytes});
  };
  service->loggable_path = Sandbox::loggable_path;
  return service;
}

std::string check(const Environment& variables) {
  return describe(std::get<Config>(read_config(variables)));
}

}  // namespace

int main(int argc, char** argv) {
  return run_program(
      {"threads-sandbox", "Plays Threads for a rehearsal of the login. Not for production.",
       configure, check},
      argc, argv);
}
