#include "shell/worker.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <stdexcept>

#include "shell/reply_or_500.h"
#include "shell/request_framing.h"

namespace {

// Web servers send requests and take replies at once. A slower peer is stuck or hostile: close it.
constexpr std::chrono::seconds kPeerTimeout{10};
// After stop(), for a connection that has sent nothing yet, and for a peer to let go of an idle
// one.
constexpr std::chrono::milliseconds kGrace{500};
constexpr std::chrono::milliseconds kPauseWithoutDescriptors{100};
constexpr int kAcceptsAtOnce = 64;
constexpr int kSocketBuffer = 256 * 1024;  // bytes: a whole request or reply fits
constexpr timeval kReadBackstop{5, 0};     // libfcgi's reads should never wait

enum class Tag : std::uint32_t { kListener, kWake, kConnection, kUpstream };

std::uint64_t tagged(Tag tag, int fd) {
  return static_cast<std::uint64_t>(tag) << 32U | static_cast<std::uint32_t>(fd);
}

std::uint64_t upstream_tag(int fd) { return tagged(Tag::kUpstream, fd); }

Fd checked(int fd, const char* what) {
  if (fd < 0) throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
  return Fd(fd);
}

std::chrono::microseconds since(std::chrono::steady_clock::time_point began) {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() -
                                                               began);
}

}  // namespace

Worker::Worker(std::vector<int> listeners, bool last_listener, ServicePtr service,
               std::size_t max_in_flight, Metrics& metrics, Log::Sink log)
    : listeners_(std::move(listeners)),
      last_listener_(last_listener),
      service_(std::move(service)),
      max_in_flight_(max_in_flight),
      epoll_(checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      wake_(checked(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")),
      upstream_(epoll_.get(), upstream_tag),
      log_(std::move(log)),
      metrics_(metrics),
      counts_(metrics.new_counts()),
      scratch_(kMaxRequest) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = tagged(Tag::kWake, wake_.get());
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0) {
    throw std::runtime_error("epoll_ctl failed");
  }
  upstream_.use(service_, Clock::now());
}

void Worker::run() {
  watch_listeners(true);
  now_ = Clock::now();
  while (!stopping_ || open_ > 0) {
    on_events();
    upstream_.on_time(now_);
    finish_exchanges();
    end_late();
    if (!listening_ && !stopping_ && now_ >= listen_again_) watch_listeners(true);
    counts_.set_gauges(open_, upstream_.in_flight());
    log_.flush();
    turned_ = true;
  }
}

void Worker::wake() { eventfd_write(wake_.get(), 1); }

void Worker::stop() {
  const std::lock_guard lock(orders_);
  ordered_stop_ = true;
  wake();
}

void Worker::use(ServicePtr service) {
  const std::lock_guard lock(orders_);
  ordered_service_ = std::move(service);
  wake();
}

void Worker::on_events() {
  std::array<epoll_event, 256> events{};
  const int count =
      epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait_ms());
  now_ = Clock::now();
  const std::span<const epoll_event> ready(events.data(),
                                           static_cast<std::size_t>(std::max(count, 0)));
  const auto tag_of = [](const epoll_event& event) {
    return static_cast<Tag>(event.data.u64 >> 32U);
  };
  // Orders first: who was told that the configuration was read again must find it so.
  for (const epoll_event& event : ready) {
    if (tag_of(event) == Tag::kWake) take_orders();
  }
  for (const epoll_event& event : ready) {
    const int fd = static_cast<int>(event.data.u64 & 0xFFFFFFFFU);
    switch (tag_of(event)) {
      case Tag::kListener: accept_from(fd); break;
      case Tag::kWake: break;
      case Tag::kConnection: on_connection(fd, event.events); break;
      case Tag::kUpstream: upstream_.on_ready(fd, event.events, now_); break;
    }
  }
}

int Worker::wait_ms() const {
  using std::chrono::ceil;
  using std::chrono::milliseconds;
  auto until = Clock::time_point::max();
  if (const auto due = upstream_.due()) until = std::min(until, *due);
  if (!deadlines_.empty()) until = std::min(until, deadlines_.begin()->first);
  if (!listening_ && !stopping_) until = std::min(until, listen_again_);
  if (until == Clock::time_point::max()) return -1;
  const auto left = ceil<milliseconds>(until - Clock::now()).count();
  return static_cast<int>(std::clamp<long>(left, 0, 60'000));
}

void Worker::take_orders() {
  eventfd_t ignored = 0;
  eventfd_read(wake_.get(), &ignored);
  const std::lock_guard lock(orders_);
  if (ordered_service_) {
    service_ = std::move(ordered_service_);
    upstream_.use(service_, now_);
  }
  if (ordered_stop_ && !stopping_) {
    stopping_ = true;
    if (last_listener_) drain_accept_queue();
    watch_listeners(false);
    announce_close_to_all();
  }
}

void Worker::watch_listeners(bool watch) {
  listening_ = watch;
  for (const int listener : listeners_) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLEXCLUSIVE;
    event.data.u64 = tagged(Tag::kListener, listener);
    epoll_ctl(epoll_.get(), watch ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, listener, &event);
  }
}

// True if more may wait.
bool Worker::accept_from(int listener) {
  for (int i = 0; i < kAcceptsAtOnce && listening_; ++i) {
    Fd fd(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    if (fd.get() < 0) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        log_.event(Level::kWarning, "out of descriptors or memory: new connections wait");
        watch_listeners(false);
        listen_again_ = now_ + kPauseWithoutDescriptors;
      }
      return false;  // nobody is waiting any more, or that one has gone
    }
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kReadBackstop, sizeof kReadBackstop);
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    if (getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0 &&
        address.ss_family != AF_UNIX) {
      const int on = 1;
      setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &kSocketBuffer, sizeof kSocketBuffer);
      setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &kSocketBuffer, sizeof kSocketBuffer);
    }
    epoll_event event{};
    event.events = EPOLLIN | EPOLLRDHUP | EPOLLET;
    event.data.u64 = tagged(Tag::kConnection, fd.get());
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event) != 0) continue;
    const auto slot = static_cast<std::size_t>(fd.get());
    if (slot >= clients_.size()) clients_.resize(slot + 1);
    clients_[slot] = std::make_unique<Client>(std::move(fd));
    Client& client = *clients_[slot];
    ++open_;
    counts_.accepted();
    start_deadline(client, peer_timeout());
    client.connection.note(false);  // the request is often here already
    advance(client);
  }
  return listening_;
}

// Whoever has connected may have sent a request, and would lose it with the listening socket. A
// unix socket's queue outlives the shutdown; a TCP socket's does not, so it is emptied before too.
void Worker::drain_accept_queue() {
  for (const int listener : listeners_) {
    while (accept_from(listener)) {
    }
    shutdown(listener, SHUT_RDWR);
    while (accept_from(listener)) {
    }
  }
}

Worker::Client* Worker::client_at(int fd) {
  const auto slot = static_cast<std::size_t>(fd);
  return slot < clients_.size() ? clients_[slot].get() : nullptr;
}

void Worker::on_connection(int fd, std::uint32_t events) {
  Client* const client = client_at(fd);
  if (client == nullptr) return;
  client->connection.note((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
  advance(*client);
}

// Goes on with a connection until it waits for something. The client may be gone then.
void Worker::advance(Client& client) {
  Connection& connection = client.connection;
  const int fd = connection.fd();
  for (;;) {
    switch (connection.state()) {
      case Connection::State::kReading:
        // The epoll set is edge-triggered: what came meanwhile is not told again.
        if (!connection.take_noted()) return;
        read(client);
        break;
      case Connection::State::kAnswering: return;
      case Connection::State::kWriting:
        write(client);
        if (connection.state() == Connection::State::kWriting) return;
        break;
      case Connection::State::kDraining:
        connection.drain(scratch_);
        if (connection.state() == Connection::State::kDraining) return;
        break;
      case Connection::State::kClosed: return close(fd);
    }
  }
}

// Serves the request if it is here whole.
void Worker::read(Client& client) {
  Request request;
  switch (client.connection.read(scratch_, request)) {
    case Connection::Input::kNothing:
    case Connection::Input::kEnd: return;
    case Connection::Input::kHalf:
      if (client.deadline == 0) start_deadline(client, peer_timeout());
      return;
    case Connection::Input::kMalformed:
      log_.event(Level::kWarning, "a connection sent what is no FastCGI request: closed");
      return;
    case Connection::Input::kBodyTooLong:
      return refuse(client, 413, "The body is longer than 16 KiB.");
    case Connection::Input::kParamsTooLong:
      return refuse(client, 414, "The request's address and headers are too long.");
    case Connection::Input::kRequest: break;
  }
  client.deadline = 0;
  request.metrics = [this] {
    counts_.set_gauges(open_, upstream_.in_flight());  // with this connection, too
    return metrics_.text();
  };
  serve(client, request);
}

void Worker::serve(Client& client, const Request& request) {
  client.head = request.method == "HEAD";
  client.method = request.method;
  client.path = service_->loggable_path(request.path);
  client.began = now_;
  bool exchanging = false;
  Reply at_once = reply_or_500(log_, [&]() -> Reply {
    Outcome outcome = service_->route(request);
    if (auto* decided = std::get_if<Reply>(&outcome)) return std::move(*decided);
    if (upstream_.in_flight() >= max_in_flight_) {
      Reply busy = detail_reply(503, "Too many exchanges are in flight. Try again in a second.");
      busy.headers.emplace_back("Retry-After", "1");
      return busy;
    }
    upstream_.start(std::get<Exchange>(std::move(outcome)), client.connection.fd(), now_);
    exchanging = true;
    return {};
  });
  if (exchanging) return;
  if (at_once.hold.count() == 0) return reply(client, at_once, 0);
  start_deadline(client, at_once.hold);
  client.held = std::move(at_once);
}

void Worker::refuse(Client& client, int status, std::string_view sentence) {
  client.deadline = 0;
  client.head = false;
  client.method.clear();
  client.path = "-";
  client.began = now_;
  client.connection.reply(log_and_encode(client, detail_reply(status, sentence), 0), true);
}

void Worker::reply(Client& client, const Reply& reply, int upstream_status) {
  client.deadline = 0;
  client.connection.reply(log_and_encode(client, reply, upstream_status), stopping_);
}

std::string Worker::log_and_encode(const Client& client, const Reply& reply, int upstream_status) {
  const std::string id = ids_.next();
  log_.request(
      {id, client.method, client.path, reply.status, upstream_status, since(client.began)});
  counts_.request(client.path, reply.status);
  return to_cgi(reply, id, client.head);
}

void Worker::write(Client& client) {
  Connection& connection = client.connection;
  connection.write();
  if (connection.state() == Connection::State::kWriting) {
    // Asked for only now: a kept connection would wake the loop each time its peer reads.
    epoll_event event{};
    event.events = EPOLLIN | EPOLLRDHUP | EPOLLOUT | EPOLLET;
    event.data.u64 = tagged(Tag::kConnection, connection.fd());
    epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.fd(), &event);
    if (client.deadline == 0) start_deadline(client, peer_timeout());
    return;
  }
  client.deadline = 0;
  if (connection.state() == Connection::State::kDraining) start_deadline(client, peer_timeout());
}

void Worker::finish_exchanges() {
  while (auto finished = upstream_.take_finished(now_)) {
    const Transfer& transfer = *finished->transfer;
    Client& client = *client_at(transfer.client_fd);
    const Reply concluded = reply_or_500(
        log_, [&] { return transfer.service()->conclude(transfer.exchange(), finished->answer); });
    counts_.exchange(since(client.began), finished->answer, concluded.status);
    upstream_.recycle(std::move(finished->transfer));
    reply(client, concluded, finished->answer.status);
    advance(client);
  }
}

std::chrono::milliseconds Worker::peer_timeout() const { return stopping_ ? kGrace : kPeerTimeout; }

void Worker::start_deadline(Client& client, std::chrono::milliseconds time) {
  client.deadline = ++last_deadline_;
  deadlines_.emplace(now_ + time, Deadline{client.connection.fd(), last_deadline_});
}

void Worker::end_late() {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now_) {
    const auto [fd, number] = deadlines_.begin()->second;
    deadlines_.erase(deadlines_.begin());
    Client* const client = client_at(fd);
    if (client == nullptr || client->deadline != number) continue;
    if (client->held) {
      const Reply held = *std::exchange(client->held, std::nullopt);
      reply(*client, held, 0);
      advance(*client);
    } else if (stopping_ && client->connection.state() == Connection::State::kReading) {
      // A request that arrives this very moment is served; a later one is refused to its sender.
      client->connection.stop_reading();
      advance(*client);
    } else {
      close(fd);
    }
  }
}

// Nothing is closed here: a new connection's first request may be on the way, and of an idle one
// the peer lets go by itself.
void Worker::announce_close_to_all() {
  for (const auto& client : clients_) {
    if (!client || client->connection.state() == Connection::State::kAnswering) continue;
    client->connection.announce_close();
    start_deadline(*client, peer_timeout());
  }
}

void Worker::close(int fd) {
  clients_[static_cast<std::size_t>(fd)].reset();
  --open_;
}
