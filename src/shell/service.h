// What a shell serves: the two functions that decide, and how the way to Threads is set up.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/reply.h"
#include "core/request.h"
#include "threads/exchange.h"

struct Service {
  std::function<Outcome(const Request&)> route;
  std::function<Reply(const Exchange&, const Answer&)> conclude;
  long timeout_ms = 10'000;  // for a whole exchange
  std::string ca_file;       // PEM file; empty: the system's
};

// Workers share a service and swap it whole when the configuration is read again.
using ServicePtr = std::shared_ptr<const Service>;
