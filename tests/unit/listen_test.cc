// A socket at a path: the one of a process that lives is never taken away.
#include "shell/listen.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "shell/fd.h"

namespace {

// A folder with the path of a socket in it; both go with the test.
class Place {
 public:
  Place() { REQUIRE(mkdtemp(folder_.data()) != nullptr); }
  ~Place() {
    unlink(path().c_str());
    rmdir(folder_.c_str());
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  [[nodiscard]] std::string path() const { return folder_ + "/socket"; }
  // 0 if there is no such file.
  [[nodiscard]] ino_t inode() const {
    struct stat file {};
    return lstat(path().c_str(), &file) == 0 ? file.st_ino : 0;
  }
  [[nodiscard]] sockaddr_un address() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path().copy(address.sun_path, sizeof address.sun_path - 1);
    return address;
  }

 private:
  std::string folder_ = "/tmp/threads-oauth-listen-XXXXXX";
};

Fd bound(const Place& place, int type) {
  Fd fd(socket(AF_UNIX, type, 0));
  const sockaddr_un address = place.address();
  REQUIRE(bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  return fd;
}

// Callers that nobody accepts, as many as the queue takes.
std::vector<Fd> fill_the_queue(const Place& place) {
  const sockaddr_un address = place.address();
  std::vector<Fd> callers;
  for (;;) {
    callers.emplace_back(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
    if (connect(callers.back().get(), reinterpret_cast<const sockaddr*>(&address),
                sizeof address) != 0) {
      REQUIRE(errno == EAGAIN);
      return callers;
    }
  }
}

// Why listening at the place fails.
std::string refusal(const Place& place) {
  try {
    const ListeningSocket taken(place.path(), 0660);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "it listens";
}

}  // namespace

TEST_CASE("a living socket stays, also when its queue is full") {
  const Place place;
  const Fd live = bound(place, SOCK_STREAM);
  REQUIRE(listen(live.get(), 0) == 0);
  const ino_t inode = place.inode();
  const std::string in_use =
      "cannot listen at " + place.path() + ": another process is listening there";
  CHECK(refusal(place) == in_use);
  const std::vector<Fd> callers = fill_the_queue(place);
  CHECK(refusal(place) == in_use);
  CHECK(place.inode() == inode);
}

TEST_CASE("a socket that cannot be looked at stays, and the reason is told") {
  const Place place;
  const Fd live = bound(place, SOCK_STREAM);
  REQUIRE(listen(live.get(), 0) == 0);
  const ino_t inode = place.inode();

  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit used_up = before;
  {
    const Fd next(dup(live.get()));
    used_up.rlim_cur = static_cast<rlim_t>(next.get());
  }
  REQUIRE(setrlimit(RLIMIT_NOFILE, &used_up) == 0);
  const std::string by_path = refusal(place);
  std::string by_port = "it listens";
  try {
    const ListeningSocket taken("127.0.0.1:1", 0660);
  } catch (const std::runtime_error& error) {
    by_port = error.what();
  }
  REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);

  CHECK(by_path == "cannot listen at " + place.path() + ": Too many open files");
  CHECK(by_port == "cannot listen at 127.0.0.1:1: Too many open files");
  CHECK(place.inode() == inode);
}

TEST_CASE("a socket of another kind stays, a dead one is replaced") {
  const Place place;
  ino_t inode = 0;
  SUBCASE("datagrams") {
    const Fd other = bound(place, SOCK_DGRAM);
    inode = place.inode();
    CHECK(refusal(place) ==
          "cannot listen at " + place.path() + ": Protocol wrong type for socket");
    CHECK(place.inode() == inode);
  }
  SUBCASE("dead") {
    { const Fd dead = bound(place, SOCK_STREAM); }
    inode = place.inode();
    {
      const ListeningSocket taken(place.path(), 0660);
      CHECK(place.inode() != 0);
    }
    CHECK(place.inode() == 0);
  }
}
