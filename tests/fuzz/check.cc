#include "check.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iostream>

#include "core/form.h"
#include "core/utf8.h"

namespace {

// A recursive-descent reader of RFC 8259; its recursion is bounded by kDeepest.
class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : rest_(text) {}

  bool read_text() {
    skip_blanks();
    const bool good = read_value(0);
    skip_blanks();
    return good && rest_.empty();
  }

 private:
  static constexpr int kDeepest = 200;

  [[nodiscard]] bool next_is(char c) const { return rest_.starts_with(c); }

  bool take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  void skip_blanks() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size()));
  }

  bool read_value(int depth) {
    if (depth > kDeepest) return false;
    if (next_is('{')) return read_items(depth, '}');
    if (next_is('[')) return read_items(depth, ']');
    if (next_is('"')) return read_string();
    return take("true") || take("false") || take("null") || read_number();
  }

  // The members of an object or the elements of an array.
  bool read_items(int depth, char close) {
    rest_.remove_prefix(1);
    skip_blanks();
    if (next_is(close)) return take({&close, 1});
    for (;;) {
      if (close == '}') {
        if (!read_string()) return false;
        skip_blanks();
        if (!take(":")) return false;
        skip_blanks();
      }
      if (!read_value(depth + 1)) return false;
      skip_blanks();
      if (take({&close, 1})) return true;
      if (!take(",")) return false;
      skip_blanks();
    }
  }

  bool read_string() {
    if (!take("\"")) return false;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c == '\\' && !read_escape()) return false;
    }
    return false;
  }

  bool read_escape() {
    if (rest_.empty()) return false;
    const char kind = rest_.front();
    rest_.remove_prefix(1);
    if (kind != 'u') return std::string_view("\"\\/bfnrt").find(kind) != std::string_view::npos;
    const long unit = read_unit();
    if (unit < 0 || (unit >= 0xDC00 && unit <= 0xDFFF)) return false;
    if (unit < 0xD800 || unit > 0xDBFF) return true;
    const long low = take("\\u") ? read_unit() : -1;
    return low >= 0xDC00 && low <= 0xDFFF;
  }

  // Four hex digits, or -1.
  long read_unit() {
    const std::string digits(rest_.substr(0, 4));
    if (digits.size() < 4 ||
        digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) {
      return -1;
    }
    rest_.remove_prefix(4);
    return std::strtol(digits.c_str(), nullptr, 16);
  }

  bool read_digits() {
    const std::size_t count = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    rest_.remove_prefix(count);
    return count > 0;
  }

  bool read_number() {
    take("-");
    if (!take("0") && !read_digits()) return false;
    if (take(".") && !read_digits()) return false;
    if (take("e") || take("E")) {
      if (!take("+")) take("-");
      return read_digits();
    }
    return true;
  }

  std::string_view rest_;
};

bool shows(std::string_view text, std::string_view secret) {
  return text.find(secret) != std::string_view::npos ||
         text.find(percent_encode(secret)) != std::string_view::npos;
}

}  // namespace

void expect(bool kept, const char* promise) {
  if (kept) return;
  std::cerr << "broken promise: " << promise << std::endl;
  std::abort();
}

bool is_json(std::string_view text) { return is_utf8(text) && JsonReader(text).read_text(); }

Config canary_config() {
  Config config;
  config.app_id = kAppId;
  config.app_secret = Secret(std::string(kAppSecret));
  config.client_secret = Secret(std::string(kClientSecret));
  config.meta_secret = Secret(std::string(kMetaSecret));
  config.api_url = kApiUrl;
  config.auth_url = "https://threads.example/oauth/authorize";
  config.scope = "threads_basic";
  config.timeout_ms = 10'000;
  return config;
}

void expect_sound(const Reply& reply) {
  constexpr std::array kStatuses = {200, 400, 404, 405, 413, 414, 415, 422, 429, 502, 504};
  expect(std::find(kStatuses.begin(), kStatuses.end(), reply.status) != kStatuses.end(),
         "the status is one of the contract's");
  for (const auto& [name, value] : reply.headers) {
    expect((name + value).find_first_of("\r\n") == std::string::npos, "a header is one line");
  }
  if (reply.content_type == "application/json") {
    expect(is_json(reply.body), "the body is JSON");
  } else {
    expect(reply.content_type == "text/html; charset=utf-8", "the body is JSON or HTML");
  }
}

void expect_no_secret(const Reply& reply) {
  const std::string text = to_cgi(reply, "0123456789abcdef", false);
  for (const std::string_view secret : {kAppSecret, kClientSecret, kMetaSecret}) {
    expect(!shows(text, secret), "no secret of the configuration is in a reply");
  }
}
