// Looks at FastCGI records before libfcgi sees them (FastCGI 1.0 §3, §5). libfcgi reads with
// blocking calls and handles half-sent, multiplexed, aborted and malformed input poorly: it gets
// whole, well-formed requests only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

// What a request's PARAMS may take: 8 KiB of query, which web servers send twice, and the headers.
// More is not waited for: the web server's end of a unix socket holds only some 50 KiB in small
// writes.
constexpr std::size_t kMaxParams = std::size_t{32} * 1024;  // bytes
// The most that one request may take with all its records.
constexpr std::size_t kMaxRequest = std::size_t{56} * 1024;  // bytes

enum class Framing {
  kIncomplete,     // wait for more
  kWhole,          // one whole RESPONDER request
  kMalformed,      // not that, and never will be
  kBodyTooLong,    // over kMaxBody, or over kMaxRequest in the body
  kParamsTooLong,  // over kMaxParams, or over kMaxRequest before the body
};

struct FramedRequest {
  Framing framing = Framing::kIncomplete;
  std::size_t length = 0;        // bytes of the whole request; what is behind it is not its own
  std::uint16_t request_id = 0;  // valid unless kMalformed or kIncomplete
  bool keep_connection = false;
};

// Judges the bytes that a connection holds from the beginning of a request.
FramedRequest inspect_records(std::span<const unsigned char> bytes);

// The records of a whole reply (STDOUT, its end, END_REQUEST) around a CGI reply of any length.
std::string reply_records(std::uint16_t request_id, std::string_view cgi_reply);

// An empty STDERR record: says nothing, and makes the peer let go of a kept connection (see
// worker.cc).
std::string close_announcement(std::uint16_t request_id);
