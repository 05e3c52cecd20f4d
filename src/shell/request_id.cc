#include "shell/request_id.h"

#include <sys/random.h>

#include <stdexcept>
#include <string_view>

RequestIds::RequestIds() {
  if (getrandom(&state_, sizeof state_, 0) != sizeof state_) {
    throw std::runtime_error("no randomness");
  }
}

// SplitMix64 (Steele, Lea, Flood 2014): a counter, mixed so that names that follow look unlike.
std::string RequestIds::next() {
  state_ += 0x9E3779B97F4A7C15U;
  std::uint64_t mixed = state_;
  mixed = (mixed ^ mixed >> 30U) * 0xBF58476D1CE4E5B9U;
  mixed = (mixed ^ mixed >> 27U) * 0x94D049BB133111EBU;
  mixed ^= mixed >> 31U;

  std::string id(16, '0');
  for (char& digit : id) {
    digit = std::string_view("0123456789abcdef")[mixed >> 60U];
    mixed <<= 4U;
  }
  return id;
}
