// Text in ASCII terms.
#include "core/text.h"

#include <doctest/doctest.h>

TEST_CASE("hexadecimal digits, exactly so many") {
  CHECK(read_hex("7f", 2) == 0x7FU);
  CHECK(read_hex("FFFF", 4) == 0xFFFFU);
  CHECK(read_hex("41rest", 2) == 0x41U);
  for (const char* bad : {"", "4", "4g", "g4", " 4", "-4", "+4", "0x"}) {
    CAPTURE(bad);
    CHECK_FALSE(read_hex(bad, 2));
  }
}
