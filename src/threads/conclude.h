// What the caller is told of an exchange: the one place that maps Threads' outcome to a reply.
#pragma once

#include "threads/config.h"
#include "threads/exchange.h"

// The reply to the request that the exchange was for. Threads' own JSON byte for byte on success;
// else an error without any secret, token, code or URL of ours in it.
Reply conclude(const Exchange& exchange, const Answer& answer, const Config& config);
