// Text in ASCII terms, as HTTP's own words are compared.
#pragma once

#include <optional>
#include <string>
#include <string_view>

// With A to Z in lower case.
std::string lower_case(std::string_view text);

// Equal but for the case of A to Z.
bool equals_ignoring_case(std::string_view a, std::string_view b);

// Without blanks and tabs at either end.
std::string_view trimmed(std::string_view text);

// Whether it is a letter, a digit or punctuation of ASCII (VCHAR of RFC 5234).
bool is_visible(char c);

// The number that the first `digits` characters are in hexadecimal; nothing unless all of them are.
std::optional<unsigned> read_hex(std::string_view text, std::size_t digits);
