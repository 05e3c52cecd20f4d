// What to do about the mistakes that people really make.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "threads/exchange.h"

// An error as Threads tells it, whichever of its shapes it came in.
struct ThreadsError {
  std::string message;
  std::string type;
  std::optional<long> code;
  std::optional<long> subcode;
  std::string trace;
};

// A sentence on what to do, or nothing when we know no better than Threads' own message.
std::string_view find_hint(Step step, int status, const ThreadsError& error);
