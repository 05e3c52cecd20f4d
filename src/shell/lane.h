// Exchanges that share connections to Threads: one multi handle of libcurl's.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "shell/curl_sockets.h"
#include "shell/transfer.h"

// Passive: it is told of readiness and of the time. Its connections go with it. A transfer on it
// must outlive it or be removed before.
class Lane {
 public:
  using Clock = std::chrono::steady_clock;

  // The sockets must outlive the lane. Throws std::runtime_error.
  explicit Lane(CurlSockets& sockets);
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // Begins an exchange. Throws std::runtime_error, and so do the next two.
  void add(Transfer& transfer, Clock::time_point now);
  // The socket that the lane waits for is ready: epoll's events.
  void on_ready(int fd, std::uint32_t events);
  // Lets libcurl look at its timeouts if one has passed.
  void on_time(Clock::time_point now);
  // An exchange that has ended, with its end; it is on the lane no more. Null if there is none.
  Transfer* take_ended(CURLcode& result, Clock::time_point now);
  // Gives up an exchange that has not ended.
  void remove(Transfer& transfer);
  // `shared`: exchanges share connections, by HTTP/2, so that few are needed.
  void limit_connections(bool shared);

  // When on_time is due.
  [[nodiscard]] std::optional<Clock::time_point> due() const { return due_; }
  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }
  // Exchanges are under way and none has been answered for so long: the connection that they share
  // may have gone silent, or its handshake may hang.
  [[nodiscard]] bool is_doubtful(Clock::time_point now, std::chrono::seconds patience) const;

 private:
  static int on_socket(CURL* handle, curl_socket_t fd, int what, void* lane, void* known);
  static int on_timer(CURLM* multi, long timeout_ms, void* lane);
  static int on_close(void* sockets, curl_socket_t fd);
  void keep_socket(const Transfer& transfer);

  struct MultiCloser {
    void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
  };
  CurlSockets& sockets_;
  std::size_t in_flight_ = 0;
  std::optional<Clock::time_point> due_;
  Clock::time_point quiet_since_;  // the last answer, or the first exchange after a pause
  std::unique_ptr<CURLM, MultiCloser> multi_;
};

// The most exchanges of one lane by HTTP/1.1. libcurl (7.88) walks all connections of a multi
// handle twice for each exchange: one handle for 8,000 exchanges took four times the CPU of handles
// that have few hundred each.
constexpr std::size_t kMaxInLane = 256;
