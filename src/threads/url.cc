#include "threads/url.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>

#include "core/text.h"

namespace {

bool is_port(std::string_view text) {
  std::uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, port);
  return error == std::errc() && stop == end && port != 0;
}

// A name, an IPv4 address or an IPv6 address in brackets. What else a URL's host
// may have (RFC 3986 §3.2.2), percent signs above all, others read in other ways.
bool is_host(std::string_view host) {
  if (host.starts_with('[')) {
    in6_addr address{};
    return host.ends_with(']') &&
           inet_pton(AF_INET6, std::string(host.substr(1, host.size() - 2)).c_str(), &address) == 1;
  }
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z');
  });
}

bool is_ipv4(std::string_view host) {
  in_addr address{};
  return inet_pton(AF_INET, std::string(host).c_str(), &address) == 1;
}

}  // namespace

std::optional<Url> read_url(std::string_view text) {
  if (!std::all_of(text.begin(), text.end(), is_visible)) return std::nullopt;
  const std::string_view scheme = text.substr(0, text.find(':'));
  if (scheme != "http" && scheme != "https") return std::nullopt;
  text.remove_prefix(scheme.size());
  constexpr std::string_view kSlashes = "://";
  if (!text.starts_with(kSlashes)) return std::nullopt;
  text.remove_prefix(kSlashes.size());

  const std::string_view authority = text.substr(0, text.find_first_of("/?#"));
  if (authority.find('@') != std::string_view::npos) return std::nullopt;
  const bool is_ipv6 = authority.starts_with('[');
  const std::size_t host_end = is_ipv6 ? authority.find(']') + 1 : authority.find(':');
  const std::string_view host = authority.substr(0, host_end);
  const std::string_view rest = authority.substr(host.size());
  if (!is_host(host)) return std::nullopt;
  if (!rest.empty() && !(rest.starts_with(':') && is_port(rest.substr(1)))) return std::nullopt;
  return Url{scheme, host};
}

bool is_loopback(std::string_view host) {
  if (host == "localhost" || host == "[::1]") return true;
  // 127.0.0.0/8 whole only: "127.1.evil.example" is a name, and so is "127.1" to some.
  return host.starts_with("127.") && is_ipv4(host);
}

bool is_address(std::string_view host) { return host.starts_with('[') || is_ipv4(host); }
