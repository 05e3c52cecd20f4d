// JSON: what outside bytes may be, and the limits.
#include "core/json.h"

#include <doctest/doctest.h>

#include <string>

namespace {
bool is_json(std::string_view text) {
  return std::holds_alternative<rapidjson::Document>(parse_json(text));
}
std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }
}  // namespace

TEST_CASE("parse_json takes one JSON value and nothing else") {
  for (const std::string good : {"{}", "[]", "null", "\"x\"", "1", " {\"a\" : [1, 2.5e3, true]} \n",
                                 "{\"\\ud83d\\ude00\":1}", "\"\\u0000\""}) {
    CAPTURE(good);
    CHECK(is_json(good));
  }
  for (const std::string bad : {"",
                                " ",
                                "{",
                                "}",
                                "{}{}",
                                "{} x",
                                "{\"a\":}",
                                "{'a':1}",
                                "{\"a\":1,}",
                                "[1,]",
                                "nul",
                                "01",
                                "+1",
                                ".5",
                                "1.",
                                "NaN",
                                "Infinity",
                                "\"",
                                "\"\n\"",
                                "\"\\x\"",
                                "\"\\u12\"",
                                "\"\\ud800\"",
                                "\"\\udc00\"",
                                "\"\\ud800\\u0041\"",
                                "\"\xff\"",
                                "\"\xC3\"",
                                "\xEF\xBB\xBF{}",
                                "/**/{}",
                                "{\"a\":1 \"b\":2}"}) {
    CAPTURE(bad);
    CHECK_FALSE(is_json(bad));
  }
  CHECK_FALSE(is_json(std::string_view("{}\0", 3)));
  CHECK_FALSE(is_json("\xBB{}"));
  CHECK_FALSE(is_json("\xEF{}"));
  CHECK_FALSE(is_json("\xBF\xBB{}"));
}

TEST_CASE("parse_json has a depth limit that brackets in strings do not touch") {
  CHECK(is_json(nested(kMaxJsonDepth)));
  CHECK_FALSE(is_json(nested(kMaxJsonDepth + 1)));
  CHECK_FALSE(is_json(std::string(200'000, '[')));
  CHECK_FALSE(is_json("{\"a\":" + std::string(200'000, '{')));
  CHECK(is_json("[\"" + std::string(1000, '[') + "\\\"" + std::string(1000, '{') + "\"]"));
}

TEST_CASE("the offset of a mistake counts characters, not bytes") {
  const auto parsed = parse_json("{\"\u00e9\u20ac\": x}");
  REQUIRE(std::holds_alternative<JsonError>(parsed));
  CHECK(std::get<JsonError>(parsed).offset == 7);
}

TEST_CASE("members and texts keep their NULs; quote_json gives valid JSON") {
  auto parsed = parse_json(R"({"a\u0000b":"c\u0000d","n":1})");
  auto& document = std::get<rapidjson::Document>(parsed);
  const auto* member = find_member(document, std::string_view("a\0b", 3));
  REQUIRE(member != nullptr);
  CHECK(text_of(*member) == std::string_view("c\0d", 3));
  CHECK(find_member(document, "a") == nullptr);
  CHECK(find_member(*member, "a") == nullptr);
  CHECK(quote_json(std::string_view("\"\\\n\0<", 5)) == "\"\\\"\\\\\\n\\u0000<\"");
  CHECK(to_json(document) == R"({"a\u0000b":"c\u0000d","n":1})");
}

TEST_CASE("surrogates come in pairs or not at all") {
  CHECK(is_json("\"\\ud83d\\ude00\""));
  CHECK(is_json("\"\\\\udc00\""));
  for (const std::string bad : {"\"\\udc00\\ud800\"", "\"x\\uDFFF\"", "\"\\ud83d\\ude00\\ude00\"",
                                "\"\\ud83d\\\\\"", "\"\\ud83d\"", "\"\\ud83dxxxxxxx\""}) {
    CAPTURE(bad);
    CHECK_FALSE(is_json(bad));
  }
}
