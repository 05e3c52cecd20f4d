// Tells systemd how the service is (sd_notify(3)): one datagram for each message, to NOTIFY_SOCKET.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "shell/fd.h"

// Says nothing where nobody supervises. Waits five seconds at most for one who is busy.
class Supervisor {
 public:
  // Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
  Supervisor();

  // Lines NAME=value.
  void tell(std::string_view state) const;

  // The program is killed and started again unless it says WATCHDOG=1 at least this often.
  [[nodiscard]] std::optional<std::chrono::microseconds> watchdog() const { return watchdog_; }

 private:
  Fd socket_;
  std::string address_;  // a path, or an abstract address that begins with NUL (unix(7))
  std::optional<std::chrono::microseconds> watchdog_;
};
