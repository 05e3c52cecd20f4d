#include "core/utf8.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

// The bytes alone, and at each place in ASCII text: eight bytes are looked at together.
std::vector<std::string> in_every_place(const std::string& bytes) {
  std::vector<std::string> texts = {bytes};
  const std::string ascii = "seventeen letters";
  for (std::size_t at = 0; at <= ascii.size(); ++at) {
    texts.push_back(ascii.substr(0, at) + bytes + ascii.substr(at));
  }
  return texts;
}

}  // namespace

TEST_CASE("is_utf8 follows RFC 3629") {
  for (const std::string good : {"", "plain", "\u00e9", "\u20ac", "\U0001F600", "\xED\x9F\xBF",
                                 "\xEE\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    CAPTURE(good);
    for (const std::string& text : in_every_place(good)) CHECK(is_utf8(text));
  }
  for (const std::string bad :
       {"\x80", "\xC0\xAF", "\xC1\xBF", "\xE0\x80\xAF", "\xE0\x9F\xBF", "\xED\xA0\x80",
        "\xF0\x80\x80\xAF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xC3", "\xE2\x82",
        "\xF0\x9F\x98", "a\xC3z", "\xE2\x28\xA1"}) {
    CAPTURE(bad);
    for (const std::string& text : in_every_place(bad)) CHECK_FALSE(is_utf8(text));
  }
}

TEST_CASE("the first character") {
  CHECK(first_character("z\u00e9") == U'z');
  CHECK(first_character("\u00e9z") == U'\u00e9');
  CHECK(first_character("\u20acz") == U'\u20ac');
  CHECK(first_character("\U0001F600") == U'\U0001F600');
  for (const std::string bad : {"", "\x80z", "\xC3z", "\xE2\x82", "\xED\xA0\x80"}) {
    CAPTURE(bad);
    CHECK_FALSE(first_character(bad));
  }
}
