#include "threads/config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <iomanip>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include "core/text.h"
#include "core/utf8.h"
#include "threads/url.h"

namespace {

constexpr double kMinTimeoutSeconds = 0.001;
constexpr double kMaxTimeoutSeconds = 300;

std::string get(const Environment& variables, std::string_view name, std::string_view fallback) {
  const auto found = variables.find(name);
  return found == variables.end() || found->second.empty() ? std::string(fallback) : found->second;
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    std::string_view item = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    item = trimmed(item);
    if (!item.empty()) items.emplace_back(item);
  }
  return items;
}

// Seconds as a whole or decimal number, in milliseconds; nothing if it is none in range.
std::optional<long> parse_timeout_ms(const std::string& text) {
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  // Not a number is not in range either.
  const bool in_range = seconds >= kMinTimeoutSeconds && seconds <= kMaxTimeoutSeconds;
  return in_range ? std::optional(std::lround(seconds * 1000)) : std::nullopt;
}

// Characters that come along when a value is copied from a web page, a document or a chat.
constexpr auto kNames = std::to_array<std::pair<char32_t, std::string_view>>({
    {0x0009, "tab"},
    {0x000A, "line feed"},
    {0x000D, "carriage return"},
    {0x0020, "space"},
    {0x007F, "delete"},
    {0x00A0, "no-break space"},
    {0x00AB, "left-pointing angle quotation mark"},
    {0x00BB, "right-pointing angle quotation mark"},
    {0x2007, "figure space"},
    {0x200B, "zero width space"},
    {0x200C, "zero width non-joiner"},
    {0x200D, "zero width joiner"},
    {0x2018, "left single quotation mark"},
    {0x2019, "right single quotation mark"},
    {0x201C, "left double quotation mark"},
    {0x201D, "right double quotation mark"},
    {0x201E, "low double quotation mark"},
    {0x202F, "narrow no-break space"},
    {0x2060, "word joiner"},
    {0x3000, "ideographic space"},
    {0x300C, "left corner bracket"},
    {0x300D, "right corner bracket"},
    {0xFEFF, "byte order mark"},
    {0xFF0C, "fullwidth comma"},
});

// How to find a character that cannot be seen: "U+00A0 (no-break space)".
std::string name_of(char32_t character) {
  std::ostringstream name;
  name << "U+" << std::hex << std::uppercase << std::setw(4) << std::setfill('0')
       << static_cast<std::uint32_t>(character);
  const auto* const known = std::find_if(
      kNames.begin(), kNames.end(), [&](const auto& entry) { return entry.first == character; });
  if (known != kNames.end()) name << " (" << known->second << ")";
  return name.str();
}

// What is wrong with the characters of a value, empty if nothing is. IDs and secrets of Meta,
// scopes (RFC 6749 §3.3) and URLs (RFC 3986 §2) are visible ASCII. An international host name is
// written as browsers send it, xn--….
std::string odd_character(std::string_view name, std::string_view value) {
  while (!value.empty() && is_visible(value.front())) value.remove_prefix(1);
  if (value.empty()) return {};
  const auto character = first_character(value);
  return std::string(name) + " has " +
         (character ? name_of(*character) : "a byte that is not UTF-8") +
         " in it: only ASCII letters, digits and punctuation may be there.";
}

std::string masked(const Secret& secret) { return secret.empty() ? "" : "********"; }

}  // namespace

std::variant<Config, ConfigErrors> read_config(const Environment& variables) {
  Config config;
  ConfigErrors errors;

  // Notes a character that may not be there. Gives whether there is none.
  const auto check_characters = [&](std::string_view name, std::string_view value) {
    std::string mistake = odd_character(name, value);
    const bool good = mistake.empty();
    if (!good) errors.push_back(std::move(mistake));
    return good;
  };
  const auto require = [&](std::string_view name) {
    std::string value = get(variables, name, "");
    if (value.empty()) errors.push_back(std::string(name) + " is not set.");
    return value;
  };
  const auto url = [&](std::string_view name, std::string_view fallback) {
    std::string value = get(variables, name, fallback);
    if (!check_characters(name, value)) return value;
    const auto read = read_url(value);
    if (!read || !(read->scheme == "https" || is_loopback(read->host)) ||
        value.find('#') != std::string::npos) {
      errors.push_back(
          std::string(name) +
          " must be an https:// URL (http:// to a loopback address only), its port 1 to 65535.");
    }
    return value;
  };

  config.app_id = require("THREADS_APP_ID");
  if (check_characters("THREADS_APP_ID", config.app_id) &&
      config.app_id.find_first_not_of("0123456789") != std::string::npos) {
    errors.emplace_back("THREADS_APP_ID must be a number: digits and nothing else.");
  }
  config.app_secret = Secret(require("THREADS_APP_SECRET"));
  config.client_secret =
      Secret(get(variables, "THREADS_CLIENT_SECRET", config.app_secret.reveal()));
  config.meta_secret = Secret(get(variables, "META_APP_SECRET", ""));
  for (const std::string_view name :
       {"THREADS_APP_SECRET", "THREADS_CLIENT_SECRET", "META_APP_SECRET"}) {
    check_characters(name, get(variables, name, ""));
  }
  config.api_url = url("THREADS_API_URL", "https://graph.threads.net");
  while (config.api_url.ends_with('/')) config.api_url.pop_back();
  const auto api = read_url(config.api_url);
  config.sandbox = api && is_loopback(api->host);
  if (config.api_url.find('?') != std::string::npos) {
    errors.emplace_back("THREADS_API_URL must have no query.");
  }
  config.auth_url = url("THREADS_AUTH_URL", "https://threads.net/oauth/authorize");
  config.scope = get(variables, "THREADS_SCOPE", "threads_basic,threads_content_publish");
  std::string scope_without_blanks = config.scope;  // some write one behind each comma
  std::erase(scope_without_blanks, ' ');
  check_characters("THREADS_SCOPE", scope_without_blanks);
  config.redirect_uris = split_list(get(variables, "THREADS_REDIRECT_URIS", ""));
  for (std::size_t i = 0; i < config.redirect_uris.size(); ++i) {
    const std::string entry = "THREADS_REDIRECT_URIS: entry " + std::to_string(i + 1);
    if (check_characters(entry, config.redirect_uris[i]) && !read_url(config.redirect_uris[i])) {
      errors.push_back(entry + " must be an http:// or https:// URL with a host.");
    }
  }
  const auto timeout_ms = parse_timeout_ms(get(variables, "THREADS_TIMEOUT", "10"));
  if (!timeout_ms) {
    errors.emplace_back("THREADS_TIMEOUT must be a number of seconds from 0.001 to 300.");
  }
  config.timeout_ms = timeout_ms.value_or(0);
  config.ca_file = get(variables, "THREADS_CA_FILE", "");
  if (!is_utf8(config.ca_file)) errors.emplace_back("THREADS_CA_FILE is not UTF-8.");

  if (!errors.empty()) return errors;
  return config;
}

std::string describe(const Config& config) {
  std::string uris;
  for (const std::string& uri : config.redirect_uris) uris += (uris.empty() ? "" : ",") + uri;
  std::string out;
  const auto line = [&](std::string_view name, std::string_view value) {
    out.append(name).append("=").append(value).append("\n");
  };
  line("THREADS_APP_ID", config.app_id);
  line("THREADS_APP_SECRET", masked(config.app_secret));
  line("THREADS_CLIENT_SECRET", masked(config.client_secret));
  line("META_APP_SECRET", masked(config.meta_secret));
  line("THREADS_API_URL", config.api_url);
  line("THREADS_AUTH_URL", config.auth_url);
  line("THREADS_SCOPE", config.scope);
  line("THREADS_REDIRECT_URIS", uris);
  const long milliseconds = config.timeout_ms % 1000;
  line("THREADS_TIMEOUT",
       std::to_string(config.timeout_ms / 1000) +
           (milliseconds == 0 ? "" : "." + std::to_string(1000 + milliseconds).substr(1)));
  line("THREADS_CA_FILE", config.ca_file);
  return out;
}
