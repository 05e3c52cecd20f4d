// libcurl's sockets in a worker's epoll set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

class Lane;

// Which lane waits for which socket. A connection stays in the epoll set between exchanges: to take
// it out and put it in again would be two system calls for each.
class CurlSockets {
 public:
  // Registers sockets in this epoll set, tagged by make_tag(fd).
  CurlSockets(int epoll_fd, std::uint64_t (*make_tag)(int fd))
      : epoll_fd_(epoll_fd), make_tag_(make_tag) {}

  // The lane wants to be told of these events (epoll's).
  void wait_for(int fd, Lane& lane, std::uint32_t events);
  // It no longer does.
  void forget(int fd);
  // The lane has gone, with its connections.
  void forget(const Lane& lane);
  // The socket has carried an exchange: it stays in the set until libcurl closes it. libcurl does
  // not tell when it closes a connection that could not be made, or a socket of its resolver.
  void keep(int fd);
  // To be called when libcurl closes the socket. Closes it.
  int close(int fd);

  // The lane that waits for the socket; null if it is idle, or no socket of libcurl's any more.
  [[nodiscard]] Lane* lane_of(int fd);
  // An idle connection was closed, or brings what nobody asked for. libcurl (7.88) would take that
  // for the answer to the next exchange, so with `shut` it will find the connection dead.
  void on_idle_ready(int fd, bool shut);

 private:
  struct Socket {
    Lane* lane = nullptr;
    std::uint32_t watched = 0;  // epoll's events; 0: not in the set, as far as we know
    bool is_kept = false;       // a connection, whose end close() will be told of
  };
  Socket& at(int fd);
  void watch(int fd, std::uint32_t events);
  void unwatch(int fd);

  int epoll_fd_;
  std::uint64_t (*make_tag_)(int fd);
  std::vector<Socket> sockets_;  // by descriptor
};
