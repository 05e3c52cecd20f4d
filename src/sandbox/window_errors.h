// The errors of the authorization window that never come back to the app: Meta shows each as raw
// JSON on its own page. One table: the window's own rules answer by it, and a person can choose
// from it.
#pragma once

#include <span>
#include <string_view>

struct WindowError {
  std::string_view decision;  // what the consent page posts to rehearse it
  int code = 0;               // 0: Meta's JSON has none
  std::string_view message;
  std::string_view line;  // what it is about, for a person
};

constexpr int kNotATester = 1349245;
constexpr int kRedirectNotRegistered = 1349168;
constexpr int kRedirectInsecure = 1349187;
constexpr int kWrongAppId = 1349026;
constexpr int kNoAppId = 4476002;
constexpr int kUnknown = 1;

std::span<const WindowError> window_errors();
