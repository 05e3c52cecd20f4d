// Listening sockets: made by us, or handed over by whoever started the program.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "shell/fd.h"

// A socket made by us. Its file goes with it.
class ListeningSocket {
 public:
  // At "HOST:PORT", "[::1]:PORT" or a path. A dead socket at the path is replaced; a live one, or
  // anything that is no socket, is left alone. Throws std::runtime_error with one clear sentence.
  ListeningSocket(const std::string& address, mode_t mode);
  ~ListeningSocket();
  ListeningSocket(const ListeningSocket&) = delete;
  ListeningSocket& operator=(const ListeningSocket&) = delete;

  [[nodiscard]] int get() const { return fd_.get(); }
  // From now on nobody can connect. The descriptor stays open: workers may still look at it.
  void shut();

 private:
  void listen_at_path(const std::string& path, mode_t mode);
  void listen_at_host(const std::string& host, const std::string& port);

  Fd fd_;
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

// The sockets of systemd's LISTEN_FDS (sd_listen_fds(3)), else descriptor 0 if it is a listening
// socket (FastCGI 1.0 §2.2), else none.
std::vector<int> inherited_sockets();
