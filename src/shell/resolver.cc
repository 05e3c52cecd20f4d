#include "shell/resolver.h"

#include <netdb.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "shell/fd.h"

namespace {

constexpr std::chrono::seconds kFresh{60};
// How long an exchange waits for new addresses where old ones are known.
constexpr std::chrono::seconds kPreferFresh{1};
// After a failed lookup the old addresses are used this long before the next lookup.
constexpr std::chrono::seconds kRetry{10};
constexpr int kMaxAddresses = 16;

// "ADDRESS[,ADDRESS]...", in the order in which the system prefers them (RFC 6724); empty if there
// are none.
std::string look_up(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return {};
  std::string list;
  int count = 0;
  for (const addrinfo* one = found; one != nullptr && count < kMaxAddresses; one = one->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (getnameinfo(one->ai_addr, one->ai_addrlen, text.data(), text.size(), nullptr, 0,
                    NI_NUMERICHOST) != 0) {
      continue;
    }
    if (!list.empty()) list += ',';
    list += one->ai_family == AF_INET6 ? "[" + std::string(text.data()) + "]" : text.data();
    ++count;
  }
  freeaddrinfo(found);
  return list;
}

}  // namespace

// What the thread of a lookup shares with the resolver. The resolver may go first: a thread that
// waits for a name server cannot be joined in time, so it is left to end by itself.
struct Resolver::Lookup {
  explicit Lookup() : event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (event.get() < 0) throw std::runtime_error("eventfd failed");
  }

  const Fd event;
  std::mutex guard;      // of what follows
  bool running = false;  // until its end has been taken notice of
  bool ended = false;
  std::string host;   // that was looked up
  std::string found;  // look_up() of it
};

Resolver::Resolver() : lookup_(std::make_shared<Lookup>()) {}

Resolver::~Resolver() = default;

int Resolver::event_fd() const { return lookup_->event.get(); }

void Resolver::use(const std::string& host, int port) {
  expire();
  if (host == host_ && port == port_) return;
  host_ = host;
  port_ = port;
  addresses_.clear();
}

bool Resolver::is_ready(Clock::time_point now) {
  if (!addresses_.empty() && now < fresh_until_) return true;
  start_lookup(now);
  return !addresses_.empty() && now >= lookup_began_ + kPreferFresh;
}

void Resolver::start_lookup(Clock::time_point now) {
  const std::lock_guard lock(lookup_->guard);
  if (lookup_->running) return;
  try {
    std::thread([shared = lookup_, host = host_] {
      std::string found = look_up(host);
      const std::lock_guard done(shared->guard);
      shared->found = std::move(found);
      shared->ended = true;
      eventfd_write(shared->event.get(), 1);
    }).detach();
    lookup_->running = true;
    lookup_->ended = false;
    lookup_->host = host_;
    lookup_began_ = now;
  } catch (const std::system_error&) {
    // The system has no thread to give: old addresses are used at once, and who has none asks again
    // until the timeout.
  }
}

bool Resolver::take_result(Clock::time_point now) {
  eventfd_t ignored = 0;
  eventfd_read(event_fd(), &ignored);
  const std::lock_guard lock(lookup_->guard);
  if (!lookup_->ended) return true;
  lookup_->ended = false;
  lookup_->running = false;
  if (lookup_->host != host_) return true;  // it has changed, and is looked up next
  if (lookup_->found.empty()) {
    fresh_until_ = now + kRetry;
    return !addresses_.empty();
  }
  fresh_until_ = now + kFresh;
  std::string entry = host_ + ":" + std::to_string(port_) + ":" + lookup_->found;
  if (entry != addresses_) {
    addresses_ = std::move(entry);
    ++version_;
  }
  return true;
}

std::optional<Resolver::Clock::time_point> Resolver::fallback_due() const {
  if (addresses_.empty()) return std::nullopt;
  return lookup_began_ + kPreferFresh;
}
