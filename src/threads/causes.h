// The catalogue of what goes wrong: www/causes.json, which the page and the API's hints share.
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

// What to do about the error, in a sentence or two; empty when we know no better than Threads' own
// message.
std::string_view find_hint(std::string_view step, int status, const ThreadsError& error);
