#include "threads/config.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "core/text.h"
#include "core/utf8.h"
#include "threads/url.h"

namespace {

constexpr long kMaxTimeoutSeconds = 300;

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
    const bool may_be_ours = name.starts_with("THREADS_") && is_utf8(name);
    if (may_be_ours && !is_utf8(value)) errors.push_back(name + " is not UTF-8.");
  }

  const auto require = [&](std::string_view name) {
    std::string value = get(variables, name, "");
    if (value.empty()) {
      errors.push_back(std::string(name) + " is not set.");
    } else if (has_blank_or_control(value)) {
      errors.push_back(std::string(name) + " has a blank or a control character in it.");
    }
    return value;
  };
  const auto url = [&](std::string_view name, std::string_view fallback) {
    std::string value = get(variables, name, fallback);
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
  config.app_secret = Secret(require("THREADS_APP_SECRET"));
  config.client_secret =
      Secret(get(variables, "THREADS_CLIENT_SECRET", config.app_secret.reveal()));
  config.meta_secret = Secret(get(variables, "META_APP_SECRET", ""));
  for (const std::string_view name : {"THREADS_CLIENT_SECRET", "META_APP_SECRET"}) {
    if (has_blank_or_control(get(variables, name, ""))) {
      errors.push_back(std::string(name) + " has a blank or a control character in it.");
    }
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
  config.redirect_uris = split_list(get(variables, "THREADS_REDIRECT_URIS", ""));
  for (std::size_t i = 0; i < config.redirect_uris.size(); ++i) {
    if (read_url(config.redirect_uris[i])) continue;
    errors.push_back("THREADS_REDIRECT_URIS: entry " + std::to_string(i + 1) +
                     " must be an http:// or https:// URL with a host.");
  }
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
