#include "threads/config.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "core/text.h"
#include "core/utf8.h"

namespace {

constexpr long kMaxTimeoutSeconds = 300;

std::string get(const Environment& variables, std::string_view name, std::string_view fallback) {
  const auto found = variables.find(name);
  return found == variables.end() || found->second.empty() ? std::string(fallback) : found->second;
}

bool has_control_or_blank(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte == 0x7F;
  });
}

// The host of "scheme://host[:port][/…]", brackets of an IPv6 address kept. Empty if a user name is
// in it: that would be a secret in a URL, or a trick.
std::string_view host_of(std::string_view url, std::string_view scheme) {
  url.remove_prefix(scheme.size());
  const std::string_view authority = url.substr(0, url.find_first_of("/?#"));
  if (authority.find('@') != std::string_view::npos) return {};
  const bool is_ipv6 = authority.starts_with('[');
  const std::size_t end =
      is_ipv6 ? authority.find(']') + 1 : std::min(authority.find(':'), authority.size());
  const bool port_follows = end == authority.size() || authority[end] == ':';
  return port_follows ? authority.substr(0, end) : std::string_view();
}

bool is_loopback(std::string_view host) {
  if (host == "localhost" || host == "[::1]") return true;
  // 127.0.0.0/8 in dotted form only: "127.evil.example" is a name.
  return host.starts_with("127.") &&
         host.find_first_not_of("0123456789.") == std::string_view::npos;
}

bool is_https(std::string_view url) {
  constexpr std::string_view kScheme = "https://";
  return url.starts_with(kScheme) && !host_of(url, kScheme).empty();
}

bool is_loopback_http(std::string_view url) {
  constexpr std::string_view kScheme = "http://";
  return url.starts_with(kScheme) && is_loopback(host_of(url, kScheme));
}

bool is_loopback_https(std::string_view url) {
  constexpr std::string_view kScheme = "https://";
  return url.starts_with(kScheme) && is_loopback(host_of(url, kScheme));
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

// Seconds as a whole or decimal number, in milliseconds; 0 if it is none in range.
long parse_timeout_ms(const std::string& text) {
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size()) return 0;
  if (!(seconds >= 0.001 && seconds <= static_cast<double>(kMaxTimeoutSeconds))) return 0;
  return static_cast<long>(seconds * 1000);
}

std::string masked(const Secret& secret) { return secret.empty() ? "" : "********"; }

}  // namespace

std::variant<Config, ConfigErrors> read_config(const Environment& variables) {
  Config config;
  ConfigErrors errors;

  // What is shown must be showable: /config is JSON.
  for (const auto& [name, value] : variables) {
    if (name.starts_with("THREADS_") && !is_utf8(value)) errors.push_back(name + " is not UTF-8.");
  }

  const auto require = [&](std::string_view name) {
    std::string value = get(variables, name, "");
    if (value.empty()) {
      errors.push_back(std::string(name) + " is not set.");
    } else if (has_control_or_blank(value)) {
      errors.push_back(std::string(name) + " has a blank or a control character in it.");
    }
    return value;
  };
  const auto url = [&](std::string_view name, std::string_view fallback) {
    std::string value = get(variables, name, fallback);
    if (has_control_or_blank(value) || value.find('#') != std::string::npos ||
        !(is_https(value) || is_loopback_http(value))) {
      errors.push_back(std::string(name) +
                       " must be an https:// URL (http:// to a loopback address only).");
    }
    return value;
  };

  config.app_id = require("THREADS_APP_ID");
  config.app_secret = Secret(require("THREADS_APP_SECRET"));
  config.client_secret =
      Secret(get(variables, "THREADS_CLIENT_SECRET", config.app_secret.reveal()));
  config.meta_secret = Secret(get(variables, "META_APP_SECRET", ""));
  for (const std::string_view name : {"THREADS_CLIENT_SECRET", "META_APP_SECRET"}) {
    if (has_control_or_blank(get(variables, name, ""))) {
      errors.push_back(std::string(name) + " has a blank or a control character in it.");
    }
  }
  config.api_url = url("THREADS_API_URL", "https://graph.threads.net");
  while (config.api_url.ends_with('/')) config.api_url.pop_back();
  config.sandbox = is_loopback_http(config.api_url) || is_loopback_https(config.api_url);
  if (config.api_url.find('?') != std::string::npos) {
    errors.emplace_back("THREADS_API_URL must have no query.");
  }
  config.auth_url = url("THREADS_AUTH_URL", "https://threads.net/oauth/authorize");
  config.scope = get(variables, "THREADS_SCOPE", "threads_basic,threads_content_publish");
  config.redirect_uris = split_list(get(variables, "THREADS_REDIRECT_URIS", ""));
  config.timeout_ms = parse_timeout_ms(get(variables, "THREADS_TIMEOUT", "10"));
  if (config.timeout_ms == 0) {
    errors.push_back("THREADS_TIMEOUT must be a number of seconds, above 0 and at most " +
                     std::to_string(kMaxTimeoutSeconds) + ".");
  }
  config.ca_file = get(variables, "THREADS_CA_FILE", "");

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
