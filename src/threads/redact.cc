#include "threads/redact.h"

#include <algorithm>

#include "core/form.h"

namespace {

void replace_all(std::string& text, std::string_view what) {
  for (std::size_t at = text.find(what); at != std::string::npos;
       at = text.find(what, at + kRedacted.size())) {
    text.replace(at, what.size(), kRedacted);
  }
}

// From each "//host" of api_url to the next blank or quote: a URL may come without its scheme.
void remove_urls(std::string& text, std::string_view api_url) {
  const std::size_t slashes = api_url.find("//");
  if (slashes == std::string_view::npos) return;
  const std::string_view host = api_url.substr(slashes + 2);
  for (std::size_t at = text.find(host); at != std::string::npos; at = text.find(host, at)) {
    const auto is_edge = [](char c) { return c == ' ' || c == '"' || c == '\'' || c == '<'; };
    std::size_t begin = at;
    while (begin > 0 && !is_edge(text[begin - 1])) --begin;
    const std::size_t end = std::min(text.find_first_of(" \"'<>", at), text.size());
    text.replace(begin, end - begin, kRedacted);
    at = begin + kRedacted.size();
  }
}

}  // namespace

std::string redact(std::string text, std::vector<std::string_view> secrets,
                   std::string_view api_url) {
  // The longest first: one secret may be the beginning of another.
  std::sort(secrets.begin(), secrets.end(),
            [](std::string_view a, std::string_view b) { return a.size() > b.size(); });
  for (const std::string_view secret : secrets) {
    if (secret.size() < kShortestSecret) continue;
    replace_all(text, secret);
    if (const std::string encoded = percent_encode(secret); encoded != secret) {
      replace_all(text, encoded);
    }
  }
  remove_urls(text, api_url);
  return text;
}
