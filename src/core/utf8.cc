#include "core/utf8.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace {

// How many bytes the character beyond ASCII at the front has, 0 if it is none (RFC 3629 §4).
std::size_t character_length(std::string_view bytes) {
  const auto lead = static_cast<unsigned char>(bytes.front());
  const std::size_t length = lead >= 0xC2 && lead <= 0xDF   ? 2
                             : lead >= 0xE0 && lead <= 0xEF ? 3
                             : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                            : 0;
  if (length == 0 || bytes.size() < length) return 0;
  // No overlong form, no surrogate, nothing beyond U+10FFFF: the second byte shows it.
  const auto second = static_cast<unsigned char>(bytes[1]);
  const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  const std::string_view rest = bytes.substr(2, length - 2);
  const bool good =
      second >= low && second <= high && std::all_of(rest.begin(), rest.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
      });
  return good ? length : 0;
}

bool are_eight_ascii(std::string_view bytes) {
  std::uint64_t eight = 0;
  if (bytes.size() < sizeof eight) return false;
  std::memcpy(&eight, bytes.data(), sizeof eight);
  return (eight & 0x8080'8080'8080'8080U) == 0;
}

}  // namespace

bool is_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    std::size_t length = 1;
    if (are_eight_ascii(bytes)) {
      length = 8;
    } else if (static_cast<unsigned char>(bytes.front()) >= 0x80) {
      length = character_length(bytes);
    }
    if (length == 0) return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::optional<char32_t> first_character(std::string_view bytes) {
  if (bytes.empty()) return std::nullopt;
  const auto lead = static_cast<unsigned char>(bytes.front());
  if (lead < 0x80) return lead;
  const std::size_t length = character_length(bytes);
  if (length == 0) return std::nullopt;
  char32_t code = lead & (0x7FU >> length);
  for (const char c : bytes.substr(1, length - 1)) {
    code = (code << 6U) | (static_cast<unsigned char>(c) & 0x3FU);
  }
  return code;
}
