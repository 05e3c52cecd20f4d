// Request framing in front of libfcgi: inspect_records() agrees with a reading by the
// book, and more bytes never change what it has decided. The input is what a
// peer sends.
#include "shell/request_framing.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "check.h"
#include "core/request.h"
#include "records.h"

namespace {

bool same(const FramedRequest& a, const FramedRequest& b) {
  return a.framing == b.framing && a.length == b.length && a.request_id == b.request_id &&
         a.keep_connection == b.keep_connection;
}

void expect_steady(std::span<const unsigned char> bytes, const FramedRequest& seen) {
  constexpr std::size_t kMostSteps = 256;
  const std::size_t step = bytes.size() / kMostSteps + 1;
  for (std::size_t length = 0; length < bytes.size(); length += step) {
    const FramedRequest before = inspect_records(bytes.first(length));
    if (before.framing != Framing::kIncomplete) {
      expect(same(before, seen), "what is decided stays so, whatever follows");
    }
    if (seen.framing == Framing::kWhole && length < seen.length) {
      expect(before.framing == Framing::kIncomplete,
             "the beginning of a request waits for its end");
    }
  }
}

void expect_reply(std::string_view text, std::uint16_t id) {
  const std::string bytes = reply_records(id, text);
  std::string content;
  std::size_t at = 0;
  while (at < bytes.size()) {
    const auto byte = [&](std::size_t i) {
      return static_cast<std::size_t>(static_cast<unsigned char>(bytes[at + i]));
    };
    expect(bytes.size() - at >= 8 && byte(0) == 1, "a reply is made of records");
    expect(byte(2) * 256 + byte(3) == id, "a reply's records carry its request's id");
    const std::size_t length = byte(4) * 256 + byte(5);
    if (byte(1) == 6) content += bytes.substr(at + 8, length);
    at += 8 + length + byte(6);
  }
  expect(at == bytes.size() && content == text, "a reply's records hold the reply");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const unsigned char> bytes(data,
                                             std::min(size, kMaxRequest));  // a worker peeks so far
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const FramedRequest seen = inspect_records(bytes);
  const auto whole = read_whole_request(text);
  const bool fits = whole && whole->params <= kMaxParams && whole->body.size() <= kMaxBody;
  expect(fits == (seen.framing == Framing::kWhole),
         "whole is what the book calls whole and the limits allow");
  if (fits) {
    expect(seen.length == whole->length && seen.request_id == whole->id &&
               seen.keep_connection == whole->keep_connection,
           "a whole request is described as it is");
  }
  if (seen.framing == Framing::kIncomplete)
    expect(bytes.size() < kMaxRequest, "nobody waits beyond the limit");
  expect_steady(bytes, seen);
  expect_reply(text, static_cast<std::uint16_t>(size));
  return 0;
}
