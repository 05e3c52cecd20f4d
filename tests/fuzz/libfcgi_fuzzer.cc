// libfcgi behind the framing: what inspect_records() calls whole is read at once, as it was
// sent, and to its last byte. The input is what a peer sends, or behind an 'R'
// a recipe for it: see cook().
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "check.h"
#include "records.h"
#include "shell/fastcgi.h"
#include "shell/request_framing.h"

namespace {

constexpr std::uint16_t kId = 258;

// Records cut as the recipe says: each of its steps is three bytes (how many
// hundred and how many single bytes of content, how many of padding). What is
// left behind the steps is the content: lines "NAME=value" up to an empty one,
// then the body.
std::string cook(std::string_view recipe) {
  const std::size_t count = recipe.empty() ? 0U : static_cast<unsigned char>(recipe.front()) % 16U;
  recipe.remove_prefix(std::min<std::size_t>(1, recipe.size()));
  const std::string_view steps = recipe.substr(0, count * 3);
  recipe.remove_prefix(steps.size());

  std::string params;
  while (!recipe.empty()) {
    const std::size_t end = std::min(recipe.find('\n'), recipe.size());
    const std::string_view line = recipe.substr(0, end);
    recipe.remove_prefix(std::min(end + 1, recipe.size()));
    if (line.empty()) break;
    const std::size_t equals = std::min(line.find('='), line.size());
    const std::string_view value = line.substr(std::min(equals + 1, line.size()));
    for (const std::size_t length : {equals, value.size()}) {
      if (length >= 128) {
        params += static_cast<char>(length >> 24U | 128U);
        params += static_cast<char>(length >> 16U & 255U);
        params += static_cast<char>(length >> 8U & 255U);
      }
      params += static_cast<char>(length & 255U);
    }
    params.append(line.substr(0, equals)).append(value);
  }

  std::size_t step = 0;
  const auto next = [&]() -> std::size_t {
    return step < steps.size() ? static_cast<unsigned char>(steps[step++]) : 0;
  };
  std::string bytes = make_record(1, kId, std::string_view("\0\1\1\0\0\0\0\0", 8), next());
  const auto send = [&](unsigned char type, std::string_view content) {
    while (!content.empty()) {
      const std::size_t asked = next() * 100 + next();
      const std::size_t length = std::min(asked == 0 ? std::size_t{60'000} : asked, content.size());
      bytes += make_record(type, kId, content.substr(0, length), next());
      content.remove_prefix(length);
    }
    bytes += make_record(type, kId, {}, next());
  };
  send(4, params);
  send(5, recipe);
  return bytes;
}

// What request_from_variables() makes of the same variables: C strings, so a
// NUL ends one.
Request expected_request(const WholeRequest& whole) {
  std::vector<const char*> variables;
  for (const std::string& variable : whole.variables) variables.push_back(variable.c_str());
  variables.push_back(nullptr);
  Request request = request_from_variables(variables.data());
  request.body = whole.body.substr(0, kMaxBody + 1);
  return request;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  start_fastcgi();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.starts_with('R')) bytes = cook(std::string_view(bytes).substr(1));
  bytes.resize(std::min(bytes.size(), kMaxRequest));
  const FramedRequest seen =
      inspect_records({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()});
  if (seen.framing != Framing::kWhole) return 0;
  bytes.resize(seen.length);
  const auto whole = read_whole_request(bytes);
  expect(whole.has_value(), "whole is what the book calls whole");

  std::array<int, 2> ends{};
  expect(socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0, "there is a socket");
  const auto [ours, peers] = ends;
  // A read that waits ends with an error after this time, and the request is not taken; libFuzzer's
  // own limit comes first. To measure the time instead would tell of a busy machine.
  const timeval longest{30, 0};
  setsockopt(ours, SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof longest);
  expect(
      send(peers, bytes.data(), bytes.size(), MSG_DONTWAIT) == static_cast<ssize_t>(bytes.size()),
      "a socket takes a whole request");
  const auto request = read_fastcgi_request(ours);
  expect(request.has_value(), "libfcgi takes what is whole, and never waits");

  const Request expected = expected_request(*whole);
  expect(request->method == expected.method && request->path == expected.path &&
             request->query == expected.query && request->content_type == expected.content_type &&
             request->authorization == expected.authorization && request->host == expected.host &&
             request->https == expected.https && request->content_length == expected.content_length,
         "the variables arrive as they were sent");
  expect(request->body == expected.body, "the body arrives as it was sent");
  char left = '\0';
  expect(recv(ours, &left, 1, MSG_DONTWAIT) < 0, "no byte is left for the next request");
  expect(send(ours, "x", 1, MSG_NOSIGNAL) == 1, "the connection stays open");
  close(ours);
  close(peers);
  return 0;
}
