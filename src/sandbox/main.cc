// threads-sandbox: plays threads.net and graph.threads.net, so that a login can be tried and tested
// without a Meta account. It remembers codes and tokens until it ends.
#include <arpa/inet.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <ctime>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>

#include "sandbox/sandbox.h"
#include "shell/fd.h"
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

// A port where nobody answers. To hold a reply back without holding anything else up, it is sent
// along with a request there: when that has timed out, the reply is due.
class Void {
 public:
  Void() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (bind(listener_.get(), any, length) != 0 || listen(listener_.get(), 1) != 0 ||
        getsockname(listener_.get(), any, &length) != 0) {
      throw std::runtime_error("no loopback port can be had");
    }
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
  }

  [[nodiscard]] const std::string& url() const { return url_; }

  // Status and body; of the API's replies that is all.
  [[nodiscard]] Exchange hold(const Reply& reply) const {
    Exchange exchange;
    exchange.url = Secret(url_);
    exchange.credential = Secret(std::to_string(reply.status) + ' ' + reply.body);
    return exchange;
  }
  static Reply held(const Exchange& exchange) {
    const std::string& text = exchange.credential.reveal();
    const std::size_t space = text.find(' ');
    return json_reply(std::stoi(text.substr(0, space)), text.substr(space + 1));
  }

 private:
  Fd listener_;
  std::string url_;
};

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
  const auto nowhere = std::make_shared<const Void>();
  auto service = std::make_shared<Service>();
  service->route = [sandbox, turn, nowhere](const Request& request) -> Outcome {
    const std::lock_guard lock(*turn);
    Reply reply = sandbox->handle(request, {std::time(nullptr), random_bytes});
    if (sandbox->is_late(request.path)) return nowhere->hold(reply);
    return reply;
  };
  service->conclude = [](const Exchange& held, const Answer&) { return Void::held(held); };
  service->api_url = nowhere->url();
  service->timeout_ms = config.timeout_ms + kTooLateBy;
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
