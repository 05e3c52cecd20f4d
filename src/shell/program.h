// A FastCGI/CGI program around a service: its options, its configuration, its modes, its end.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/env_file.h"
#include "core/finding.h"
#include "shell/service.h"
#include "threads/exchange.h"

// One thing that --check --online asks Threads.
struct Question {
  Exchange exchange;
  std::function<Finding(const Answer&)> judge;  // what the answer tells
};

// All that a configuration says, read once.
struct Configured {
  ServicePtr service;
  std::string description;            // what --check prints
  std::vector<std::string> warnings;  // what --check warns of
  std::vector<Question> questions;    // what --check --online asks, in this order
  std::string host;                   // name of Threads' host; empty: it is an address
};

struct Program {
  std::string_view name;
  std::string_view purpose;  // one line for --help
  // What the variables say, or a sentence for everything wrong with them.
  std::function<std::variant<Configured, std::vector<std::string>>(const Environment&)> configure;
};

// Runs it until it is told to end. Gives the exit status: 0, 1 (cannot start, or --online found
// something wrong), 2 (usage), 78 (configuration; EX_CONFIG of sysexits.h).
int run_program(const Program& program, int argc, char** argv);
