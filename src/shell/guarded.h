// Whatever goes wrong while a reply is decided, there is a reply.
#pragma once

#include <exception>

#include "core/reply.h"

// What the function decides; if it throws, a 500 that does not say why: what() could quote a
// secret.
template <typename Function>
Reply guarded(Function decide) {
  try {
    return decide();
  } catch (const std::exception&) {
    return detail_reply(500, "Internal error.");
  }
}
