#include "threads/redact.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace {

// How often a text may be percent-encoded and its secrets still be found: an address in the query
// of an address makes two.
constexpr int kDeepest = 3;

using Range = std::pair<std::size_t, std::size_t>;  // from, to: of the text as it came

// What a text says, and where each of its bytes begins in the text as it came.
struct Reading {
  std::string text;
  std::vector<std::size_t> from;  // one more than bytes: the end
};

Reading as_it_is(std::string_view text) {
  Reading reading{std::string(text), {}};
  for (std::size_t i = 0; i <= text.size(); ++i) reading.from.push_back(i);
  return reading;
}

// With what is percent-encoded decoded once; whatever is no encoding stays.
Reading decoded(const Reading& before, bool plus_is_space) {
  Reading after;
  const std::string& text = before.text;
  for (std::size_t i = 0; i < text.size(); ++i) {
    after.from.push_back(before.from[i]);
    unsigned char byte = 0;
    const char* const hex = text.data() + i + 1;
    if (text[i] == '%' && text.size() - i > 2 &&
        std::from_chars(hex, hex + 2, byte, 16).ptr == hex + 2) {
      after.text += static_cast<char>(byte);
      i += 2;
    } else {
      after.text += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  after.from.push_back(before.from.back());
  return after;
}

void find_all(const Reading& reading, std::string_view what, std::vector<Range>& found) {
  if (what.empty()) return;
  for (std::size_t at = reading.text.find(what); at != std::string::npos;
       at = reading.text.find(what, at + what.size())) {
    found.emplace_back(reading.from[at], reading.from[at + what.size()]);
  }
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

// The host with all around it up to the next blank or quote: a URL may come without its scheme.
void find_urls(std::string_view text, const Reading& reading, std::string_view api_url,
               std::vector<Range>& found) {
  const std::size_t slashes = api_url.find("//");
  if (slashes == std::string_view::npos) return;
  const std::string host = lower(std::string(api_url.substr(slashes + 2)));
  std::vector<Range> hosts;
  find_all({lower(reading.text), reading.from}, host, hosts);
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
  bool any = false;
  for (const auto& [begin, end] : ranges) {
    if (any && begin < done) {  // lies in the one before, or goes on from there
      done = std::max(done, end);
      continue;
    }
    out.append(text.substr(done, begin - done)).append(kRedacted);
    done = end;
    any = true;
  }
  return out.append(text.substr(done));
}

}  // namespace

std::string redact(std::string_view text, const std::vector<std::string_view>& secrets,
                   std::string_view api_url) {
  std::vector<Range> found;
  for (const bool plus_is_space : {false, true}) {
    Reading reading = as_it_is(text);
    for (int depth = 0; depth <= kDeepest; ++depth) {
      for (const std::string_view secret : secrets) {
        if (secret.size() >= kShortestSecret) find_all(reading, secret, found);
      }
      find_urls(text, reading, api_url, found);
      Reading next = decoded(reading, plus_is_space);
      if (next.text == reading.text) break;
      reading = std::move(next);
    }
  }
  return without(text, std::move(found));
}
