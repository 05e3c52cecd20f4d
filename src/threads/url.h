// Addresses as the configuration names them (RFC 3986 §3), as far as it has to look at them.
#pragma once

#include <optional>
#include <string_view>

struct Url {
  std::string_view scheme;  // "http" or "https"
  std::string_view host;    // with the brackets of an IPv6 address
};

// The parts of "http[s]://HOST[:PORT][/…]". Nothing if it is anything else, its port is none,
// anything but visible ASCII is in it (RFC 3986 §2), or a user name: that would be a secret in a
// URL, or a trick.
std::optional<Url> read_url(std::string_view text);

// Whether a URL's host can only be this machine.
bool is_loopback(std::string_view host);

// Whether it is an IP address and no name.
bool is_address(std::string_view host);
