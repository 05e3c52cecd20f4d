// Requests by libfcgi. It reads; the replies are written by the worker, which must not block.
#pragma once

#include <optional>

#include "core/request.h"

// Must be called once, before any thread. Throws std::runtime_error.
void start_fastcgi();

// The request that lies whole in the socket's receive buffer (Framing::kWhole says so, or this
// blocks). The connection stays open. Nothing if libfcgi refuses it: then it has closed the
// connection.
std::optional<Request> read_fastcgi_request(int fd);

// The request that CGI variables ("NAME=value", ended by nullptr; RFC 3875 §4.1) describe, its body
// left empty.
Request request_from_variables(const char* const* variables);
