// One thread, one loop: a worker's epoll set holds the listening sockets, the web server's
// connections and libcurl's sockets. Workers share nothing but the listening sockets.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "shell/fd.h"
#include "shell/log.h"
#include "shell/metrics.h"
#include "shell/request_id.h"
#include "shell/service.h"
#include "shell/upstream.h"

class Worker {
 public:
  // The listening sockets are non-blocking and outlive the worker, and so do the metrics and what
  // the log's sink needs.
  // `last_listener`: nobody listens there after us. Throws std::runtime_error.
  Worker(std::vector<int> listeners, bool last_listener, ServicePtr service,
         std::size_t max_in_flight, Metrics& metrics, Log::Sink log);

  // Serves until stop() and until what was in flight then is finished.
  void run();

  // These may be called from another thread.
  void stop();
  void use(ServicePtr service);
  // Lets the loop turn once more, if it sleeps.
  void wake();
  // Whether the loop has turned since this was asked last.
  bool take_turned() { return turned_.exchange(false); }

 private:
  using Clock = std::chrono::steady_clock;

  // A connection knows what it waits for; only the loop waits.
  struct Connection {
    enum class State {
      kReading,     // for a whole request
      kExchanging,  // for Threads
      kWriting,     // for the peer to take the reply
      kDraining,    // for the peer to close, after the last reply
    };
    Fd fd;
    State state = State::kReading;
    bool ready = false;  // bytes came in a state that does not read them
    bool gone = false;   // the peer sends no more
    std::uint16_t request_id = 0;
    bool keep = false;   // the peer wants it open after the reply
    bool last = false;   // all the same it is closed then
    bool head = false;
    std::string method;
    std::string_view path;  // as the log may show it
    Clock::time_point began;
    std::string out;
    std::size_t sent = 0;
    std::uint64_t deadline = 0;  // number of the deadline that runs, 0 if none
  };

  void on_events();
  void take_orders();
  bool accept_from(int listener);
  void accept_the_last();
  void watch_listeners(bool watch);
  void on_connection(int fd, std::uint32_t events);
  void read(Connection& connection);
  void serve(Connection& connection, const Request& request);
  void refuse_unread(Connection& connection, int status, std::string_view sentence);
  void reply(Connection& connection, const Reply& reply, int upstream_status);
  static void bid_farewell(Connection& connection);
  void write(Connection& connection);
  void drain(Connection& connection);
  void finish_exchanges();
  void read_again(int fd);
  void start_deadline(Connection& connection);
  void close_late();
  void bid_farewell_to_idle();
  void close(int fd);
  [[nodiscard]] int wait_ms() const;

  std::vector<int> listeners_;
  bool last_listener_;
  ServicePtr service_;
  std::size_t max_in_flight_;
  Fd epoll_;
  Fd wake_;
  Upstream upstream_;
  Log log_;
  RequestIds ids_;
  const Metrics& metrics_;
  Counts& counts_;
  std::vector<std::unique_ptr<Connection>> connections_;  // by descriptor
  std::size_t open_ = 0;
  std::vector<unsigned char> peeked_;
  Clock::time_point now_;

  struct Deadline {
    Clock::time_point when;
    int fd;
    std::uint64_t number;
  };
  std::deque<Deadline> deadlines_;  // in the order of their times
  std::uint64_t last_deadline_ = 0;

  std::atomic<bool> turned_ = false;
  bool listening_ = false;
  bool stopping_ = false;
  Clock::time_point listen_again_;  // after descriptors ran out

  std::mutex orders_;  // guards the two below
  ServicePtr ordered_service_;
  bool ordered_stop_ = false;
};
