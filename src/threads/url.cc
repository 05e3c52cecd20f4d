#include "threads/url.h"

#include <charconv>
#include <cstdint>

#include "core/text.h"

namespace {

bool is_port(std::string_view text) {
  std::uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, port);
  return error == std::errc() && stop == end && port != 0;
}

}  // namespace

std::optional<Url> read_url(std::string_view text) {
  if (has_blank_or_control(text)) return std::nullopt;
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
  if (host.empty()) return std::nullopt;
  if (!rest.empty() && !(rest.starts_with(':') && is_port(rest.substr(1)))) return std::nullopt;
  return Url{scheme, host};
}

bool is_loopback(std::string_view host) {
  if (host == "localhost" || host == "[::1]") return true;
  // 127.0.0.0/8 in dotted form only: "127.evil.example" is a name.
  return host.starts_with("127.") &&
         host.find_first_not_of("0123456789.") == std::string_view::npos;
}
