#include "threads/redact.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/text.h"

namespace {

// How often a text may be percent-encoded and its secrets still be found: an address in the query
// of an address makes two.
constexpr int kDeepest = 3;

// Looking for secrets takes time by the square of a text's length: of a longer one only the
// beginning is shown, up to a blank, so that no secret is cut.
constexpr std::size_t kLongestText = 1024;  // bytes

using Range = std::pair<std::size_t, std::size_t>;  // from, to

enum class Case { kMatters, kIgnored };

bool same(char a, char b, Case which) {
  return which == Case::kIgnored ? lower_case({&a, 1}) == lower_case({&b, 1}) : a == b;
}

// How a character is written: plain, as '+' for a blank, or percent-encoded so many times over
// (%XX, %25XX, %2525XX). Where it ends in the text, if it is c.
std::optional<std::size_t> match_character(std::string_view text, std::size_t at, char c, int times,
                                           Case which) {
  if (text[at] == '%' && times > 0) {
    std::size_t digits = at + 1;
    for (int i = 1; i < times && text.substr(digits).starts_with("25"); ++i) digits += 2;
    const auto byte = read_hex(text.substr(digits), 2);
    if (byte && same(static_cast<char>(*byte), c, which)) return digits + 2;
  }
  if (same(text[at], c, which) || (text[at] == '+' && c == ' ')) return at + 1;
  return std::nullopt;
}

// Where `what` ends that begins there.
std::optional<std::size_t> match(std::string_view text, std::size_t at, std::string_view what,
                                 int times, Case which) {
  for (const char c : what) {
    if (at >= text.size()) return std::nullopt;
    const auto next = match_character(text, at, c, times, which);
    if (!next) return std::nullopt;
    at = *next;
  }
  return at;
}

void find_all(std::string_view text, std::string_view what, Case which, std::vector<Range>& found) {
  for (int times = 0; times <= kDeepest; ++times) {
    for (std::size_t at = 0; at < text.size(); ++at) {
      if (const auto end = match(text, at, what, times, which)) found.emplace_back(at, *end);
    }
  }
}

// The host with all around it up to the next blank or quote: a URL may come without its scheme.
void find_urls(std::string_view text, std::string_view api_url, std::vector<Range>& found) {
  const std::size_t slashes = api_url.find("//");
  if (slashes == std::string_view::npos || slashes + 2 == api_url.size()) return;
  std::vector<Range> hosts;
  find_all(text, api_url.substr(slashes + 2), Case::kIgnored, hosts);
  const auto is_edge = [](char c) {
    return static_cast<unsigned char>(c) <= 0x20 || c == '"' || c == '\'' || c == '<' || c == '>';
  };
  for (auto [begin, end] : hosts) {
    while (begin > 0 && !is_edge(text[begin - 1])) --begin;
    while (end < text.size() && !is_edge(text[end])) ++end;
    found.emplace_back(begin, end);
  }
}

std::string without(std::string_view text, std::vector<Range> ranges) {
  std::sort(ranges.begin(), ranges.end());
  std::string out;
  std::size_t done = 0;
  for (const auto& [begin, end] : ranges) {
    const bool overlaps = done > 0 && begin < done;
    if (!overlaps) out.append(text.substr(done, begin - done)).append(kRedacted);
    done = std::max(done, end);
  }
  return out.append(text.substr(done));
}

}  // namespace

std::string redact(std::string_view text, const std::vector<std::string_view>& secrets,
                   std::string_view api_url) {
  if (text.size() > kLongestText) {
    const std::size_t blank = text.find_last_of(' ', kLongestText);
    text = text.substr(0, blank == std::string_view::npos ? 0 : blank);
  }
  std::vector<Range> found;
  for (const std::string_view secret : secrets) {
    const bool fits = kShortestSecret <= secret.size() && secret.size() <= text.size();
    if (fits) find_all(text, secret, Case::kMatters, found);
  }
  find_urls(text, api_url, found);
  return without(text, std::move(found));
}
