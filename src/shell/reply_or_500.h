// Whatever goes wrong while a reply is decided, there is a reply.
#pragma once

#include <cxxabi.h>

#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <typeinfo>

#include "core/reply.h"
#include "shell/log.h"

// The exception's type as C++ writes it.
inline std::string type_name(const std::exception& error) {
  const char* const mangled = typeid(error).name();
  const std::unique_ptr<char, decltype(&std::free)> name(
      abi::__cxa_demangle(mangled, nullptr, nullptr, nullptr), std::free);
  return name ? name.get() : mangled;
}

// What the function decides. If it throws: a 500, and the exception's type in the log. Neither says
// more: what() could quote a secret.
template <typename Function>
Reply reply_or_500(Log& log, Function decide) {
  try {
    return decide();
  } catch (const std::exception& error) {
    log.event(Level::kError, "internal error: " + type_name(error));
    return detail_reply(500, "Internal error.");
  }
}
