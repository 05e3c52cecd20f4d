// What the sandbox's pages share: one look (light and dark, phone first), no script, nothing loaded
// from elsewhere; and HTML escaping.
#pragma once

#include <string>
#include <string_view>

#include "core/reply.h"

// A whole page around the HTML of its main part, with the headers that it needs.
Reply html_page(std::string_view title, std::string_view main);

// The text with what HTML gives a meaning written as references: for content and for quoted
// attribute values.
std::string escape_html(std::string_view text);
