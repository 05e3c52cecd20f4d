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

#include "shell/fastcgi.h"
#include "shell/record_gate.h"
#include "shell/reply_or_500.h"

namespace {

// A web server sends a request at once and takes the reply at once; who is slower than this is
// none.
constexpr std::chrono::seconds kPatience{10};
// After stop(), for a connection that has sent nothing yet, and for a peer to let go of an idle
// one.
constexpr std::chrono::milliseconds kLastPatience{500};
constexpr std::chrono::milliseconds kPauseWithoutDescriptors{100};
constexpr int kAcceptsAtOnce = 64;
constexpr int kSocketBuffer = 256 * 1024;  // bytes: a whole request or reply fits
constexpr timeval kReadBelt{5, 0};         // libfcgi's reads should never wait

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
      peeked_(kMaxRequest) {
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
    close_late();
    if (!listening_ && !stopping_ && now_ >= listen_again_) watch_listeners(true);
    counts_.now(open_, upstream_.in_flight());
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
  if (!deadlines_.empty()) until = std::min(until, deadlines_.front().when);
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
    if (last_listener_) accept_the_last();
    watch_listeners(false);
    bid_farewell_to_idle();
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
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kReadBelt, sizeof kReadBelt);
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
    if (slot >= connections_.size()) connections_.resize(slot + 1);
    connections_[slot] = std::make_unique<Connection>();
    Connection& connection = *connections_[slot];
    connection.fd = std::move(fd);
    ++open_;
    counts_.accepted();
    start_deadline(connection);
    read(connection);  // the request is often here already
  }
  return listening_;
}

// Whoever has connected may have sent a request, and would lose it with the listening socket. A
// unix socket's queue outlives the shutdown; a TCP socket's does not, so it is emptied before too.
void Worker::accept_the_last() {
  for (const int listener : listeners_) {
    while (accept_from(listener)) {
    }
    shutdown(listener, SHUT_RDWR);
    while (accept_from(listener)) {
    }
  }
}

void Worker::on_connection(int fd, std::uint32_t events) {
  const auto slot = static_cast<std::size_t>(fd);
  if (slot >= connections_.size() || !connections_[slot]) return;
  Connection& connection = *connections_[slot];
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) connection.gone = true;
  switch (connection.state) {
    case Connection::State::kReading:
      read(connection);
      // What is half here will never be whole.
      if (connections_[slot] && connection.gone &&
          connection.state == Connection::State::kReading) {
        close(fd);
      }
      return;
    case Connection::State::kDraining: return drain(connection);
    case Connection::State::kExchanging: connection.ready = true; return;
    case Connection::State::kWriting:
      connection.ready = true;
      write(connection);
      return read_again(fd);
  }
}

// The epoll set is edge-triggered: what came while the connection did not read is not told again.
void Worker::read_again(int fd) {
  auto& connection = connections_[static_cast<std::size_t>(fd)];
  if (connection && connection->ready && connection->state == Connection::State::kReading) {
    connection->ready = false;
    read(*connection);
  }
}

// Serves the request if it is here whole.
void Worker::read(Connection& connection) {
  const int fd = connection.fd.get();
  const ssize_t got = recv(fd, peeked_.data(), peeked_.size(), MSG_PEEK | MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return close(fd);
  const auto bytes = static_cast<std::size_t>(got);
  const GateResult seen = inspect_records({peeked_.data(), bytes});
  connection.request_id = seen.request_id;
  connection.keep = seen.keep_connection;
  switch (seen.gate) {
    case Gate::kIncomplete:
      if (connection.deadline == 0) start_deadline(connection);
      return;
    case Gate::kMalformed:
      log_.event(Level::kWarning, "a connection sent what is no FastCGI request: closed");
      return close(fd);
    case Gate::kBodyTooLong:
      return refuse_unread(connection, 413, "The body is longer than 16 KiB.");
    case Gate::kParamsTooLong:
      return refuse_unread(connection, 414, "The request's address and headers are too long.");
    case Gate::kWhole: break;
  }
  connection.deadline = 0;
  auto request = read_fastcgi_request(fd);
  if (!request) {
    connection.fd.release();  // libfcgi has closed it
    return close(fd);
  }
  // libfcgi reads ahead: what lies behind the request is lost with it.
  connection.last = bytes > seen.length;
  request->metrics = [this] {
    counts_.now(open_, upstream_.in_flight());  // with this connection, too
    return metrics_.text();
  };
  serve(connection, *request);
}

void Worker::serve(Connection& connection, const Request& request) {
  connection.head = request.method == "HEAD";
  connection.method = request.method;
  connection.path = service_->loggable_path(request.path);
  connection.began = now_;
  const Reply at_once = reply_or_500(log_, [&]() -> Reply {
    Outcome outcome = service_->route(request);
    if (auto* decided = std::get_if<Reply>(&outcome)) return std::move(*decided);
    if (upstream_.in_flight() >= max_in_flight_) {
      Reply busy = detail_reply(503, "Too many exchanges are in flight. Try again in a second.");
      busy.headers.emplace_back("Retry-After", "1");
      return busy;
    }
    upstream_.start(std::get<Exchange>(std::move(outcome)), connection.fd.get(), now_);
    connection.state = Connection::State::kExchanging;
    return {};
  });
  if (connection.state != Connection::State::kExchanging) reply(connection, at_once, 0);
}

void Worker::refuse_unread(Connection& connection, int status, std::string_view sentence) {
  connection.last = true;
  connection.head = false;
  connection.method.clear();
  connection.path = "-";
  connection.began = now_;
  reply(connection, detail_reply(status, sentence), 0);
}

void Worker::reply(Connection& connection, const Reply& reply, int upstream_status) {
  const std::string id = ids_.next();
  log_.request({id, connection.method, connection.path, reply.status, upstream_status,
                since(connection.began)});
  counts_.request(connection.path, reply.status);
  connection.out = reply_records(connection.request_id, to_cgi(reply, id, connection.head));
  connection.sent = 0;
  connection.state = Connection::State::kWriting;
  connection.deadline = 0;
  if (stopping_ || connection.last) bid_farewell(connection);
  write(connection);
}

// A web server that has kept a connection may send its next request the moment before it sees that
// we have closed it, and cannot know whether the request was read: a POST is lost (nginx: 502). So
// it is told in words that it ignores within a reply. Behind END_REQUEST they make nginx close
// instead of keep; on an idle connection too, unless it has just sent a request there: that is
// served.
void Worker::bid_farewell(Connection& connection) {
  if (!connection.keep) return;
  connection.keep = false;
  connection.out += farewell_record(connection.request_id);
}

// Ends in another state once the peer has taken all; the connection may be gone then.
void Worker::write(Connection& connection) {
  while (connection.sent < connection.out.size()) {
    const ssize_t sent = send(connection.fd.get(), connection.out.data() + connection.sent,
                              connection.out.size() - connection.sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
      // Asked for only now: a kept connection would wake the loop each time its peer reads.
      epoll_event event{};
      event.events = EPOLLIN | EPOLLRDHUP | EPOLLOUT | EPOLLET;
      event.data.u64 = tagged(Tag::kConnection, connection.fd.get());
      epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.fd.get(), &event);
      if (connection.deadline == 0) start_deadline(connection);
      return;
    }
    if (sent < 0) return close(connection.fd.get());  // the peer has gone
    connection.sent += static_cast<std::size_t>(sent);
  }
  connection.out.clear();
  connection.deadline = 0;
  if (connection.keep && !connection.gone) {
    connection.state = Connection::State::kReading;
    return;
  }
  shutdown(connection.fd.get(), SHUT_WR);
  connection.state = Connection::State::kDraining;
  start_deadline(connection);
  drain(connection);
}

// Throws away what the peer still sends, until it closes. If we closed first, bytes that we have
// not read, or that are still on the way, would reset the connection, and the peer could lose our
// reply.
void Worker::drain(Connection& connection) {
  for (;;) {
    const ssize_t got = recv(connection.fd.get(), peeked_.data(), peeked_.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return close(connection.fd.get());
  }
}

void Worker::finish_exchanges() {
  while (auto finished = upstream_.take_finished(now_)) {
    const Transfer& transfer = *finished->transfer;
    Connection& connection = *connections_[static_cast<std::size_t>(transfer.client_fd)];
    const int fd = transfer.client_fd;
    const Reply concluded = reply_or_500(
        log_, [&] { return transfer.service()->conclude(transfer.exchange(), finished->answer); });
    counts_.exchange(since(connection.began), finished->answer, concluded.status);
    upstream_.recycle(std::move(finished->transfer));
    reply(connection, concluded, finished->answer.status);
    read_again(fd);
  }
}

void Worker::start_deadline(Connection& connection) {
  connection.deadline = ++last_deadline_;
  deadlines_.push_back(
      {now_ + (stopping_ ? kLastPatience : kPatience), connection.fd.get(), last_deadline_});
}

void Worker::close_late() {
  while (!deadlines_.empty() && deadlines_.front().when <= now_) {
    const Deadline late = deadlines_.front();
    deadlines_.pop_front();
    const auto& connection = connections_[static_cast<std::size_t>(late.fd)];
    if (!connection || connection->deadline != late.number) continue;
    if (stopping_ && connection->state == Connection::State::kReading) {
      // A request that arrives this very moment is served; a later one is refused to its sender.
      shutdown(late.fd, SHUT_RD);
      read(*connection);
      if (!connection || connection->state != Connection::State::kReading) continue;
    }
    close(late.fd);
  }
}

// Nothing is closed here: a new connection's first request may be on the way, and of an idle one
// the peer lets go by itself.
void Worker::bid_farewell_to_idle() {
  deadlines_.clear();
  for (const auto& connection : connections_) {
    if (!connection || connection->state == Connection::State::kExchanging) continue;
    if (connection->state != Connection::State::kDraining) bid_farewell(*connection);
    start_deadline(*connection);
    if (connection->state == Connection::State::kReading && !connection->out.empty()) {
      send(connection->fd.get(), connection->out.data(), connection->out.size(),
           MSG_DONTWAIT | MSG_NOSIGNAL);
      connection->out.clear();
    }
  }
}

void Worker::close(int fd) {
  connections_[static_cast<std::size_t>(fd)].reset();
  --open_;
}
