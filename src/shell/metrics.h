// What the program counts for /metrics, as Prometheus reads it
// (prometheus.io/docs/instrumenting/exposition_formats, text format 0.0.4).
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "threads/exchange.h"

// Sums of one worker or of all.
struct Totals {
  // Upper bounds in seconds; what is longer than the last counts in a bucket of its own.
  static constexpr std::array kBuckets = {0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0};
  static constexpr std::array<std::string_view, 10> kErrors = {
      "resolve",   "connect", "tls",          "timeout",    "broken",  // Failures, in their order
      "too_large", "refused", "rate_limited", "bad_status", "bad_answer"};

  struct Requests {
    std::string path;
    int status;
    std::uint64_t count;
  };
  std::vector<Requests> requests;
  std::array<std::uint64_t, kBuckets.size() + 1> exchanges{};  // by duration
  std::chrono::microseconds exchanging{};
  std::array<std::uint64_t, kErrors.size()> errors{};
  std::uint64_t accepted = 0;   // connections
  std::size_t connections = 0;  // open now
  std::size_t in_flight = 0;    // exchanges, now

  void add_requests(std::string_view path, int status, std::uint64_t count);
  Totals& operator+=(const Totals& other);
};

// The counts of one worker: it writes them, and any worker may read them.
class Counts {
 public:
  // `path` as the log shows it: an endpoint's, or "-".
  void request(std::string_view path, int status);
  // `reply_status` is what became of the answer.
  void exchange(std::chrono::microseconds duration, const Answer& answer, int reply_status);
  void accepted();
  void set_gauges(std::size_t connections, std::size_t in_flight);
  [[nodiscard]] Totals read() const;

 private:
  mutable std::mutex guard_;
  Totals totals_;
};

// The counts of the whole process. They begin at 0 with it.
class Metrics {
 public:
  Metrics();
  // For one more worker. Only while no worker runs.
  Counts& new_counts();
  // SIGHUP: the configuration was read again, or the old one stays.
  void reload(bool success);
  // Any thread may call this.
  void log_lines_dropped(std::uint64_t lines) { log_lines_dropped_ += lines; }
  // What /metrics answers.
  [[nodiscard]] std::string text() const;

 private:
  std::deque<Counts> counts_;  // grows without moving
  std::atomic<std::uint64_t> reloads_ = 0;
  std::atomic<std::uint64_t> failed_reloads_ = 0;
  std::atomic<std::uint64_t> log_lines_dropped_ = 0;
  double started_;  // seconds since 1970
};
