// Takes secrets out of a text that somebody else wrote before we show it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

constexpr std::string_view kRedacted = "[redacted]";
// Nothing shorter is taken for a secret, or a code like "a" would tear every sentence apart. Real
// codes and tokens have over a hundred characters, app secrets 32.
constexpr std::size_t kShortestSecret = 8;

// The text without the given secrets, plain, percent-encoded (once or more, in either case) or as
// in a form, and without URLs below api_url; of a long text the beginning.
std::string redact(std::string_view text, const std::vector<std::string_view>& secrets,
                   std::string_view api_url);
