#include "shell/request_framing.h"

#include <algorithm>
#include <optional>

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

struct Record {
  std::uint16_t id;
  std::size_t length;
  std::size_t padding;
};

// What a header says, or nothing if no record of a request at this point has it.
std::optional<Record> read_header(std::span<const unsigned char> header, unsigned char expected) {
  const Record record{static_cast<std::uint16_t>(word(header[2], header[3])),
                      word(header[4], header[5]), header[6]};
  if (header[0] != kVersion || header[1] != expected || record.id == 0) return std::nullopt;
  if (expected == kBeginRequest && record.length != 8) return std::nullopt;
  // libfcgi takes the padding of these for the next record; no web server pads them.
  const bool may_be_padded = expected != kBeginRequest && record.length > 0;
  if (record.padding > 0 && !may_be_padded) return std::nullopt;
  return record;
}

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

FramedRequest inspect_records(std::span<const unsigned char> bytes) {
  constexpr FramedRequest kNoRequest{Framing::kMalformed, 0, 0, false};
  FramedRequest result;
  unsigned char expected = kBeginRequest;  // then kParams, then kStdin
  PairWalk pairs;
  std::size_t params = 0;  // bytes promised so far
  std::size_t body = 0;    // likewise
  std::size_t at = 0;

  while (bytes.size() - at >= kHeader) {
    const auto record = read_header(bytes.subspan(at, kHeader), expected);
    if (!record) return kNoRequest;
    if (expected != kBeginRequest && record->id != result.request_id) return kNoRequest;
    result.request_id = record->id;
    if (expected == kParams) params += record->length;
    if (expected == kStdin) body += record->length;
    if (params > kMaxParams || body > kMaxBody) {
      result.framing = body > kMaxBody ? Framing::kBodyTooLong : Framing::kParamsTooLong;
      return result;
    }
    const bool is_here = bytes.size() - at - kHeader >= record->length + record->padding;
    if (!is_here) break;
    const auto content = bytes.subspan(at + kHeader, record->length);
    at += kHeader + record->length + record->padding;

    if (expected == kBeginRequest) {
      if (word(content[0], content[1]) != kResponder) return kNoRequest;
      result.keep_connection = (content[2] & kKeepConn) != 0;
      expected = kParams;
    } else if (expected == kParams) {
      const bool ends = content.empty();
      if (!pairs.feed(content) || (ends && !pairs.at_boundary())) return kNoRequest;
      if (ends) expected = kStdin;
    } else if (content.empty()) {
      result.framing = Framing::kWhole;
      result.length = at;
      return result;
    }
  }
  if (bytes.size() >= kMaxRequest && expected != kBeginRequest) {
    result.framing = expected == kStdin ? Framing::kBodyTooLong : Framing::kParamsTooLong;
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

std::string close_announcement(std::uint16_t request_id) {
  std::string out;
  append_record(out, kStderr, request_id, {});
  return out;
}
