// Forms and queries: what is decoded, what is refused, what is written.
#include "core/form.h"

#include <doctest/doctest.h>

#include <string>

TEST_CASE("parse_form decodes, keeps order and repetitions") {
  const auto fields = parse_form("a=1&b=x+y%20z&a=2&empty=&bare&=nameless&&%C3%A9=%e2%82%ac");
  REQUIRE(fields.has_value());
  const Fields expected = {{"a", "1"},   {"b", "x y z"},   {"a", "2"},          {"empty", ""},
                           {"bare", ""}, {"", "nameless"}, {"\u00e9", "\u20ac"}};
  CHECK(*fields == expected);
  CHECK(count_field(*fields, "a") == 2);
  CHECK(*find_field(*fields, "a") == "1");
  CHECK(find_field(*fields, "none") == nullptr);
  CHECK(parse_form("")->empty());
  CHECK(parse_form("v=a=b")->front().second == "a=b");
  CHECK(parse_form("v=%00x")->front().second == std::string("\0x", 2));
}

TEST_CASE("parse_form refuses bad percent signs and bytes that are no UTF-8") {
  for (const std::string text : {"a=%", "a=%4", "a=%zz", "a=%4g", "a=100%", "%=1", "a=%ff", "a=%C3",
                                 "a=%ED%A0%80", "a=\xff", "ok=1&a=%"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_form(text).has_value());
  }
}

TEST_CASE("build_form encodes all but unreserved characters, and parse_form reads it back") {
  CHECK(build_form({{"code", "a#_&=+ %"}, {"uri", "https://x/~a-b_c.d"}}) ==
        "code=a%23_%26%3D%2B%20%25&uri=https%3A%2F%2Fx%2F~a-b_c.d");
  std::string all;
  for (int c = 0; c < 128; ++c) all += static_cast<char>(c);
  all += "\u00e9\u20ac\U0001F600";
  CHECK(parse_form(build_form({{"v", all}}))->front().second == all);
  CHECK(percent_encode(std::string("\0", 1)) == "%00");
}
