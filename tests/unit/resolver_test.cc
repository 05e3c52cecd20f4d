// The resolver: what a lookup has found is not lost.
#include "shell/resolver.h"

#include <doctest/doctest.h>
#include <poll.h>

#include <chrono>

TEST_CASE("what a lookup has found is taken, though somebody asks before") {
  Resolver resolver;
  resolver.use("localhost", 443);
  const auto now = Resolver::Clock::now();
  CHECK_FALSE(resolver.is_ready(now));
  pollfd ended{resolver.event_fd(), POLLIN, 0};
  REQUIRE(poll(&ended, 1, 20'000) == 1);
  CHECK_FALSE(resolver.is_ready(now));  // the lookup has ended; its event was not looked at yet
  CHECK(resolver.take_result(now));
  CHECK(resolver.is_ready(now));
  CHECK(resolver.addresses().starts_with("localhost:443:"));
}
