// The way to Threads: all exchanges of one worker, many at once on its epoll set.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "shell/curl_sockets.h"
#include "shell/lane.h"
#include "shell/resolver.h"
#include "shell/service.h"
#include "shell/transfer.h"
#include "threads/exchange.h"

// Passive: the worker tells it of readiness and of the time. It assumes that any part of the way
// can go silent: an exchange that is started when a connection, a handshake or the name servers
// have done so goes by another way.
class Upstream {
 public:
  using Clock = std::chrono::steady_clock;

  // Registers its descriptors in the epoll set, tagged by make_tag(fd). Throws std::runtime_error.
  Upstream(int epoll_fd, std::uint64_t (*make_tag)(int fd));
  ~Upstream();
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  // What exchanges are made for from now on. They go by fresh connections.
  void use(const ServicePtr& service, Clock::time_point now);
  // Starts an exchange for this connection of the web server, by the service that is in use.
  void start(Exchange exchange, int client_fd, Clock::time_point now);
  // A descriptor is ready: epoll's events.
  void on_ready(int fd, std::uint32_t events, Clock::time_point now);
  // To be called in each turn of the loop, and at the latest when due.
  void on_time(Clock::time_point now);
  // When on_time is due.
  [[nodiscard]] std::optional<Clock::time_point> due() const;

  struct Finished {
    std::unique_ptr<Transfer> transfer;
    Answer answer;
  };
  // An exchange that has ended, if any.
  std::optional<Finished> take_finished(Clock::time_point now);
  // Gives a transfer back to be used again.
  void recycle(std::unique_ptr<Transfer> transfer);

  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }

 private:
  // Who looks up the name of Threads' host.
  enum class Names {
    kNone,      // nobody: it is an address, or localhost
    kResolver,  // the resolver, before an exchange begins
    kLibcurl,   // libcurl, in the exchange's time: a proxy is in the way
  };
  static Names names_of(const std::string& host);
  void begin(std::unique_ptr<Transfer> transfer, Clock::time_point now);
  void begin_waiting(Clock::time_point now);
  void fail_late(Clock::time_point now);
  void end_late(Clock::time_point now);
  void fail(std::unique_ptr<Transfer> transfer, Failure failure);
  Lane& lane_for_exchange(Clock::time_point now);
  std::optional<Finished> take_finished(Lane& lane, Clock::time_point now);
  void learn_from(const Transfer& transfer, const Answer& answer);
  void retire(Lane& lane);
  [[nodiscard]] bool last_lane_is_idle() const;

  struct ShareCloser {
    void operator()(CURLSH* share) const { curl_share_cleanup(share); }
  };
  CurlSockets sockets_;
  std::unique_ptr<CURLSH, ShareCloser> share_;
  ServicePtr service_;
  Resolver resolver_;
  Names names_ = Names::kNone;
  std::uint64_t resolved_version_ = 0;  // of the addresses that libcurl has
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<std::unique_ptr<Lane>>
      retired_;  // no exchange joins them; they go with their last one
  std::vector<std::unique_ptr<Transfer>> idle_;    // made for service_
  std::vector<std::unique_ptr<Transfer>> active_;  // on a lane, by client_fd
  std::deque<std::unique_ptr<Transfer>> waiting_;  // for the name, in the order of their start
  std::deque<Finished> failed_;                    // that libcurl has not ended
  std::size_t in_flight_ = 0;
  Clock::time_point look_for_late_;  // when end_late() is due, if anything is in flight
  bool shares_connections_ = true;   // Threads speaks HTTP/2, as far as is known
};
