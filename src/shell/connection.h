// One connection of the web server: FastCGI requests in, replies out, one after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/request.h"
#include "shell/fd.h"

// Passive: its loop tells it of readiness, and looks at its state to learn what it waits for. It
// never waits itself. Belongs to one thread.
class Connection {
 public:
  enum class State {
    kReading,    // for a whole request
    kAnswering,  // for a reply that somebody else works on
    kWriting,    // for the peer to take the reply
    kDraining,   // for the peer to close, after the last reply
    kClosed,     // for nothing: to be thrown away
  };

  // The socket stays blocking, since libfcgi takes EAGAIN for an error; nothing here blocks all the
  // same.
  explicit Connection(Fd fd) : fd_(std::move(fd)) {}

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] State state() const { return state_; }

  // Something has come, and will not be told again; `ended`: the peer sends no more. To be called
  // for each event, before anything else.
  void note(bool ended);
  // Whether read() may find something that it has not seen. Asking again gives false until note().
  bool take_noted();

  enum class Input {
    kNothing,      // and nothing is lost: wait
    kHalf,         // of a request: wait, but not for ever
    kRequest,      // whole; the state is kAnswering
    kMalformed,    // the state is kClosed
    kBodyTooLong,  // to be refused by a last reply, and so is the next one
    kParamsTooLong,
    kEnd,  // the state is kClosed
  };
  // Looks at what has come, in kReading. `scratch` holds kMaxRequest bytes, and nothing between two
  // calls.
  Input read(std::span<unsigned char> scratch, Request& request);

  // The reply to the request, in CGI form; the state is kWriting. `last`: the connection is closed
  // behind it, and the peer told so.
  void reply(std::string_view cgi_reply, bool last);
  // Writes on, in kWriting. The next state is kWriting again if the peer does not take all.
  void write();
  // Throws away what has come, in kDraining.
  void drain(std::span<unsigned char> scratch);

  // The peer shall let go of a kept connection before it is closed: at the end of the reply under
  // way, else at once. For a request that has been sent meanwhile, reading goes on.
  void announce_close();
  // No more requests are read; one that is here whole will be found by read().
  void stop_reading();

 private:
  Fd fd_;
  State state_ = State::kReading;
  bool noted_ = false;
  bool ended_ = false;  // the peer sends no more
  std::uint16_t request_id_ = 0;
  bool keep_ = false;         // the peer wants it open after the reply
  bool has_surplus_ = false;  // bytes behind the request, which libfcgi's reading ahead has lost
  std::string out_;
  std::size_t sent_ = 0;
};
