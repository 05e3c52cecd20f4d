#include "shell/listen.h"

#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string_view>

namespace {

constexpr int kBacklog = 4096;  // the kernel lowers it to net.core.somaxconn
constexpr int kFirstListenFd = 3;

[[noreturn]] void fail(const std::string& address, const std::string& why) {
  throw std::runtime_error("cannot listen at " + address + ": " + why);
}

Fd stream_socket(int family, int flags, const std::string& address) {
  Fd fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  if (fd.get() < 0) fail(address, std::strerror(errno));
  return fd;
}

bool is_listening(int fd) {
  int listening = 0;
  socklen_t length = sizeof listening;
  return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) == 0 && listening != 0;
}

void make_non_blocking(int fd) {
  const int flags = fcntl(fd, F_GETFL);
  fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int to_int(const char* text) {
  const std::string_view view(text == nullptr ? "" : text);
  int value = 0;
  const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), value);
  return error == std::errc() && end == view.data() + view.size() ? value : 0;
}

}  // namespace

ListeningSocket::ListeningSocket(const std::string& address, mode_t mode) {
  const std::size_t colon = address.rfind(':');
  const bool is_path = address.find('/') != std::string::npos || colon == std::string::npos;
  if (is_path) {
    listen_at_path(address, mode);
  } else {
    std::string host = address.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
      host = host.substr(1, host.size() - 2);
    }
    listen_at_host(host, address.substr(colon + 1));
  }
  make_non_blocking(fd_.get());
}

ListeningSocket::~ListeningSocket() { shut(); }

void ListeningSocket::shut() {
  if (path_.empty()) return;  // its queue would be lost: the worker empties it first
  shutdown(fd_.get(), SHUT_RDWR);
  struct stat file {};
  const bool is_ours =
      lstat(path_.c_str(), &file) == 0 && file.st_dev == device_ && file.st_ino == inode_;
  if (is_ours) unlink(path_.c_str());
}

void ListeningSocket::listen_at_path(const std::string& path, mode_t mode) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) fail(path, "the path is too long for a socket");
  path.copy(address.sun_path, path.size());
  const auto* const raw = reinterpret_cast<const sockaddr*>(&address);

  struct stat file {};
  if (lstat(path.c_str(), &file) == 0) {
    if (!S_ISSOCK(file.st_mode)) fail(path, "something that is no socket lies there");
    const Fd probe = stream_socket(AF_UNIX, SOCK_NONBLOCK, path);
    // EAGAIN: the queue of one that listens is full.
    if (connect(probe.get(), raw, sizeof address) == 0 || errno == EAGAIN) {
      fail(path, "another process is listening there");
    }
    if (errno != ECONNREFUSED) fail(path, std::strerror(errno));
    unlink(path.c_str());
  }
  fd_ = stream_socket(AF_UNIX, 0, path);
  // The umask makes the mode right from the first moment.
  const mode_t old_mask = umask(~mode & 0777U);
  const int bound = bind(fd_.get(), raw, sizeof address);
  const int error = errno;
  umask(old_mask);
  if (bound != 0) fail(path, std::strerror(error));
  if (lstat(path.c_str(), &file) == 0) {
    path_ = path;
    device_ = file.st_dev;
    inode_ = file.st_ino;
  }
  if (listen(fd_.get(), kBacklog) != 0) fail(path, std::strerror(errno));
}

void ListeningSocket::listen_at_host(const std::string& host, const std::string& port) {
  const std::string name = host + ":" + port;
  if (host.empty() || to_int(port.c_str()) < 1 || to_int(port.c_str()) > 65535) {
    fail(name, "write HOST:PORT with a port from 1 to 65535");
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV | AI_PASSIVE;
  addrinfo* list = nullptr;
  if (const int code = getaddrinfo(host.c_str(), port.c_str(), &hints, &list); code != 0) {
    fail(name, gai_strerror(code));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> found(list, freeaddrinfo);
  // The first will do: addresses that this machine cannot use come last (RFC 6724 §6, rule 1).
  const int on = 1;
  fd_ = stream_socket(found->ai_family, 0, name);
  setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd_.get(), found->ai_addr, found->ai_addrlen) != 0 || listen(fd_.get(), kBacklog) != 0) {
    fail(name, std::strerror(errno));
  }
}

std::vector<int> inherited_sockets() {
  std::vector<int> sockets;
  const int count =
      to_int(std::getenv("LISTEN_PID")) == getpid() ? to_int(std::getenv("LISTEN_FDS")) : 0;
  for (int fd = kFirstListenFd; fd < kFirstListenFd + count; ++fd) {
    if (is_listening(fd)) sockets.push_back(fd);
  }
  if (sockets.empty() && is_listening(STDIN_FILENO)) sockets.push_back(STDIN_FILENO);
  for (const int fd : sockets) make_non_blocking(fd);
  return sockets;
}
