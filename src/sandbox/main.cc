// threads-sandbox: plays threads.net and graph.threads.net, so that a login can be tried and tested
// without a Meta account. It remembers codes and tokens until it ends.
#include <sys/random.h>

#include <chrono>
#include <ctime>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>

#include "sandbox/sandbox.h"
#include "shell/program.h"
#include "threads/config.h"

namespace {

constexpr long kTooLateBy = 1000;  // milliseconds over THREADS_TIMEOUT

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (getrandom(bytes.data(), count, 0) != static_cast<ssize_t>(count)) {
    throw std::runtime_error("no randomness");
  }
  return bytes;
}

std::variant<Configured, std::vector<std::string>> configure(const Environment& variables) {
  auto read = read_config(variables);
  if (auto* errors = std::get_if<ConfigErrors>(&read)) return std::move(*errors);
  const auto& config = std::get<Config>(read);
  if (!config.sandbox) {
    return std::vector<std::string>{
        "THREADS_API_URL is no loopback address, so these credentials are for the real Threads: "
        "the "
        "sandbox does not start beside them."};
  }
  const auto sandbox = std::make_shared<Sandbox>(
      SandboxConfig{config.app_id, config.app_secret, config.client_secret, config.redirect_uris});
  const auto turn = std::make_shared<std::mutex>();  // workers share the sandbox
  auto service = std::make_shared<Service>();
  const std::chrono::milliseconds too_late(config.timeout_ms + kTooLateBy);
  service->route = [sandbox, turn, too_late](const Request& request) -> Outcome {
    const std::lock_guard lock(*turn);
    Reply reply = sandbox->handle(request, {std::time(nullptr), random_bytes});
    if (sandbox->is_late(request.path)) reply.hold = too_late;
    return reply;
  };
  service->loggable_path = Sandbox::loggable_path;
  Configured configured;
  configured.service = service;
  configured.description = describe(config);
  return configured;
}

}  // namespace

int main(int argc, char** argv) {
  return run_program({"threads-sandbox",
                      "Plays Threads for a rehearsal of the login. Not for production.", configure},
                     argc, argv);
}
