#include "shell/supervisor.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>

namespace {

constexpr timeval kLongestWait{5, 0};  // seconds

std::string_view variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// 0 if it is no number.
long number(std::string_view text) {
  long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : 0;
}

}  // namespace

Supervisor::Supervisor() : address_(variable("NOTIFY_SOCKET")) {
  const bool is_path = address_.starts_with('/');
  const bool is_abstract = address_.starts_with('@');
  if ((!is_path && !is_abstract) || address_.size() >= sizeof(sockaddr_un::sun_path)) return;
  if (is_abstract) address_.front() = '\0';
  socket_ = Fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  // Without READY=1 systemd would end the program: its queue may be full for a moment at boot.
  setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &kLongestWait, sizeof kLongestWait);

  // sd_watchdog_enabled(3): meant for this process unless WATCHDOG_PID names another one.
  const std::string_view meant = variable("WATCHDOG_PID");
  const long interval = number(variable("WATCHDOG_USEC"));
  if (interval > 0 && (meant.empty() || number(meant) == getpid())) {
    watchdog_ = std::chrono::microseconds(interval);
  }
}

void Supervisor::tell(std::string_view state) const {
  if (socket_.get() < 0) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  address_.copy(address.sun_path, address_.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  sendto(socket_.get(), state.data(), state.size(), MSG_NOSIGNAL,
         reinterpret_cast<const sockaddr*>(&address), length);
}
