#include "shell/upstream.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace {

constexpr std::size_t kMaxAnswerHeaders = std::size_t{64} * 1024;  // bytes, 1xx answers included
constexpr long kReceiveBuffer = 4096;     // bytes; an answer has some hundred
constexpr long kMaxConnectionAge = 60;    // seconds idle; older ones are often closed by the peer
constexpr long kMaxConnectionLife = 300;  // seconds; then the name is looked up again
constexpr long kDnsCache = 60;            // seconds
constexpr std::size_t kMaxIdleTransfers = 256;
constexpr std::size_t kMostInLane = 256;  // exchanges by HTTP/1.1
constexpr std::size_t kFewConnections = 10;
constexpr std::size_t kStreams = 100;  // that libcurl, and usually the peer, allow on a connection

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

void check(CURLMcode code) {
  if (code != CURLM_OK) throw std::runtime_error(curl_multi_strerror(code));
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
  // Redirects stay unfollowed, libcurl's default: a followed 307 would carry the secret elsewhere.
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, kReceiveBuffer);
  curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, kMaxConnectionAge);
  curl_easy_setopt(curl, CURLOPT_MAXLIFETIME_CONN, kMaxConnectionLife);
  curl_easy_setopt(curl, CURLOPT_DNS_CACHE_TIMEOUT, kDnsCache);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, this);
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
  const bool plain = exchange_.url.reveal().starts_with("http://");
  curl_easy_setopt(curl, CURLOPT_NOPROXY, plain ? "*" : nullptr);
  // Share an HTTP/2 connection, also one that is only being made. Without TLS it would have to
  // answer first: one slow exchange would keep all others waiting.
  curl_easy_setopt(curl, CURLOPT_PIPEWAIT, plain ? 0L : 1L);
}

Answer Transfer::finish(CURLcode result) {
  Answer answer;
  long status = 0;
  curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
  answer.status = static_cast<int>(status);
  answer.failure = too_large_ ? Failure::kTooLarge : failure_of(result);
  if (answer.failure) return answer;
  curl_off_t retry_after = 0;
  curl_easy_getinfo(handle_.get(), CURLINFO_RETRY_AFTER, &retry_after);
  answer.retry_after = retry_after;
  answer.body = std::move(body_);
  return answer;
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

Upstream::Upstream(int epoll_fd, std::uint64_t (*make_tag)(int fd))
    : epoll_fd_(epoll_fd), make_tag_(make_tag), share_(curl_share_init()) {
  if (share_ == nullptr) throw std::runtime_error("libcurl gives no handle");
  // One thread uses the share: no locks. TLS sessions are resumed by whichever handle comes next.
  curl_share_setopt(share_.get(), CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
}

// The first lane with room. By HTTP/2 there are few connections, and one lane shares them best.
std::size_t Upstream::lane_with_room() {
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    if (shares_connections_ || lanes_[i]->in_flight < kMostInLane) return i;
  }
  auto lane = std::make_unique<Lane>();
  lane->upstream = this;
  lane->multi.reset(curl_multi_init());
  CURLM* const multi = lane->multi.get();
  if (multi == nullptr) throw std::runtime_error("libcurl gives no handle");
  check(curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, &Upstream::on_socket));
  check(curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, lane.get()));
  check(curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, &Upstream::on_timer));
  check(curl_multi_setopt(multi, CURLMOPT_TIMERDATA, lane.get()));
  // Else libcurl keeps four for each exchange under way, and closes the rest whenever there are
  // few.
  check(curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, static_cast<long>(kMostInLane)));
  lanes_.push_back(std::move(lane));
  return lanes_.size() - 1;
}

Upstream::~Upstream() {
  for (const auto& transfer : active_) {
    if (transfer) curl_multi_remove_handle(lanes_[transfer->lane]->multi.get(), transfer->handle());
  }
}

void Upstream::start(Exchange exchange, ServicePtr service, int owner) {
  if (service != service_) {
    idle_.clear();
    service_ = std::move(service);
  }
  std::unique_ptr<Transfer> transfer;
  if (idle_.empty()) {
    transfer = std::make_unique<Transfer>(service_);
    curl_easy_setopt(transfer->handle(), CURLOPT_SHARE, share_.get());  // a reset keeps it
  } else {
    transfer = std::move(idle_.back());
    idle_.pop_back();
  }
  transfer->prepare(std::move(exchange));
  transfer->owner = owner;
  CURL* const curl = transfer->handle();
  curl_easy_setopt(curl, CURLOPT_CLOSESOCKETFUNCTION, &Upstream::on_close);
  curl_easy_setopt(curl, CURLOPT_CLOSESOCKETDATA, this);
  if (transfer->exchange().url.reveal().starts_with("http://")) shares_connections_ = false;
  transfer->lane = lane_with_room();
  Lane& lane = *lanes_[transfer->lane];
  limit_connections(lane);
  check(curl_multi_add_handle(lane.multi.get(), curl));
  ++lane.in_flight;
  const auto slot = static_cast<std::size_t>(owner);
  if (active_.size() <= slot) active_.resize(slot + 1);
  active_[slot] = std::move(transfer);
  ++in_flight_;
}

// When its first connection is full, libcurl (7.88) would open another for each exchange that
// comes, PIPEWAIT or not. By HTTP/1.1 that is as it must be.
void Upstream::limit_connections(Lane& lane) const {
  const auto most = static_cast<long>(kFewConnections + lane.in_flight / kStreams);
  curl_multi_setopt(lane.multi.get(), CURLMOPT_MAX_HOST_CONNECTIONS,
                    shares_connections_ ? most : 0L);
}

void Upstream::on_ready(int fd, std::uint32_t events) {
  int mask = 0;
  if ((events & EPOLLIN) != 0) mask |= CURL_CSELECT_IN;
  if ((events & EPOLLOUT) != 0) mask |= CURL_CSELECT_OUT;
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) mask |= CURL_CSELECT_ERR;
  Lane* const lane = socket_of(fd).lane;
  if (lane == nullptr) return on_idle_ready(fd);
  int running = 0;
  check(curl_multi_socket_action(lane->multi.get(), fd, mask, &running));
}

// An idle connection was closed, or brings what nobody asked for: libcurl (7.88) would take that
// for the next exchange's answer, so it shall find the connection dead. By HTTP/2 it can tell.
void Upstream::on_idle_ready(int fd) {
  // Of events that are told together, one before may have closed it, and its number is another's
  // now.
  if (socket_of(fd).watched == 0) return;
  unwatch(fd);
  if (!shares_connections_) ::shutdown(fd, SHUT_RDWR);
}

void Upstream::on_time(std::chrono::steady_clock::time_point now) {
  for (const auto& lane : lanes_) {
    if (!lane->due || now < *lane->due) continue;
    lane->due.reset();
    int running = 0;
    check(curl_multi_socket_action(lane->multi.get(), CURL_SOCKET_TIMEOUT, 0, &running));
  }
  // One at a time: to close the connections of all would keep everybody waiting.
  if (last_lane_is_idle()) lanes_.pop_back();
}

std::optional<std::chrono::steady_clock::time_point> Upstream::due() const {
  if (last_lane_is_idle()) return std::chrono::steady_clock::time_point{};  // at once
  std::optional<std::chrono::steady_clock::time_point> first;
  for (const auto& lane : lanes_) {
    if (lane->due && (!first || *lane->due < *first)) first = lane->due;
  }
  return first;
}

std::optional<Upstream::Finished> Upstream::take_finished() {
  for (const auto& lane : lanes_) {
    int queued = 0;
    while (const CURLMsg* message = curl_multi_info_read(lane->multi.get(), &queued)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode result = message->data.result;  // the message dies with remove_handle
      CURL* const handle = message->easy_handle;
      Transfer* found = nullptr;
      curl_easy_getinfo(handle, CURLINFO_PRIVATE, &found);
      long version = CURL_HTTP_VERSION_NONE;
      curl_easy_getinfo(handle, CURLINFO_HTTP_VERSION, &version);
      if (version != CURL_HTTP_VERSION_NONE) shares_connections_ = version >= CURL_HTTP_VERSION_2_0;
      limit_connections(*lane);
      keep_socket(*found);
      curl_multi_remove_handle(lane->multi.get(), handle);
      --lane->in_flight;
      --in_flight_;
      Finished finished;
      finished.transfer = std::move(active_[static_cast<std::size_t>(found->owner)]);
      finished.answer = found->finish(result);
      return finished;
    }
  }
  return std::nullopt;
}

// Whether it can go with the connections that it keeps: the lane before has much room.
bool Upstream::last_lane_is_idle() const {
  return lanes_.size() > 1 && lanes_.back()->in_flight == 0 &&
         lanes_[lanes_.size() - 2]->in_flight <= kMostInLane / 2;
}

void Upstream::recycle(std::unique_ptr<Transfer> transfer) {
  if (transfer->service() == service_ && idle_.size() < kMaxIdleTransfers) {
    transfer->reset();
    idle_.push_back(std::move(transfer));
  }
}

int Upstream::on_socket(CURL* handle, curl_socket_t fd, int what, void* data, void* /*known*/) {
  auto& lane = *static_cast<Lane*>(data);
  auto& self = *lane.upstream;
  Socket& socket = self.socket_of(fd);
  if (what == CURL_POLL_REMOVE) {
    socket.lane = nullptr;
    if (!socket.is_kept) self.unwatch(fd);
    return 0;
  }
  Transfer* transfer = nullptr;
  curl_easy_getinfo(handle, CURLINFO_PRIVATE, &transfer);
  if (transfer != nullptr) transfer->socket = fd;
  socket.lane = &lane;
  std::uint32_t events = 0;
  if ((what & CURL_POLL_IN) != 0) events |= EPOLLIN;
  if ((what & CURL_POLL_OUT) != 0) events |= EPOLLOUT;
  if (!socket.is_kept || socket.watched != events) self.watch(fd, events);
  return 0;
}

// Of a connection that could not be made, and of its resolver's sockets, libcurl does not tell when
// it closes them. Of one that has carried an exchange it does.
void Upstream::keep_socket(const Transfer& transfer) {
  if (transfer.socket < 0 || socket_of(transfer.socket).is_kept) return;
  curl_socket_t connection = CURL_SOCKET_BAD;
  curl_easy_getinfo(transfer.handle(), CURLINFO_ACTIVESOCKET, &connection);
  if (connection != transfer.socket) return;
  Socket& kept = socket_of(connection);
  kept.is_kept = true;
  if (kept.lane == nullptr) watch(connection, EPOLLIN);  // else another exchange has it, by HTTP/2
}

int Upstream::on_close(void* upstream, curl_socket_t fd) {
  static_cast<Upstream*>(upstream)->socket_of(fd) = {};
  return ::close(fd);
}

Upstream::Socket& Upstream::socket_of(int fd) {
  const auto slot = static_cast<std::size_t>(fd);
  if (sockets_.size() <= slot) sockets_.resize(slot + 1);
  return sockets_[slot];
}

void Upstream::watch(int fd, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = make_tag_(fd);
  // Whether the set has it only the system knows: libcurl may have closed another of this number.
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd, &event) != 0) {
    epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event);
  }
  socket_of(fd).watched = events;
}

void Upstream::unwatch(int fd) {
  epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
  socket_of(fd).watched = 0;
}

int Upstream::on_timer(CURLM* /*multi*/, long timeout_ms, void* data) {
  auto& lane = *static_cast<Lane*>(data);
  if (timeout_ms < 0) {
    lane.due.reset();
  } else {
    lane.due = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  }
  return 0;
}

Answer exchange_now(Exchange exchange, ServicePtr service) {
  Transfer transfer(std::move(service));
  transfer.prepare(std::move(exchange));
  return transfer.finish(curl_easy_perform(transfer.handle()));
}
