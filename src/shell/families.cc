#include "shell/families.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <future>
#include <string_view>
#include <utility>

#include "shell/transfer.h"

namespace {

constexpr long kTimeout = 3000;  // milliseconds

// What comes of a connection by one family alone.
enum class Way { kNoAddress, kNoRoute, kNoConnection, kNoTls, kOpen };

struct Family {
  std::string_view name;
  Way way;
};

// What libcurl (7.88) does not tell: a name without addresses gives the same error as a connection
// that fails, and after a timeout nothing says whether there was a connection.
struct Attempt {
  bool has_address = false;
  bool is_connected = false;
};

// libcurl opens a socket for each address that it tries.
curl_socket_t open_socket(void* attempt, curlsocktype /*purpose*/, curl_sockaddr* address) {
  static_cast<Attempt*>(attempt)->has_address = true;
  return ::socket(address->family, address->socktype, address->protocol);
}

int close_socket(void* attempt, curl_socket_t fd) {
  sockaddr_storage peer{};
  socklen_t length = sizeof peer;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) == 0) {
    static_cast<Attempt*>(attempt)->is_connected = true;
  }
  return ::close(fd);
}

Way try_family(long family, const ServicePtr& service) {
  Attempt attempt;
  Transfer transfer(service);
  Exchange exchange;
  exchange.url = Secret(service->api_url);
  transfer.prepare(std::move(exchange));
  CURL* const curl = transfer.handle();
  curl_easy_setopt(curl, CURLOPT_IPRESOLVE, family);
  curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, kTimeout);
  curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, &open_socket);
  curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &attempt);
  curl_easy_setopt(curl, CURLOPT_CLOSESOCKETFUNCTION, &close_socket);
  curl_easy_setopt(curl, CURLOPT_CLOSESOCKETDATA, &attempt);
  const CURLcode result = curl_easy_perform(curl);
  if (!attempt.has_address) return Way::kNoAddress;
  if (result == CURLE_OK) return Way::kOpen;
  if (result == CURLE_OPERATION_TIMEDOUT) {
    return attempt.is_connected ? Way::kNoTls : Way::kNoConnection;
  }
  if (result != CURLE_COULDNT_CONNECT) return Way::kNoTls;
  long error = 0;
  curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &error);
  // EADDRNOTAVAIL is what connect() gives where IPv6 is turned off.
  const bool no_route = error == ENETUNREACH || error == EADDRNOTAVAIL;
  return no_route ? Way::kNoRoute : Way::kNoConnection;
}

// What to tell of a host that one family reaches.
Families describe(const std::string& host, const Family& open, const Family& other) {
  const std::string name(other.name);
  const std::string repair = "Repair " + name + " on this machine, or turn it off.";
  Families told;
  told.reached = host + " is reached by " + std::string(open.name);
  switch (other.way) {
    case Way::kOpen: told.reached += " and " + name; break;
    case Way::kNoAddress: break;
    case Way::kNoRoute:  // many machines have IPv4 alone, and nothing waits for a missing route
      told.reached += "; this machine has no route to its " + name + " addresses";
      break;
    case Way::kNoConnection:
      told.warning = host + " has " + name +
                     " addresses too, but none of them answers from this machine: each new "
                     "connection may wait for them, up to 200 ms. " +
                     repair;
      break;
    case Way::kNoTls:
      told.warning = host + " accepts connections by " + name +
                     " from this machine, but TLS fails on them: logins that go that way fail. " +
                     repair;
      break;
  }
  told.reached += '.';
  return told;
}

}  // namespace

Families look_at_families(const std::string& host, const ServicePtr& service) {
  if (has_https_proxy()) return {};
  auto meanwhile = std::async(std::launch::async, try_family, CURL_IPRESOLVE_V6, service);
  const Family ipv4{"IPv4", try_family(CURL_IPRESOLVE_V4, service)};
  const Family ipv6{"IPv6", meanwhile.get()};
  if (ipv4.way == Way::kOpen) return describe(host, ipv4, ipv6);
  if (ipv6.way == Way::kOpen) return describe(host, ipv6, ipv4);
  if (ipv4.way != Way::kNoAddress || ipv6.way == Way::kNoAddress) return {};
  return {"",
          host +
              " has only IPv6 addresses here, and this machine does not reach them: every login "
              "fails. Find out why DNS gives no IPv4 address, or repair IPv6 on this machine."};
}
