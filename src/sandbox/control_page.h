// The page on which a person lets the sandbox's time pass and its API fail.
#pragma once

#include <cstdint>

#include "core/reply.h"

// How the API answers.
enum class Mode {
  kNormal,
  kSlow,    // right, but too late for the program
  kError,   // with status 500, nothing done
  kBroken,  // with the first half of the right answer
};

// What the page says.
struct Control {
  std::int64_t passed = 0;  // seconds that the sandbox is ahead of the real time
  Mode mode = Mode::kNormal;
};

// The page with the headers it needs. Its forms post `pass` to "sandbox/clock" and `mode` to
// "sandbox/mode", relative to the page.
Reply control_page(const Control& control);
