// The command line.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <variant>

struct Options {
  std::string listen;  // PATH or HOST:PORT; empty: look for a socket that was handed over
  mode_t socket_mode = 0660;
  std::string env_file;  // empty: $THREADS_ENV_FILE, else .env if there is one
  unsigned workers = 1;
  std::size_t max_in_flight = 0;  // exchanges of all workers; 0: as many as descriptors allow
  bool check = false;
  bool online = false;  // goes with check
  bool version = false;
  bool help = false;
};

// The options, or a sentence on the first mistake.
std::variant<Options, std::string> parse_options(int argc, const char* const* argv);

// What --help prints.
std::string usage(std::string_view program, std::string_view purpose);
