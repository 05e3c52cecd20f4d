#include "shell/upstream.h"

#include <arpa/inet.h>
#include <sys/epoll.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace {

constexpr std::size_t kMaxIdleTransfers = 256;
constexpr std::size_t kFewRetired = 8;
constexpr std::size_t kMostDoublings = 10;
constexpr std::chrono::milliseconds kLookForLate{250};

// How long the lane in use may go without an answer before it is given up, where `retired` lanes
// have been. When there are many, Threads is slow as a whole, and yet another connection rarely
// helps: each further one comes only after twice as long. In 300 s, the longest timeout, there are
// 15.
std::chrono::seconds patience(std::size_t retired) {
  const std::size_t doublings = retired < kFewRetired ? 0 : retired - kFewRetired + 1;
  return std::chrono::seconds(1U << std::min(doublings, kMostDoublings));
}

struct Api {
  std::string host;
  int port = 0;
  bool is_plain = false;  // without TLS, so by HTTP/1.1
};

// Where Threads is, by an URL that libcurl accepts.
Api read_api(const std::string& text) {
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> url(curl_url(), curl_url_cleanup);
  if (curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) {
    throw std::runtime_error("libcurl cannot read THREADS_API_URL");
  }
  const auto part = [&](CURLUPart name) {
    char* value = nullptr;
    if (curl_url_get(url.get(), name, &value, CURLU_DEFAULT_PORT) != CURLUE_OK)
      return std::string();
    const std::unique_ptr<char, decltype(&curl_free)> owner(value, curl_free);
    return std::string(value);
  };
  Api api{part(CURLUPART_HOST), 0, part(CURLUPART_SCHEME) == "http"};
  const std::string port = part(CURLUPART_PORT);
  std::from_chars(port.data(), port.data() + port.size(), api.port);
  return api;
}

}  // namespace

Upstream::Upstream(int epoll_fd, std::uint64_t (*make_tag)(int fd))
    : sockets_(epoll_fd, make_tag), share_(curl_share_init()) {
  if (share_ == nullptr) throw std::runtime_error("libcurl gives no handle");
  // One thread uses the share: no locks. TLS sessions are resumed by whichever lane comes next, and
  // the resolver's addresses are entered once for all lanes.
  curl_share_setopt(share_.get(), CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  curl_share_setopt(share_.get(), CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = make_tag(resolver_.event_fd());
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, resolver_.event_fd(), &event) != 0) {
    throw std::runtime_error("epoll_ctl failed");
  }
}

Upstream::~Upstream() {
  for (const auto& transfer : active_) {
    if (transfer) transfer->lane->remove(*transfer);
  }
}

Upstream::Names Upstream::names_of(const std::string& host) {
  in_addr address{};
  const bool is_address = host.starts_with('[') || inet_pton(AF_INET, host.c_str(), &address) == 1;
  if (is_address || host == "localhost") return Names::kNone;
  const bool is_ascii = std::all_of(host.begin(), host.end(), [](char c) { return c > 0; });
  // libcurl translates other names (IDNA), getaddrinfo does not.
  return is_ascii && !has_https_proxy() ? Names::kResolver : Names::kLibcurl;
}

void Upstream::use(const ServicePtr& service, Clock::time_point now) {
  while (!waiting_.empty()) {  // the name that they wait for may not be looked up any more
    begin(std::move(waiting_.front()), now);
    waiting_.pop_front();
  }
  while (!lanes_.empty()) retire(*lanes_.back());
  idle_.clear();
  service_ = service;
  if (service->api_url.empty()) return;  // there will be no exchanges
  const Api api = read_api(service->api_url);
  shares_connections_ = !api.is_plain;
  names_ = names_of(api.host);
  if (names_ != Names::kResolver) return;
  resolver_.use(api.host, api.port);
  resolver_.is_ready(now);  // begins to look, so that the first exchange need not wait
}

void Upstream::start(Exchange exchange, int client_fd, Clock::time_point now) {
  std::unique_ptr<Transfer> transfer;
  if (idle_.empty()) {
    transfer = std::make_unique<Transfer>(service_);
    curl_easy_setopt(transfer->handle(), CURLOPT_SHARE, share_.get());  // a reset keeps it
  } else {
    transfer = std::move(idle_.back());
    idle_.pop_back();
  }
  transfer->prepare(std::move(exchange));
  transfer->client_fd = client_fd;
  transfer->deadline = now + std::chrono::milliseconds(service_->timeout_ms);
  if (names_ == Names::kResolver && !resolver_.is_ready(now)) {
    ++in_flight_;
    waiting_.push_back(std::move(transfer));
  } else {
    begin(std::move(transfer), now);
    ++in_flight_;
  }
}

void Upstream::begin(std::unique_ptr<Transfer> transfer, Clock::time_point now) {
  using std::chrono::ceil;
  using std::chrono::milliseconds;
  const auto left = ceil<milliseconds>(transfer->deadline - now);
  if (names_ == Names::kLibcurl) {
    transfer->limit(left, left);
  } else {
    const milliseconds whole(transfer->service()->timeout_ms);
    transfer->limit(left, std::min(left, connect_timeout(whole)));
  }
  if (names_ == Names::kResolver && resolver_.version() != resolved_version_) {
    transfer->resolve_to(resolver_.addresses());
    resolved_version_ = resolver_.version();
  }
  lane_for_exchange(now).add(*transfer, now);
  const auto slot = static_cast<std::size_t>(transfer->client_fd);
  if (active_.size() <= slot) active_.resize(slot + 1);
  active_[slot] = std::move(transfer);
}

// The first lane with room. By HTTP/2 there are few connections, and one lane shares them best.
Lane& Upstream::lane_for_exchange(Clock::time_point now) {
  if (shares_connections_ && !lanes_.empty() &&
      lanes_.front()->is_doubtful(now, patience(retired_.size()))) {
    retire(*lanes_.front());
  }
  auto found = std::find_if(lanes_.begin(), lanes_.end(), [&](const auto& lane) {
    return shares_connections_ || lane->in_flight() < kMaxInLane;
  });
  if (found == lanes_.end()) {
    lanes_.push_back(std::make_unique<Lane>(sockets_));
    found = lanes_.end() - 1;
  }
  (*found)->limit_connections(shares_connections_);
  return **found;
}

void Upstream::retire(Lane& lane) {
  const auto found = std::find_if(lanes_.begin(), lanes_.end(),
                                  [&](const auto& one) { return one.get() == &lane; });
  if (found == lanes_.end()) return;
  retired_.push_back(std::move(*found));
  lanes_.erase(found);
}

void Upstream::on_ready(int fd, std::uint32_t events, Clock::time_point now) {
  if (fd == resolver_.event_fd()) {
    const bool found = resolver_.take_result(now);
    while (!found && !waiting_.empty()) {
      fail(std::move(waiting_.front()), Failure::kResolve);
      waiting_.pop_front();
    }
    return begin_waiting(now);
  }
  if (Lane* const lane = sockets_.lane_of(fd)) return lane->on_ready(fd, events);
  sockets_.on_idle_ready(fd, !shares_connections_);
}

void Upstream::begin_waiting(Clock::time_point now) {
  while (!waiting_.empty() && resolver_.is_ready(now)) {
    begin(std::move(waiting_.front()), now);
    waiting_.pop_front();
  }
}

void Upstream::on_time(Clock::time_point now) {
  for (const auto& lane : lanes_) lane->on_time(now);
  for (const auto& lane : retired_) lane->on_time(now);
  std::erase_if(retired_, [](const auto& lane) { return lane->in_flight() == 0; });
  // One at a time: to close the connections of all would keep everybody waiting.
  if (last_lane_is_idle()) lanes_.pop_back();
  begin_waiting(now);
  fail_late(now);
  end_late(now);
}

void Upstream::fail_late(Clock::time_point now) {
  while (!waiting_.empty() && waiting_.front()->deadline <= now) {
    fail(std::move(waiting_.front()), Failure::kTimeout);
    waiting_.pop_front();
  }
}

// libcurl before 8.8 does not end an exchange in time that waits for a connection, or has waited
// for one: it may take as long as a connection may take to be made.
void Upstream::end_late(Clock::time_point now) {
  if (now < look_for_late_) return;
  look_for_late_ = now + kLookForLate;
  for (auto& transfer : active_) {
    if (!transfer || now < transfer->deadline) continue;
    transfer->lane->remove(*transfer);
    fail(std::move(transfer), Failure::kTimeout);
    learn_from(*failed_.back().transfer, failed_.back().answer);
  }
}

void Upstream::fail(std::unique_ptr<Transfer> transfer, Failure failure) {
  --in_flight_;
  Answer answer;
  answer.failure = failure;
  failed_.push_back({std::move(transfer), std::move(answer)});
}

std::optional<Upstream::Clock::time_point> Upstream::due() const {
  const auto is_empty = [](const auto& lane) { return lane->in_flight() == 0; };
  if (last_lane_is_idle() || std::any_of(retired_.begin(), retired_.end(), is_empty)) {
    return Clock::time_point{};  // at once
  }
  std::optional<Clock::time_point> first;
  const auto consider = [&](std::optional<Clock::time_point> time) {
    if (time && (!first || *time < *first)) first = time;
  };
  for (const auto& lane : lanes_) consider(lane->due());
  for (const auto& lane : retired_) consider(lane->due());
  if (in_flight_ > 0) consider(look_for_late_);
  if (!waiting_.empty()) {
    consider(waiting_.front()->deadline);
    consider(resolver_.fallback_due());
  }
  return first;
}

std::optional<Upstream::Finished> Upstream::take_finished(Clock::time_point now) {
  if (!failed_.empty()) {
    Finished finished = std::move(failed_.front());
    failed_.pop_front();
    return finished;
  }
  for (auto* const lanes : {&lanes_, &retired_}) {
    for (const auto& lane : *lanes) {
      if (auto finished = take_finished(*lane, now)) return finished;
    }
  }
  return std::nullopt;
}

std::optional<Upstream::Finished> Upstream::take_finished(Lane& lane, Clock::time_point now) {
  CURLcode result = CURLE_OK;
  const Transfer* const ended = lane.take_ended(result, now);
  if (ended == nullptr) return std::nullopt;
  Finished finished;
  finished.transfer = std::move(active_[static_cast<std::size_t>(ended->client_fd)]);
  finished.answer = finished.transfer->finish(result);
  --in_flight_;
  learn_from(*finished.transfer, finished.answer);
  lane.limit_connections(shares_connections_);
  return finished;
}

// What an exchange tells about the way to Threads.
void Upstream::learn_from(const Transfer& transfer, const Answer& answer) {
  long version = CURL_HTTP_VERSION_NONE;
  curl_easy_getinfo(transfer.handle(), CURLINFO_HTTP_VERSION, &version);
  if (version != CURL_HTTP_VERSION_NONE) shares_connections_ = version >= CURL_HTTP_VERSION_2_0;
  const bool timed_out = answer.failure == Failure::kTimeout;
  // After a timeout libcurl gives the connection to the next exchange, and again after that one's.
  if (timed_out && shares_connections_) retire(*transfer.lane);
  if (timed_out || answer.failure == Failure::kConnect) resolver_.expire();
}

// Whether it can go with the connections that it keeps: the lane before has much room.
bool Upstream::last_lane_is_idle() const {
  return lanes_.size() > 1 && lanes_.back()->in_flight() == 0 &&
         lanes_[lanes_.size() - 2]->in_flight() <= kMaxInLane / 2;
}

void Upstream::recycle(std::unique_ptr<Transfer> transfer) {
  if (transfer->service() == service_ && idle_.size() < kMaxIdleTransfers) {
    transfer->reset();
    idle_.push_back(std::move(transfer));
  }
}
