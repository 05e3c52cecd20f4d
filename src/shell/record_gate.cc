#include "shell/record_gate.h"

#include <algorithm>

#include "core/request.h"

namespace {

constexpr std::size_t kHeader = 8;
constexpr std::size_t kMaxContent = 65535;
constexpr unsigned char kVersion = 1;
constexpr unsigned char kBeginRequest = 1;
constexpr unsigned char kEndRequest = 3;
constexpr unsigned char kParams = 4;
constexpr unsigned char kStdin = 5;
constexpr unsigned char kStdout = 6;
constexpr unsigned char kStderr = 7;
constexpr unsigned kResponder = 1;
constexpr unsigned char kKeepConn = 1;

// Follows the name-value pairs of PARAMS through any splitting into records. libfcgi allocates what
// the lengths promise, so they must be true.
class PairWalk {
 public:
  // False when a pair is longer than any request may be.
  bool feed(std::span<const unsigned char> bytes) {
    while (!bytes.empty()) {
      if (skip_ > 0) {
        const std::size_t skipped = std::min(skip_, bytes.size());
        skip_ -= skipped;
        bytes = bytes.subspan(skipped);
        continue;
      }
      const unsigned char byte = bytes.front();
      bytes = bytes.subspan(1);
      if (pending_ == 0) {
        const bool is_long = (byte & 0x80U) != 0;
        length_ = byte & 0x7FU;
        pending_ = is_long ? 3 : 0;
      } else {
        length_ = length_ << 8U | byte;
        --pending_;
      }
      if (pending_ > 0) continue;
      if (length_ > kMaxRequest) return false;
      sum_ += length_;
      if (in_name_) {
        in_name_ = false;
      } else {
        skip_ = sum_;
        sum_ = 0;
        in_name_ = true;
      }
    }
    return true;
  }

  [[nodiscard]] bool at_boundary() const { return skip_ == 0 && pending_ == 0 && in_name_; }

 private:
  std::size_t skip_ = 0;    // bytes of the current pair still to come
  std::size_t length_ = 0;  // the length being read
  std::size_t sum_ = 0;     // name length, then name and value length
  int pending_ = 0;         // bytes of a four-byte length still to come
  bool in_name_ = true;
};

unsigned word(unsigned char high, unsigned char low) { return high * 256U + low; }

void append_record(std::string& out, unsigned char type, std::uint16_t id,
                   std::string_view content) {
  const std::size_t padding = (8 - content.size() % 8) % 8;
  const unsigned char header[kHeader] = {kVersion,
                                         type,
                                         static_cast<unsigned char>(id >> 8U),
                                         static_cast<unsigned char>(id & 0xFFU),
                                         static_cast<unsigned char>(content.size() >> 8U),
                                         static_cast<unsigned char>(content.size() & 0xFFU),
                                         static_cast<unsigned char>(padding),
                                         0};
  for (const unsigned char byte : header) out += static_cast<char>(byte);
  out += content;
  out.append(padding, '\0');
}

}  // namespace

GateResult inspect_records(std::span<const unsigned char> bytes) {
  GateResult result;
  enum class Expect { kBegin, kParams, kStdin } expect = Expect::kBegin;
  PairWalk pairs;
  std::size_t params = 0;  // bytes promised so far
  std::size_t body = 0;    // likewise
  std::size_t at = 0;
  const auto malformed = [] { return GateResult{Gate::kMalformed, 0, 0, false}; };

  while (bytes.size() - at >= kHeader) {
    const auto header = bytes.subspan(at, kHeader);
    const unsigned char type = header[1];
    const auto id = static_cast<std::uint16_t>(word(header[2], header[3]));
    const std::size_t length = word(header[4], header[5]);
    const std::size_t padding = header[6];
    if (header[0] != kVersion || id == 0) return malformed();
    // libfcgi takes the padding of these records for the next one; no web server pads them.
    if (padding != 0 && (type == kBeginRequest || length == 0)) return malformed();
    if (expect == Expect::kBegin) {
      if (type != kBeginRequest || length != 8) return malformed();
      result.request_id = id;
    } else if (id != result.request_id || type != (expect == Expect::kParams ? kParams : kStdin)) {
      return malformed();
    }
    if (expect == Expect::kParams) params += length;
    if (expect == Expect::kStdin) body += length;
    if (params > kMaxParams || body > kMaxBody) {
      result.gate = body > kMaxBody ? Gate::kBodyTooLong : Gate::kParamsTooLong;
      return result;
    }
    const bool record_is_here = bytes.size() - at - kHeader >= length + padding;
    if (!record_is_here) break;
    const auto content = bytes.subspan(at + kHeader, length);
    at += kHeader + length + padding;

    switch (expect) {
      case Expect::kBegin:
        if (word(content[0], content[1]) != kResponder) return malformed();
        result.keep_connection = (content[2] & kKeepConn) != 0;
        expect = Expect::kParams;
        break;
      case Expect::kParams:
        if (!pairs.feed(content)) return malformed();
        if (length == 0) {
          if (!pairs.at_boundary()) return malformed();
          expect = Expect::kStdin;
        }
        break;
      case Expect::kStdin:
        if (length == 0) {
          result.gate = Gate::kWhole;
          result.length = at;
          return result;
        }
        break;
    }
  }
  if (bytes.size() >= kMaxRequest && expect != Expect::kBegin) {
    result.gate = expect == Expect::kStdin ? Gate::kBodyTooLong : Gate::kParamsTooLong;
  }
  return result;
}

std::string reply_records(std::uint16_t request_id, std::string_view cgi_reply) {
  std::string out;
  out.reserve(cgi_reply.size() + cgi_reply.size() / kMaxContent * kHeader + 48);
  while (!cgi_reply.empty()) {
    append_record(out, kStdout, request_id, cgi_reply.substr(0, kMaxContent));
    cgi_reply.remove_prefix(std::min(cgi_reply.size(), kMaxContent));
  }
  append_record(out, kStdout, request_id, {});
  append_record(out, kEndRequest, request_id, std::string_view("\0\0\0\0\0\0\0\0", 8));
  return out;
}

std::string farewell_record(std::uint16_t request_id) {
  std::string out;
  append_record(out, kStderr, request_id, {});
  return out;
}
