// Request framing: only whole, well-formed FastCGI requests reach libfcgi.
#include "shell/request_framing.h"

#include <doctest/doctest.h>

#include <string>

#include "core/request.h"

namespace {

std::string record(int type, const std::string& content, int id = 1, int padding = 0,
                   int version = 1) {
  std::string out;
  for (const std::size_t byte :
       {static_cast<std::size_t>(version), static_cast<std::size_t>(type),
        static_cast<std::size_t>(id >> 8), static_cast<std::size_t>(id & 255), content.size() >> 8U,
        content.size() & 255U, static_cast<std::size_t>(padding), std::size_t{0}}) {
    out += static_cast<char>(byte);
  }
  return out + content + std::string(static_cast<std::size_t>(padding), 'p');
}

std::string begin(int role = 1, int flags = 1, int id = 1) {
  const char content[8] = {0, static_cast<char>(role), static_cast<char>(flags), 0, 0, 0, 0, 0};
  return record(1, std::string(content, 8), id);
}

std::string pair(const std::string& name, const std::string& value) {
  std::string out;
  for (const std::size_t size : {name.size(), value.size()}) {
    if (size < 128) {
      out += static_cast<char>(size);
    } else {
      for (const unsigned shift : {24U, 16U, 8U, 0U}) {
        out += static_cast<char>((size >> shift & 255U) | (shift == 24 ? 0x80U : 0U));
      }
    }
  }
  return out + name + value;
}

std::string whole(const std::string& params, const std::string& body) {
  std::string out = begin() + record(4, params, 1, 3) + record(4, "");
  if (!body.empty()) out += record(5, body, 1, 1);
  return out + record(5, "");
}

FramedRequest inspect(const std::string& bytes) {
  return inspect_records({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()});
}

const std::string kParams = pair("REQUEST_METHOD", "POST") + pair("LONG", std::string(300, 'v'));

}  // namespace

TEST_CASE("a whole request passes, and every beginning of it waits") {
  const std::string bytes = whole(kParams, "body");
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    CAPTURE(length);
    CHECK(inspect(bytes.substr(0, length)).framing == Framing::kIncomplete);
  }
  const FramedRequest result = inspect(bytes);
  CHECK(result.framing == Framing::kWhole);
  CHECK(result.length == bytes.size());
  CHECK(result.request_id == 1);
  CHECK(result.keep_connection);
  CHECK(inspect(bytes + "next").length == bytes.size());
}

TEST_CASE("PARAMS may be split anywhere") {
  std::string bytes = begin(1, 0, 258);
  for (const char c : kParams) bytes += record(4, std::string(1, c), 258);
  bytes += record(4, "", 258) + record(5, "", 258);
  const FramedRequest result = inspect(bytes);
  CHECK(result.framing == Framing::kWhole);
  CHECK(result.request_id == 258);
  CHECK_FALSE(result.keep_connection);
}

TEST_CASE("what is no RESPONDER request is refused at once") {
  const std::string params = record(4, kParams) + record(4, "");
  const std::string cases[] = {
      std::string("GET / HTTP/1.1\r\n\r\n"),
      record(1, "12345678", 1, 0, 2),
      begin(1, 1, 0),
      record(1, std::string("\0\x01\x01\0\0\0\0\0", 8), 1, 1),
      begin() + record(4, "", 1, 1),
      begin() + record(4, "") + record(5, "", 1, 8),
      begin(2),
      begin(3),
      record(1, "1234567"),
      record(4, kParams),
      record(9, std::string("\x0f\0FCGI_MAX_CONNS", 16), 0),
      begin() + begin(),
      begin() + record(5, ""),
      begin() + record(2, ""),
      begin() + record(4, kParams, 2),
      begin() + params + record(4, ""),
      begin() + params + record(8, "x"),
      begin() + params + record(2, ""),
      begin() + params + record(5, "x", 2),
      begin() + record(4, "\x05") + record(4, ""),
      begin() + record(4, "\x05\x05name") + record(4, ""),
      begin() + record(4, std::string("\xff\xff\xff\xff\xff\xff\xff\xff", 8)),
  };
  for (const std::string& bytes : cases) {
    CAPTURE(bytes);
    CHECK(inspect(bytes).framing == Framing::kMalformed);
  }
}

TEST_CASE("a request over a limit is told at once, and where it is over") {
  const auto framing = [](const std::string& bytes) { return inspect(bytes).framing; };
  const std::string to_body = begin() + record(4, "");
  // The header of the record that passes the limit is enough: what follows may never come.
  const auto only_header = [](int type, std::size_t size) {
    return record(type, std::string(size, 'x')).substr(0, 8);
  };
  CHECK(framing(to_body + only_header(5, kMaxBody)) == Framing::kIncomplete);
  CHECK(framing(to_body + only_header(5, kMaxBody + 1)) == Framing::kBodyTooLong);
  CHECK(framing(to_body + record(5, std::string(kMaxBody, 'x')) + only_header(5, 1)) ==
        Framing::kBodyTooLong);
  CHECK(framing(begin() + only_header(4, kMaxParams)) == Framing::kIncomplete);
  CHECK(framing(begin() + only_header(4, kMaxParams + 1)) == Framing::kParamsTooLong);
  CHECK(inspect(begin(1, 1, 7) + record(4, "", 7) + record(5, std::string(60'000, 'x'), 7))
            .request_id == 7);

  std::string slivers = begin();
  while (slivers.size() < kMaxRequest) slivers += record(4, std::string(1, '\0'), 1, 255);
  CHECK(framing(slivers.substr(0, kMaxRequest)) == Framing::kParamsTooLong);
  slivers = to_body;
  while (slivers.size() < kMaxRequest) slivers += record(5, "x", 1, 255);
  CHECK(framing(slivers.substr(0, kMaxRequest)) == Framing::kBodyTooLong);
}

TEST_CASE("a reply of any length is cut into records that add up") {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{7}, std::size_t{8},
                                 std::size_t{65535}, std::size_t{65536}, std::size_t{200'000}}) {
    CAPTURE(size);
    const std::string text(size, 'x');
    const std::string records = reply_records(0x1234, text);
    std::string content;
    std::size_t at = 0;
    bool ended = false;
    while (at < records.size()) {
      const auto byte = [&](std::size_t i) {
        return static_cast<std::size_t>(static_cast<unsigned char>(records[at + i]));
      };
      REQUIRE(byte(0) == 1);
      REQUIRE(byte(2) * 256 + byte(3) == 0x1234);
      const std::size_t length = byte(4) * 256 + byte(5);
      if (byte(1) == 6) content += records.substr(at + 8, length);
      if (byte(1) == 3) ended = true;
      at += 8 + length + byte(6);
    }
    CHECK(at == records.size());
    CHECK(ended);
    CHECK(content == text);
  }
}
