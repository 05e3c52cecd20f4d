// Many callers straight at the program, without a web server and its descriptors: each keeps a
// FastCGI connection on a unix socket and posts one login after the other. One more asks for
// /config all the while. Prints a line of JSON at the end of each phase, about that phase:
//   started    every caller has had an answer
//   measured   the measured time is over: as many exchanges are in flight as when it began
//   finished   the last exchange has ended
// and then holds the idle connections until its standard input ends.
// Usage: fastcgi_load SOCKET CALLERS START_SECONDS MEASURED_SECONDS BODY
//   The callers begin evenly over START_SECONDS. Without a measured time each posts one login.
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kProbeEvery{20};

double ms_since(Clock::time_point then) {
  return std::chrono::duration<double, std::milli>(Clock::now() - then).count();
}

std::string record(int type, std::string_view content) {
  std::string out{1,
                  static_cast<char>(type),
                  0,
                  1,
                  static_cast<char>(content.size() >> 8U),
                  static_cast<char>(content.size() & 0xFFU),
                  0,
                  0};
  return out.append(content);
}

std::string pair(std::string_view name, std::string_view value) {
  std::string out{static_cast<char>(name.size()), static_cast<char>(value.size())};
  return out.append(name).append(value);
}

// The bytes of a whole request on a connection that is to be kept (FastCGI 1.0 §3, §5).
std::string request(std::string_view method, std::string_view path, std::string_view body) {
  std::string params = pair("REQUEST_METHOD", method) + pair("SCRIPT_NAME", path) +
                       pair("QUERY_STRING", "") + pair("SERVER_PROTOCOL", "HTTP/1.1");
  if (!body.empty()) {
    params += pair("CONTENT_TYPE", "application/json") +
              pair("CONTENT_LENGTH", std::to_string(body.size()));
  }
  return record(1, std::string_view("\0\1\1\0\0\0\0\0", 8)) + record(4, params) + record(4, "") +
         (body.empty() ? "" : record(5, body)) + record(5, "");
}

struct Caller {
  int fd = -1;
  Clock::time_point asked;
  std::string got;
  bool answered = false;
};

// Whether the records end with END_REQUEST.
bool is_whole(std::string_view bytes) {
  while (bytes.size() >= 8) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
    const std::size_t size = 8 + byte(4) * 256U + byte(5) + byte(6);
    if (bytes.size() < size) return false;
    if (byte(1) == 3) return true;
    bytes.remove_prefix(size);
  }
  return false;
}

class Load {
 public:
  Load(const char* path, std::size_t callers, std::string login)
      : callers_(callers + 1), login_(std::move(login)), probe_(request("GET", "/config", "")) {
    address_.sun_family = AF_UNIX;
    std::strncpy(address_.sun_path, path, sizeof address_.sun_path - 1);
  }

  void run(double start, double measured) {
    const std::size_t count = callers_.size() - 1;  // the last one is the probe
    const auto began = Clock::now();
    auto next_probe = began;
    repeat_ = measured > 0;
    enum class Phase { kStart, kMeasure, kFinish } phase = Phase::kStart;
    while (phase != Phase::kFinish || open_ > 0) {
      const double share = std::min(ms_since(began) / 1e3 / start, 1.0);
      while (started_ < static_cast<std::size_t>(share * static_cast<double>(count))) {
        ask(started_++);
      }
      if (!probing_ && Clock::now() >= next_probe) {
        next_probe = Clock::now() + kProbeEvery;
        ask(count);
      }
      wait(started_ < count ? 1 : static_cast<int>(kProbeEvery.count()));
      if (phase == Phase::kStart && callers_answered_ == count) {
        print("started");
        phase = Phase::kMeasure;
      }
      if (phase == Phase::kMeasure && ms_since(since_) >= measured * 1e3) {
        print("measured");
        phase = Phase::kFinish;
        repeat_ = false;
      }
    }
    print("finished");
  }

 private:
  void ask(std::size_t i) {
    Caller& caller = callers_[i];
    const bool is_probe = i + 1 == callers_.size();
    if (caller.fd < 0) {
      caller.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (connect(caller.fd, reinterpret_cast<const sockaddr*>(&address_), sizeof address_) != 0) {
        std::perror("fastcgi_load: connect");
        std::exit(1);
      }
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u64 = i;
      epoll_ctl(epoll_, EPOLL_CTL_ADD, caller.fd, &event);
    }
    const std::string& bytes = is_probe ? probe_ : login_;
    caller.asked = Clock::now();
    caller.got.clear();
    if (is_probe)
      probing_ = true;
    else
      ++open_;
    if (send(caller.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(bytes.size())) {
      answered(i, false);
    }
  }

  void wait(int ms) {
    std::array<epoll_event, 256> events{};
    const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), ms);
    for (int e = 0; e < count; ++e) {
      const std::size_t i = events[static_cast<std::size_t>(e)].data.u64;
      Caller& caller = callers_[i];
      std::array<char, 8192> bytes{};
      const ssize_t got = recv(caller.fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
      if (got < 0) continue;
      caller.got.append(bytes.data(), static_cast<std::size_t>(got));
      const bool whole = is_whole(caller.got);
      if (got > 0 && !whole) continue;
      answered(i, whole && caller.got.find("Status: 200") != std::string::npos);
    }
  }

  void answered(std::size_t i, bool well) {
    Caller& caller = callers_[i];
    if (!well) {
      ++failures_;
      close(caller.fd);
      caller.fd = -1;
    }
    if (i + 1 == callers_.size()) {
      probing_ = false;
      probe_ms_.push_back(ms_since(caller.asked));
      return;
    }
    --open_;
    ms_.push_back(ms_since(caller.asked));
    if (!std::exchange(caller.answered, true)) ++callers_answered_;
    if (repeat_) ask(i);
  }

  static double at(std::vector<double>& sorted, double share) {
    if (sorted.empty()) return 0;
    std::sort(sorted.begin(), sorted.end());
    return sorted[static_cast<std::size_t>(static_cast<double>(sorted.size() - 1) * share)];
  }

  void print(const char* phase) {
    std::printf(
        "{\"phase\":\"%s\",\"requests\":%zu,\"seconds\":%.3f,\"failures\":%zu,"
        "\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
        "\"config\":{\"requests\":%zu,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f}}\n",
        phase, ms_.size(), ms_since(since_) / 1e3, failures_, at(ms_, 0.5), at(ms_, 0.99),
        probe_ms_.size(), at(probe_ms_, 0.5), at(probe_ms_, 0.99), at(probe_ms_, 1));
    std::fflush(stdout);
    ms_.clear();
    probe_ms_.clear();
    failures_ = 0;
    since_ = Clock::now();
  }

  sockaddr_un address_{};
  int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  std::vector<Caller> callers_;
  std::string login_;
  std::string probe_;
  std::size_t started_ = 0;
  std::size_t callers_answered_ = 0;
  std::size_t open_ = 0;
  std::size_t failures_ = 0;
  bool probing_ = false;
  bool repeat_ = false;
  Clock::time_point since_ = Clock::now();
  std::vector<double> ms_;
  std::vector<double> probe_ms_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  Load load(argv[1], std::strtoul(argv[2], nullptr, 10), request("POST", "/access-token", argv[5]));
  load.run(std::atof(argv[3]), std::atof(argv[4]));
  while (std::getchar() != EOF) {
  }
}
