// The .env format: python-dotenv's cases, without interpolation and with errors instead of
// warnings.
#include "core/env_file.h"

#include <doctest/doctest.h>

namespace {
struct Case {
  const char* text;
  Environment expected;
};
}  // namespace

TEST_CASE("parse_env_file follows python-dotenv") {
  const Case cases[] = {
      {"", {}},
      {"\n\n  \n", {}},
      {"# comment\n  # another", {}},
      {"a=b", {{"a", "b"}}},
      {"a=b\n", {{"a", "b"}}},
      {"a=b\r\nc=d\re=f\n", {{"a", "b"}, {"c", "d"}, {"e", "f"}}},
      {" a = b ", {{"a", "b"}}},
      {"\t a\t=\tb\t\n", {{"a", "b"}}},
      {"a=b=c", {{"a", "b=c"}}},
      {"a=", {{"a", ""}}},
      {"a=\nb=1", {{"a", ""}, {"b", "1"}}},
      {"a", {}},
      {"a # comment", {}},
      {"export a=b", {{"a", "b"}}},
      {"export\t a=b", {{"a", "b"}}},
      {"exported=b", {{"exported", "b"}}},
      {"export=b", {{"export", "b"}}},
      {"a=b c", {{"a", "b c"}}},
      {"a=b #c", {{"a", "b"}}},
      {"a=b\t#c", {{"a", "b"}}},
      {"a=b#c", {{"a", "b#c"}}},
      {"a=#c", {{"a", "#c"}}},
      {"a='b'", {{"a", "b"}}},
      {"a='b c' # d", {{"a", "b c"}}},
      {"a='b #c'", {{"a", "b #c"}}},
      {"a='b\\'c'", {{"a", "b'c"}}},
      {"a='b\\nc'", {{"a", "b\\nc"}}},
      {"a='b\\\\c'", {{"a", "b\\c"}}},
      {"a='b\nc'\nd=e", {{"a", "b\nc"}, {"d", "e"}}},
      {"a=\"b\"", {{"a", "b"}}},
      {"a=\"b\\nc\\t\\\"d\\\"\"", {{"a", "b\nc\t\"d\""}}},
      {"a=\"b\nc\"", {{"a", "b\nc"}}},
      {"a=\"b'c\"", {{"a", "b'c"}}},
      {"a=\"\\x\"", {{"a", "\\x"}}},
      {"a=\"\"", {{"a", ""}}},
      {"'a b'=c", {{"a b", "c"}}},
      {"a=1\na=2", {{"a", "2"}}},
      {"a=$b${c}", {{"a", "$b${c}"}}},
      {"a=\"$b\"", {{"a", "$b"}}},
      {"a=\u00e9\u20ac", {{"a", "\u00e9\u20ac"}}},
      {"\xEF\xBB\xBF"
       "a=b",
       {{"a", "b"}}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const auto parsed = parse_env_file(c.text);
    REQUIRE(std::holds_alternative<Environment>(parsed));
    CHECK(std::get<Environment>(parsed) == c.expected);
  }
}

TEST_CASE("a bad line is an error with its number") {
  struct Bad {
    const char* text;
    std::size_t line;
  };
  const Bad cases[] = {
      {"a b", 1},
      {"a=b\nc d\ne=f", 2},
      {"=b", 1},
      {"a='b", 1},
      {"a=\"b", 1},
      {"\n\na='b'c", 3},
      {"a='x\ny'\nb c", 3},
      {"a=1\r\nb=2\r\nc d", 3},
      {"a=\"b\" c", 1},
      {"'a=b", 1},
      {"''=b", 1},
      {"a=b\n'c", 2},
  };
  for (const Bad& c : cases) {
    CAPTURE(c.text);
    const auto parsed = parse_env_file(c.text);
    REQUIRE(std::holds_alternative<EnvFileError>(parsed));
    CHECK(std::get<EnvFileError>(parsed).line == c.line);
  }
}
