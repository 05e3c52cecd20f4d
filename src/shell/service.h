// What a shell serves: the functions that decide, and how the way to Threads is set up.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/reply.h"
#include "core/request.h"
#include "threads/exchange.h"

struct Service {
  std::function<Outcome(const Request&)> route;
  std::function<Reply(const Exchange&, const Answer&)> conclude;
  // What a log may show of a path; the text lives as long as the service.
  std::function<std::string_view(std::string_view path)> loggable_path;
  std::string api_url;       // Threads' API: all exchanges go to its host; empty: there are none
  long timeout_ms = 10'000;  // for a whole exchange
  std::string ca_file;       // PEM file; empty: the system's
};

// Workers share a service and swap it whole when the configuration is read again.
using ServicePtr = std::shared_ptr<const Service>;
