// Query strings and forms (application/x-www-form-urlencoded, WHATWG URL §5): read and written.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Names and values in the order of the text; a name may come more than once.
using Fields = std::vector<std::pair<std::string, std::string>>;

// The fields of a query or form, '+' and percent signs decoded. Nothing if a percent sign is not
// followed by two hex digits or the decoded bytes are not UTF-8.
std::optional<Fields> parse_form(std::string_view text);

// The first value of a name, or nullptr.
const std::string* find_field(const Fields& fields, std::string_view name);

// How often a name comes.
std::size_t count_field(const Fields& fields, std::string_view name);

// "a=1&b=2", each name and value percent-encoded but for RFC 3986's unreserved characters.
std::string build_form(const std::vector<std::pair<std::string_view, std::string_view>>& fields);

// One value percent-encoded likewise.
std::string percent_encode(std::string_view value);
