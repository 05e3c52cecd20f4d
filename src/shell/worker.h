// One thread, one loop: a worker's epoll set holds the listening sockets, the web server's
// connections and libcurl's sockets. Workers share nothing but the listening sockets.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/reply.h"
#include "core/request.h"
#include "shell/connection.h"
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

  // A connection, and what the loop keeps for it.
  struct Client {
    explicit Client(Fd fd) : connection(std::move(fd)) {}

    Connection connection;
    std::uint64_t deadline = 0;  // number of the deadline that runs, 0 if none
    // Of the request under way:
    std::string method;
    std::string_view path;  // as the log may show it
    bool head = false;
    Clock::time_point began;
    std::optional<Reply> held;  // until the deadline
  };

  void on_events();
  void take_orders();
  bool accept_from(int listener);
  void drain_accept_queue();
  void watch_listeners(bool watch);
  void on_connection(int fd, std::uint32_t events);
  void advance(Client& client);
  void read(Client& client);
  void serve(Client& client, const Request& request);
  void refuse(Client& client, int status, std::string_view sentence);
  void reply(Client& client, const Reply& reply, int upstream_status);
  std::string log_and_encode(const Client& client, const Reply& reply, int upstream_status);
  void write(Client& client);
  void finish_exchanges();
  void start_deadline(Client& client, std::chrono::milliseconds time);
  void end_late();
  void announce_close_to_all();
  void close(int fd);
  [[nodiscard]] std::chrono::milliseconds peer_timeout() const;
  [[nodiscard]] Client* client_at(int fd);
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
  std::vector<std::unique_ptr<Client>> clients_;  // by descriptor
  std::size_t open_ = 0;
  std::vector<unsigned char> scratch_;  // for one call
  Clock::time_point now_;

  struct Deadline {
    int fd;
    std::uint64_t number;  // counts only while the client has this number
  };
  std::multimap<Clock::time_point, Deadline> deadlines_;
  std::uint64_t last_deadline_ = 0;

  std::atomic<bool> turned_ = false;
  bool listening_ = false;
  bool stopping_ = false;
  Clock::time_point listen_again_;  // after descriptors ran out

  std::mutex orders_;  // guards the two below
  ServicePtr ordered_service_;
  bool ordered_stop_ = false;
};
