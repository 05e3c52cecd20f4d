// UTF-8, which all text from outside must be.
#pragma once

#include <string_view>

// Whether the bytes are UTF-8 as RFC 3629 has it: no overlong forms, no surrogates.
bool is_utf8(std::string_view bytes);
