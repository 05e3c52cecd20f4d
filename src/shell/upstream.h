// Exchanges with Threads by libcurl: many at once on the worker's epoll set, or one that is waited
// for.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shell/service.h"
#include "threads/exchange.h"

// Must live in main before any thread. Throws std::runtime_error.
class CurlLibrary {
 public:
  CurlLibrary();
  ~CurlLibrary();
  CurlLibrary(const CurlLibrary&) = delete;
  CurlLibrary& operator=(const CurlLibrary&) = delete;
};

// One exchange under way. Used again for the next when it is done: that keeps its buffers.
class Transfer {
 public:
  explicit Transfer(ServicePtr service);

  // Forgets the exchange before.
  void reset();
  void prepare(Exchange exchange);
  // What came of it, once libcurl says that it ended so.
  Answer finish(CURLcode result);

  [[nodiscard]] CURL* handle() const { return handle_.get(); }
  [[nodiscard]] const Exchange& exchange() const { return exchange_; }
  [[nodiscard]] const ServicePtr& service() const { return service_; }

  int owner = -1;   // the connection that waits for it
  int socket = -1;  // the last that libcurl used for it
  std::size_t lane = 0;

 private:
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* transfer);
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* transfer);

  struct HandleCloser {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  };
  std::unique_ptr<CURL, HandleCloser> handle_;
  Exchange exchange_;
  ServicePtr service_;  // the one that it was made for, whatever is configured meanwhile
  std::string body_;
  std::size_t header_bytes_ = 0;
  bool too_large_ = false;
};

// All exchanges of one worker. Passive: the worker tells it of readiness and of the time.
class Upstream {
 public:
  // Registers libcurl's sockets in the epoll set, tagged by make_tag(fd). Throws
  // std::runtime_error.
  Upstream(int epoll_fd, std::uint64_t (*make_tag)(int fd));
  ~Upstream();
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  void start(Exchange exchange, ServicePtr service, int owner);
  // The socket is ready: epoll's events.
  void on_ready(int fd, std::uint32_t events);
  // Lets libcurl look at its timeouts if one has passed.
  void on_time(std::chrono::steady_clock::time_point now);
  // When on_time is due.
  [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> due() const;

  struct Finished {
    std::unique_ptr<Transfer> transfer;
    Answer answer;
  };
  // An exchange that has ended, if any.
  std::optional<Finished> take_finished();
  // Gives a transfer back to be used again.
  void recycle(std::unique_ptr<Transfer> transfer);

  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }

 private:
  struct Lane;
  struct Socket;
  static int on_socket(CURL* handle, curl_socket_t fd, int what, void* data, void* known);
  static int on_timer(CURLM* multi, long timeout_ms, void* data);
  static int on_close(void* upstream, curl_socket_t fd);
  Socket& socket_of(int fd);
  void watch(int fd, std::uint32_t events);
  void unwatch(int fd);
  void keep_socket(const Transfer& transfer);
  void on_idle_ready(int fd);
  std::size_t lane_with_room();
  void limit_connections(Lane& lane) const;
  [[nodiscard]] bool last_lane_is_idle() const;

  struct MultiCloser {
    void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
  };
  struct ShareCloser {
    void operator()(CURLSH* share) const { curl_share_cleanup(share); }
  };
  int epoll_fd_;
  std::uint64_t (*make_tag_)(int fd);
  std::unique_ptr<CURLSH, ShareCloser> share_;
  // libcurl (7.88) walks all connections of a multi handle for each exchange, twice: one handle for
  // 8,000 exchanges took four times the CPU of handles that have few hundred each.
  struct Lane {
    Upstream* upstream = nullptr;
    std::unique_ptr<CURLM, MultiCloser> multi;
    std::size_t in_flight = 0;
    std::optional<std::chrono::steady_clock::time_point> due;
  };
  // A connection stays in the epoll set between exchanges: to take it out and put it in again would
  // be two system calls for each.
  struct Socket {
    Lane* lane = nullptr;       // that waits for it
    std::uint32_t watched = 0;  // epoll's events
    bool is_kept = false;       // a connection, of whose end on_close will hear
  };
  std::vector<Socket> sockets_;  // by libcurl's descriptor
  std::vector<std::unique_ptr<Lane>> lanes_;
  ServicePtr service_;  // the one that the idle transfers are made for
  std::vector<std::unique_ptr<Transfer>> idle_;
  std::vector<std::unique_ptr<Transfer>> active_;  // by owner
  std::size_t in_flight_ = 0;
  bool shares_connections_ = true;  // Threads speaks HTTP/2, as far as is known
};

// One exchange, waited for: what a CGI program does.
Answer exchange_now(Exchange exchange, ServicePtr service);
