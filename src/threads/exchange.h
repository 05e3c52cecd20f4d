// One exchange with Threads: what is sent, what came back. Plain values; the transport is a shell.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "core/reply.h"
#include "core/secret.h"

// A request to Threads. The URL of a GET carries the token in its query (Meta's API demands it).
struct Exchange {
  std::string_view step;  // its name in the catalogue of causes (www/causes.json)
  bool post = false;
  Secret url;
  Secret form;        // application/x-www-form-urlencoded body of a POST
  Secret credential;  // the caller's code or token: must not come back in an error
};

// Why no whole answer came.
enum class Failure { kResolve, kConnect, kTls, kTimeout, kBroken, kTooLarge };

// What came back. A 4xx is an answer; only the lack of a whole one is a failure.
struct Answer {
  std::optional<Failure> failure;
  int status = 0;  // 0 when no status line came
  std::string body;
  long retry_after = 0;  // seconds, 0 if Threads named none
};

constexpr std::size_t kMaxAnswer = std::size_t{64} * 1024;  // bytes

// The sentence that the product is: a request becomes a reply at once, or one exchange and then a
// reply.
using Outcome = std::variant<Reply, Exchange>;
