// The request log on stderr: one logfmt line a request, with nothing in it that could be a secret.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

// Syslog's numbers (RFC 5424 §6.2.1).
enum class Level : char { kError = '3', kWarning = '4', kInfo = '6' };

// "<4>" where stderr is the journal's (systemd.exec(5), JOURNAL_STREAM), which takes it for the
// line's level; else nothing.
std::string journal_prefix(Level level);

struct RequestLine {
  std::string_view id;
  std::string_view method;
  std::string_view path;  // of an endpoint, or "-"
  int status = 0;
  int upstream_status = 0;  // 0: Threads was not asked or did not answer
  std::chrono::microseconds duration{};
};

// Collects lines and hands them on together. Each thread has its own.
class Log {
 public:
  using Sink = std::function<void(std::string_view lines)>;

  explicit Log(Sink sink) : sink_(std::move(sink)) {}
  ~Log() { flush(); }
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // A request that took a second or more is marked slow=yes.
  void request(const RequestLine& line);
  // One line about the program itself.
  void event(Level level, std::string_view message);
  // Hands on what was collected.
  void flush();

 private:
  void begin_line(Level level);

  Sink sink_;
  std::string lines_;
  std::string stamp_;  // of stamp_second_
  long stamp_second_ = -1;
};
