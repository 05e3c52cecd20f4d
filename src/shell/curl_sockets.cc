#include "shell/curl_sockets.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

void CurlSockets::wait_for(int fd, Lane& lane, std::uint32_t events) {
  Socket& socket = at(fd);
  socket.lane = &lane;
  if (!socket.is_kept || socket.watched != events) watch(fd, events);
}

void CurlSockets::forget(int fd) {
  Socket& socket = at(fd);
  socket.lane = nullptr;
  if (!socket.is_kept) unwatch(fd);
}

void CurlSockets::forget(const Lane& lane) {
  for (Socket& socket : sockets_) {
    if (socket.lane == &lane) socket = {};
  }
}

void CurlSockets::keep(int fd) {
  Socket& socket = at(fd);
  if (socket.is_kept) return;
  socket.is_kept = true;
  if (socket.lane == nullptr) watch(fd, EPOLLIN);  // else another exchange has it, by HTTP/2
}

int CurlSockets::close(int fd) {
  at(fd) = {};
  return ::close(fd);
}

Lane* CurlSockets::lane_of(int fd) { return at(fd).lane; }

void CurlSockets::on_idle_ready(int fd, bool shut) {
  // An earlier event of the same batch may have closed the socket, and the number may be reused.
  if (at(fd).watched == 0) return;
  unwatch(fd);
  if (shut) ::shutdown(fd, SHUT_RDWR);
}

CurlSockets::Socket& CurlSockets::at(int fd) {
  const auto slot = static_cast<std::size_t>(fd);
  if (sockets_.size() <= slot) sockets_.resize(slot + 1);
  return sockets_[slot];
}

void CurlSockets::watch(int fd, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = make_tag_(fd);
  // Only the kernel knows whether the set has it: libcurl may have closed another socket of this
  // number.
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd, &event) != 0) {
    epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event);
  }
  at(fd).watched = events;
}

void CurlSockets::unwatch(int fd) {
  epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
  at(fd).watched = 0;
}
