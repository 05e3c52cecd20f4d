// Which request does what: the table of endpoints, and what is asked of Threads for each.
#pragma once

#include <string_view>

#include "core/request.h"
#include "threads/config.h"
#include "threads/exchange.h"

// What a request becomes: a reply at once, or one exchange with Threads. Refuses with the statuses
// of the README's error table; a refused request is never sent to Threads.
Outcome route(const Request& request, const Config& config);

// The path if it is an endpoint's, else "-": what a log may show of it. An unknown path is the
// caller's own text and could hold a token.
std::string_view loggable_path(std::string_view path);
