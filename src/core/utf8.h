// UTF-8, which all text from outside must be.
#pragma once

#include <optional>
#include <string_view>

// Whether the bytes are UTF-8 as RFC 3629 has it: no overlong forms, no surrogates.
bool is_utf8(std::string_view bytes);

// The character that the bytes begin with. Nothing if they do not begin with one.
std::optional<char32_t> first_character(std::string_view bytes);
