// The log's lines: what a caller chooses never fills or breaks one.
#include "shell/log.h"

#include <doctest/doctest.h>

#include <chrono>
#include <string>

namespace {

std::string logged(const RequestLine& line) {
  std::string text;
  {
    Log log([&](std::string_view lines) { text += lines; });
    log.request(line);
  }
  return text;
}

std::string method_shown(std::string_view method) {
  const std::string text = logged({"id", method, "/me", 200, 0, {}});
  const std::size_t begin = text.find(" method=") + 8;
  return text.substr(begin, text.find(" path=") - begin);
}

}  // namespace

TEST_CASE("a method is shown if it is one to sixteen capital letters") {
  CHECK(method_shown("GET") == "GET");
  CHECK(method_shown("ABCDEFGHIJKLMNOP") == "ABCDEFGHIJKLMNOP");
  CHECK(method_shown("AZ") == "AZ");
  const std::string long_one(17, 'X');
  for (const std::string& method :
       {std::string(), std::string("get"), std::string("GE T"), std::string("GET\n"),
        std::string("GET "), std::string("G-T"), std::string("G@T"), std::string("G[T"),
        std::string("G\0T", 3), long_one}) {
    CAPTURE(method);
    CHECK(method_shown(method) == "-");
  }
}

TEST_CASE("a request's line says what came of it, and when it was slow") {
  using std::chrono::microseconds;
  const auto rest_of = [](const RequestLine& line) {
    const std::string text = logged(line);
    return text.substr(text.find(" id="));
  };
  CHECK(rest_of({"id", "GET", "/me", 200, 200, microseconds(12'034)}) ==
        " id=id method=GET path=/me status=200 upstream=200 ms=12.034\n");
  CHECK(rest_of({"id", "GET", "-", 404, 0, microseconds(999'999)}) ==
        " id=id method=GET path=- status=404 upstream=- ms=999.999\n");
  CHECK(rest_of({"id", "GET", "-", 404, 0, microseconds(1'000'000)}) ==
        " id=id method=GET path=- status=404 upstream=- ms=1000.000 slow=yes\n");
}

TEST_CASE("an event stays one line, whatever its text") {
  std::string text;
  {
    Log log([&](std::string_view lines) { text += lines; });
    log.event(Level::kError, "a \"b\"\nc\x1f \xC3\xA9");
  }
  CHECK(text.substr(text.find(" msg=")) == " msg=\"a 'b''c' \xC3\xA9\"\n");
}
