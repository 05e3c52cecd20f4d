// A request's name in the log and in the answer's X-Request-Id, so that an operator finds the line
// that a caller tells of.
#pragma once

#include <cstdint>
#include <string>

// Gives names that no other process gives, as far as chance goes. They are no secret: whoever sees
// some can tell the next.
class RequestIds {
 public:
  // Throws std::runtime_error when the system has no randomness.
  RequestIds();

  // 16 hex digits; twice the same only after 2^64.
  std::string next();

 private:
  std::uint64_t state_ = 0;
};
