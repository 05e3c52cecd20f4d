// A string that must not be shown: a secret, a token, a code, or text that holds one.
// It has no operator<<, so it cannot slip into a log line or an error by mistake.
#pragma once

#include <string>
#include <utility>

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}

  // The value itself. Every use is a place to look at when asking where a secret can go.
  [[nodiscard]] const std::string& reveal() const { return value_; }
  [[nodiscard]] bool empty() const { return value_.empty(); }

 private:
  std::string value_;
};
