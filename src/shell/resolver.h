// Finds the addresses of Threads' host without keeping a worker waiting: getaddrinfo(3) takes half
// a minute when name servers do not answer, and cannot be interrupted.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

// One host's addresses. Looks them up in a thread of its own, never in two at once. Addresses that
// were found once are used for a minute; where name servers fail after that, they stay in use, so
// that an outage of the name servers alone costs no login. Belongs to one thread, like the worker
// that has it.
class Resolver {
 public:
  using Clock = std::chrono::steady_clock;

  // Throws std::runtime_error.
  Resolver();
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Readable once a lookup has ended: then call take_result().
  [[nodiscard]] int event_fd() const;

  // Which host is asked for from now on. Of the same host the addresses stay known, but count as
  // old.
  void use(const std::string& host, int port);

  // Whether addresses() can be used now. If not, a lookup is under way: ask again when it has
  // ended, or at fallback_due().
  bool is_ready(Clock::time_point now);

  // Takes what a lookup has found. False if the host has no addresses, as far as is known: what
  // waits for them cannot be served.
  bool take_result(Clock::time_point now);

  // "HOST:PORT:ADDRESS[,ADDRESS]...", as CURLOPT_RESOLVE has it. Empty while none is known.
  [[nodiscard]] const std::string& addresses() const { return addresses_; }
  // Changes with the addresses.
  [[nodiscard]] std::uint64_t version() const { return version_; }

  // When the old addresses will be used, if the lookup under way has not ended before.
  [[nodiscard]] std::optional<Clock::time_point> fallback_due() const;

  // The addresses lead nowhere: look them up again before the next use.
  void expire() { fresh_until_ = {}; }

 private:
  struct Lookup;

  void start_lookup(Clock::time_point now);

  std::shared_ptr<Lookup> lookup_;  // shared with its thread, which may outlive the resolver
  Clock::time_point lookup_began_;
  std::string host_;
  int port_ = 0;
  std::string addresses_;
  std::uint64_t version_ = 0;
  Clock::time_point fresh_until_;
};
