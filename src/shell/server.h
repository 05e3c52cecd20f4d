// A FastCGI server: workers on listening sockets, from the first connection to the last reply.
#pragma once

#include <csignal>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "shell/listen.h"
#include "shell/service.h"

struct ServerPlan {
  std::string_view name;           // of the program, for the log
  std::vector<int> listeners;      // non-blocking; must outlive the server
  ListeningSocket* own = nullptr;  // the listener, if we have made it; else it was handed over
  unsigned workers = 1;
  std::size_t max_in_flight = 0;  // exchanges of all workers; 0: as many as descriptors allow
  ServicePtr service;
  std::vector<std::string> warnings;  // for the operator, told at the start
  // What SIGHUP asks for: the service of the configuration as it is now, or what is wrong with it.
  std::function<std::variant<ServicePtr, std::vector<std::string>>()> configure;
};

// SIGTERM, SIGINT and SIGHUP. They must be blocked before any thread is started: the server waits
// for them.
sigset_t server_signals();

// Serves until SIGTERM or SIGINT, and until what is in flight then is finished. Gives the exit
// status: 0, or 1 after a failure that the log tells of. Throws std::exception if it cannot start.
int serve(const ServerPlan& plan);
