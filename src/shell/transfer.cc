#include "shell/transfer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <utility>

namespace {

constexpr std::size_t kMaxAnswerHeaders = std::size_t{64} * 1024;  // bytes, 1xx answers included
constexpr long kReceiveBuffer = 4096;     // bytes; an answer has some hundred
constexpr long kMaxConnectionAge = 60;    // seconds idle; older ones are often closed by the peer
constexpr long kMaxConnectionLife = 300;  // seconds; then the name is looked up again
constexpr long kDnsCache = 60;            // seconds
constexpr std::chrono::milliseconds kConnectTimeout{3000};

std::optional<Failure> failure_of(CURLcode result) {
  switch (result) {
    case CURLE_OK: return std::nullopt;
    case CURLE_OPERATION_TIMEDOUT: return Failure::kTimeout;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY: return Failure::kResolve;
    case CURLE_COULDNT_CONNECT: return Failure::kConnect;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CACERT_BADFILE: return Failure::kTls;
    default: return Failure::kBroken;
  }
}

}  // namespace

CurlLibrary::CurlLibrary() {
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
    throw std::runtime_error("libcurl cannot be started");
  }
}

CurlLibrary::~CurlLibrary() { curl_global_cleanup(); }

Transfer::Transfer(ServicePtr service) : handle_(curl_easy_init()), service_(std::move(service)) {
  if (handle_ == nullptr) throw std::runtime_error("libcurl gives no handle");
  reset();
}

// libcurl (7.88) counts in a handle how often a kept connection turned out to be dead, over all its
// exchanges, and fails the one that makes it six. Only a reset begins again; it takes half a µs.
void Transfer::reset() {
  CURL* const curl = handle_.get();
  curl_easy_reset(curl);
  addresses_.reset();
  // Redirects stay unfollowed, libcurl's default: a followed 307 would carry the secret elsewhere.
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  // Where libcurl looks a name up by itself (behind a proxy, as CGI), an exchange that ends does
  // not wait for the thread that does so: name servers may keep it for half a minute.
  curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, kReceiveBuffer);
  curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, kMaxConnectionAge);
  curl_easy_setopt(curl, CURLOPT_MAXLIFETIME_CONN, kMaxConnectionLife);
  curl_easy_setopt(curl, CURLOPT_DNS_CACHE_TIMEOUT, kDnsCache);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(curl, CURLOPT_SOCKOPTFUNCTION, &Transfer::on_new_socket);
  curl_easy_setopt(curl, CURLOPT_SOCKOPTDATA, this);
  curl_easy_setopt(curl, CURLOPT_PRIVATE, this);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, service_->timeout_ms);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, service_->timeout_ms);
  if (!service_->ca_file.empty()) {
    curl_easy_setopt(curl, CURLOPT_CAINFO, service_->ca_file.c_str());
  }
}

void Transfer::prepare(Exchange exchange) {
  exchange_ = std::move(exchange);
  socket = -1;
  lane = nullptr;
  body_.clear();
  header_bytes_ = 0;
  too_large_ = false;
  CURL* const curl = handle_.get();
  curl_easy_setopt(curl, CURLOPT_URL, exchange_.url.reveal().c_str());
  if (exchange_.post) {
    const std::string& form = exchange_.form.reveal();  // lives in exchange_: libcurl does not copy
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, static_cast<long>(form.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, form.c_str());
  } else {
    curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
  }
  // Without TLS (a loopback address) a proxy from the environment would read the secret.
  curl_easy_setopt(curl, CURLOPT_NOPROXY, is_plain() ? "*" : nullptr);
}

void Transfer::limit(std::chrono::milliseconds whole, std::chrono::milliseconds connecting) {
  // 0 would mean no limit at all.
  const auto at_least_one = [](std::chrono::milliseconds time) {
    return static_cast<long>(std::max<std::chrono::milliseconds::rep>(time.count(), 1));
  };
  curl_easy_setopt(handle_.get(), CURLOPT_TIMEOUT_MS, at_least_one(whole));
  curl_easy_setopt(handle_.get(), CURLOPT_CONNECTTIMEOUT_MS, at_least_one(connecting));
}

void Transfer::resolve_to(const std::string& addresses) {
  addresses_.reset(curl_slist_append(nullptr, addresses.c_str()));
  curl_easy_setopt(handle_.get(), CURLOPT_RESOLVE, addresses_.get());
}

Answer Transfer::finish(CURLcode result) {
  Answer answer;
  long status = 0;
  curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
  answer.status = static_cast<int>(status);
  answer.failure = too_large_ ? Failure::kTooLarge : failure_of(result);
  if (answer.failure && !has_whole_answer()) return answer;
  answer.failure.reset();
  curl_off_t retry_after = 0;
  curl_easy_getinfo(handle_.get(), CURLINFO_RETRY_AFTER, &retry_after);
  answer.retry_after = retry_after;
  answer.body = std::move(body_);
  return answer;
}

// A server may answer before it has read the request, and then refuse the rest of it: by HTTP/2 it
// resets the stream without an error (RFC 9113 §8.1). libcurl fails such an exchange, in 7.88 at
// least, although the answer is here.
bool Transfer::has_whole_answer() const {
  long status = 0;
  curl_off_t length = -1;  // Content-Length; -1 if there was none
  curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(handle_.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
  return !too_large_ && status >= 200 && length == static_cast<curl_off_t>(body_.size());
}

// libcurl's own MAXFILESIZE does not see a chunked answer's length: count here.
std::size_t Transfer::on_body(char* data, std::size_t size, std::size_t count, void* transfer) {
  auto& self = *static_cast<Transfer*>(transfer);
  const std::size_t bytes = size * count;
  if (bytes > kMaxAnswer - self.body_.size()) {
    self.too_large_ = true;
    return 0;
  }
  self.body_.append(data, bytes);
  return bytes;
}

std::size_t Transfer::on_header(char* /*data*/, std::size_t size, std::size_t count,
                                void* transfer) {
  auto& self = *static_cast<Transfer*>(transfer);
  const std::size_t bytes = size * count;
  self.header_bytes_ += bytes;
  if (self.header_bytes_ > kMaxAnswerHeaders) {
    self.too_large_ = true;
    return 0;
  }
  return bytes;
}

// The kernel gives up a connection whose bytes nobody acknowledges as soon as one that cannot be
// made (tcp(7), TCP_USER_TIMEOUT). Firewalls and address translators forget idle connections
// without a word: libcurl then sends the request by a fresh one, in time for its caller.
int Transfer::on_new_socket(void* transfer, curl_socket_t fd, curlsocktype /*purpose*/) {
  const auto& self = *static_cast<const Transfer*>(transfer);
  const std::chrono::milliseconds whole(self.service_->timeout_ms);
  const auto milliseconds = static_cast<unsigned>(connect_timeout(whole).count());
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
  return CURL_SOCKOPT_OK;
}

std::chrono::milliseconds connect_timeout(std::chrono::milliseconds whole) {
  return std::min(kConnectTimeout, whole * 3 / 4);
}

bool has_https_proxy() {
  constexpr std::array kNames = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
  return std::any_of(kNames.begin(), kNames.end(), [](const char* name) {
    const char* const value = std::getenv(name);
    return value != nullptr && *value != '\0';
  });
}

Answer exchange_now(Exchange exchange, ServicePtr service) {
  Transfer transfer(std::move(service));
  transfer.prepare(std::move(exchange));
  return transfer.finish(curl_easy_perform(transfer.handle()));
}
