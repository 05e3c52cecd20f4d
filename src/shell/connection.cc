#include "shell/connection.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "shell/fastcgi.h"
#include "shell/request_framing.h"

namespace {

bool would_block(ssize_t result) { return result < 0 && (errno == EAGAIN || errno == EINTR); }

}  // namespace

void Connection::note(bool ended) {
  noted_ = true;
  ended_ = ended_ || ended;
}

bool Connection::take_noted() { return std::exchange(noted_, false); }

Connection::Input Connection::read(std::span<unsigned char> scratch, Request& request) {
  const ssize_t got = recv(fd(), scratch.data(), scratch.size(), MSG_PEEK | MSG_DONTWAIT);
  if (would_block(got) && !ended_) return Input::kNothing;
  if (got <= 0) {
    state_ = State::kClosed;
    return Input::kEnd;
  }
  const auto bytes = static_cast<std::size_t>(got);
  const FramedRequest seen = inspect_records(scratch.first(bytes));
  request_id_ = seen.request_id;
  keep_ = seen.keep_connection;
  switch (seen.framing) {
    case Framing::kIncomplete:
      if (!ended_) return Input::kHalf;
      state_ = State::kClosed;  // what is half here will never be whole
      return Input::kEnd;
    case Framing::kMalformed: state_ = State::kClosed; return Input::kMalformed;
    case Framing::kBodyTooLong: return Input::kBodyTooLong;
    case Framing::kParamsTooLong: return Input::kParamsTooLong;
    case Framing::kWhole: break;
  }
  auto read = read_fastcgi_request(fd());
  if (!read) {
    fd_.release();  // libfcgi has closed it
    state_ = State::kClosed;
    return Input::kMalformed;
  }
  has_surplus_ = bytes > seen.length;
  request = std::move(*read);
  state_ = State::kAnswering;
  return Input::kRequest;
}

void Connection::reply(std::string_view cgi_reply, bool last) {
  out_ = reply_records(request_id_, cgi_reply);
  sent_ = 0;
  state_ = State::kWriting;
  if (last || has_surplus_) announce_close();
}

void Connection::write() {
  while (sent_ < out_.size()) {
    const ssize_t sent =
        send(fd(), out_.data() + sent_, out_.size() - sent_, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (would_block(sent)) return;
    if (sent < 0) {  // the peer has gone
      state_ = State::kClosed;
      return;
    }
    sent_ += static_cast<std::size_t>(sent);
  }
  out_.clear();
  sent_ = 0;
  if (keep_ && !ended_) {
    state_ = State::kReading;
  } else {
    shutdown(fd(), SHUT_WR);
    state_ = State::kDraining;
  }
}

// Throws away what the peer still sends, until it closes. If we closed first, bytes that are unread
// or still on the way would reset the connection, and the peer could lose our reply.
void Connection::drain(std::span<unsigned char> scratch) {
  for (;;) {
    const ssize_t got = recv(fd(), scratch.data(), scratch.size(), MSG_DONTWAIT);
    if (would_block(got)) return;
    if (got <= 0) break;
  }
  state_ = State::kClosed;
}

// A web server that has kept a connection may send its next request the moment before it sees that
// we have closed it, and cannot know whether the request was read: a POST is lost (nginx: 502). An
// empty STDERR record behind END_REQUEST makes nginx close the connection instead of keeping it,
// and so does one on an idle connection, unless nginx has just sent a request there: that is
// served.
void Connection::announce_close() {
  if (!keep_) return;
  keep_ = false;
  const std::string announcement = close_announcement(request_id_);
  if (state_ == State::kReading) {
    send(fd(), announcement.data(), announcement.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  } else {
    out_ += announcement;
  }
}

void Connection::stop_reading() {
  shutdown(fd(), SHUT_RD);
  note(true);
}
