#include "shell/lane.h"

#include <sys/epoll.h>

#include <stdexcept>

namespace {

constexpr std::size_t kFewConnections = 4;
constexpr std::size_t kStreams = 100;  // that libcurl, and usually the peer, allow on a connection

void check(CURLMcode code) {
  if (code != CURLM_OK) throw std::runtime_error(curl_multi_strerror(code));
}

}  // namespace

Lane::Lane(CurlSockets& sockets) : sockets_(sockets), multi_(curl_multi_init()) {
  CURLM* const multi = multi_.get();
  if (multi == nullptr) throw std::runtime_error("libcurl gives no handle");
  check(curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, &Lane::on_socket));
  check(curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, this));
  check(curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, &Lane::on_timer));
  check(curl_multi_setopt(multi, CURLMOPT_TIMERDATA, this));
  // By default libcurl keeps four connections for each exchange under way, and closes the others
  // whenever there are few exchanges.
  check(curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, static_cast<long>(kMaxInLane)));
}

// libcurl does not tell of every socket that it closes at the end.
Lane::~Lane() {
  multi_.reset();
  sockets_.forget(*this);
}

void Lane::add(Transfer& transfer, Clock::time_point now) {
  CURL* const curl = transfer.handle();
  curl_easy_setopt(curl, CURLOPT_CLOSESOCKETFUNCTION, &Lane::on_close);
  curl_easy_setopt(curl, CURLOPT_CLOSESOCKETDATA, &sockets_);
  // Without this an exchange that comes during a handshake would wait for the connection that is
  // being made (CURLOPT_PIPEWAIT), and a handshake that hangs would hold up everybody.
  curl_easy_setopt(curl, CURLOPT_PIPEWAIT, 0L);
  check(curl_multi_add_handle(multi_.get(), curl));
  transfer.lane = this;
  if (in_flight_ == 0) quiet_since_ = now;
  ++in_flight_;
}

// While its first connection is made, and when it is full, libcurl (7.88) would open another one
// for each exchange that comes. By HTTP/1.1 that is as it must be.
void Lane::limit_connections(bool shared) {
  const auto most = static_cast<long>(kFewConnections + in_flight_ / kStreams);
  curl_multi_setopt(multi_.get(), CURLMOPT_MAX_HOST_CONNECTIONS, shared ? most : 0L);
}

void Lane::on_ready(int fd, std::uint32_t events) {
  int mask = 0;
  if ((events & EPOLLIN) != 0) mask |= CURL_CSELECT_IN;
  if ((events & EPOLLOUT) != 0) mask |= CURL_CSELECT_OUT;
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) mask |= CURL_CSELECT_ERR;
  int running = 0;
  check(curl_multi_socket_action(multi_.get(), fd, mask, &running));
}

void Lane::on_time(Clock::time_point now) {
  if (!due_ || now < *due_) return;
  due_.reset();
  int running = 0;
  check(curl_multi_socket_action(multi_.get(), CURL_SOCKET_TIMEOUT, 0, &running));
}

Transfer* Lane::take_ended(CURLcode& result, Clock::time_point now) {
  int queued = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &queued)) {
    if (message->msg != CURLMSG_DONE) continue;
    result = message->data.result;  // the message dies with remove_handle
    Transfer* transfer = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
    keep_socket(*transfer);
    if (result == CURLE_OK) quiet_since_ = now;
    remove(*transfer);
    return transfer;
  }
  return nullptr;
}

void Lane::remove(Transfer& transfer) {
  curl_multi_remove_handle(multi_.get(), transfer.handle());
  --in_flight_;
}

bool Lane::is_doubtful(Clock::time_point now, std::chrono::seconds patience) const {
  return in_flight_ > 0 && now >= quiet_since_ + patience;
}

void Lane::keep_socket(const Transfer& transfer) {
  if (transfer.socket < 0) return;
  curl_socket_t connection = CURL_SOCKET_BAD;
  curl_easy_getinfo(transfer.handle(), CURLINFO_ACTIVESOCKET, &connection);
  if (connection == transfer.socket) sockets_.keep(connection);
}

int Lane::on_socket(CURL* handle, curl_socket_t fd, int what, void* lane, void* /*known*/) {
  auto& self = *static_cast<Lane*>(lane);
  if (what == CURL_POLL_REMOVE) {
    self.sockets_.forget(fd);
    return 0;
  }
  Transfer* transfer = nullptr;
  curl_easy_getinfo(handle, CURLINFO_PRIVATE, &transfer);
  if (transfer != nullptr) transfer->socket = fd;
  std::uint32_t events = 0;
  if ((what & CURL_POLL_IN) != 0) events |= EPOLLIN;
  if ((what & CURL_POLL_OUT) != 0) events |= EPOLLOUT;
  self.sockets_.wait_for(fd, self, events);
  return 0;
}

int Lane::on_close(void* sockets, curl_socket_t fd) {
  return static_cast<CurlSockets*>(sockets)->close(fd);
}

int Lane::on_timer(CURLM* /*multi*/, long timeout_ms, void* lane) {
  auto& self = *static_cast<Lane*>(lane);
  if (timeout_ms < 0) {
    self.due_.reset();
  } else {
    self.due_ = Clock::now() + std::chrono::milliseconds(timeout_ms);
  }
  return 0;
}
