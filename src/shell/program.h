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

struct Program {
  std::string_view name;
  std::string_view purpose;  // one line for --help
  // The service that the variables describe, or a sentence for everything wrong with them.
  std::function<std::variant<ServicePtr, std::vector<std::string>>(const Environment&)> configure;
  // What --check prints; called only with variables that configure accepts.
  std::function<std::string(const Environment&)> describe;
  // What --check warns of, likewise; empty if there is nothing to warn of.
  std::function<std::vector<std::string>(const Environment&)> warn;
  // What --check --online finds out, likewise; empty if there is nothing to ask.
  std::function<std::vector<Finding>(const Environment&)> ask_threads;
};

// Runs it until it is told to end. Gives the exit status: 0, 1 (cannot start, or --online found
// something wrong), 2 (usage), 78 (configuration; EX_CONFIG of sysexits.h).
int run_program(const Program& program, int argc, char** argv);
