#include "shell/log_writer.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

namespace {

constexpr std::size_t kMaxPending = std::size_t{1024} * 1024;  // bytes
constexpr std::chrono::seconds kLastWait{1};

std::uint64_t count_lines(std::string_view text) {
  return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

// What stderr does not take.
std::string_view write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) break;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return text;
}

bool stderr_is_a_socket() {
  struct stat file {};
  return fstat(STDERR_FILENO, &file) == 0 && S_ISSOCK(file.st_mode);
}

// A socket, the journal's for one, takes lines without a thread: to wake one costs 3 % of an
// exchange. Gives what it does not take.
std::string_view send_at_once(std::string_view text) {
  const ssize_t sent = send(STDERR_FILENO, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  text.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(sent, 0)));
  return text;
}

// The line that tells of dropped ones.
std::string notice(std::uint64_t dropped) {
  std::string line;
  Log([&](std::string_view text) { line = text; })
      .event(Level::kWarning,
             std::to_string(dropped) + " log lines were dropped: stderr did not take them");
  return line;
}

}  // namespace

struct LogWriter::Shared {
  explicit Shared(Metrics& counts) : metrics(&counts) {}

  void drop(std::uint64_t lines) {
    unreported += lines;
    if (metrics != nullptr) metrics->log_lines_dropped(lines);
  }

  const bool is_socket = stderr_is_a_socket();
  std::mutex guard;  // of everything below
  std::condition_variable changed;
  std::string pending;
  Metrics* metrics;              // null once the writer has gone
  std::uint64_t unreported = 0;  // dropped lines
  bool fails = false;            // the last write did
  bool writing = false;          // the thread is
  bool ending = false;
  bool ended = false;
};

LogWriter::LogWriter(Metrics& metrics)
    : shared_(std::make_shared<Shared>(metrics)), thread_([shared = shared_] { run(*shared); }) {}

LogWriter::~LogWriter() {
  std::unique_lock lock(shared_->guard);
  shared_->ending = true;
  shared_->changed.notify_all();
  shared_->changed.wait_for(lock, kLastWait, [this] { return shared_->ended; });
  shared_->metrics = nullptr;
  const bool ended = shared_->ended;
  lock.unlock();
  if (ended) {
    thread_.join();
  } else {
    thread_.detach();  // it is stuck in write(): it ends with the process
  }
}

void LogWriter::run(Shared& shared) {
  std::string lines;
  std::unique_lock lock(shared.guard);
  for (;;) {
    shared.changed.wait(lock, [&] { return shared.ending || !shared.pending.empty(); });
    if (shared.pending.empty()) break;
    lines.clear();
    lines.swap(shared.pending);
    if (!shared.fails && shared.unreported > 0) {
      lines.insert(0, notice(std::exchange(shared.unreported, 0)));
    }
    shared.writing = true;
    lock.unlock();
    const std::string_view rest = write_all(lines);
    lock.lock();
    shared.writing = false;
    shared.fails = !rest.empty();
    shared.drop(count_lines(rest));
  }
  shared.ended = true;
  shared.changed.notify_all();
}

void LogWriter::write(std::string_view lines) {
  const std::lock_guard lock(shared_->guard);
  const bool is_first = shared_->pending.empty() && !shared_->writing && shared_->unreported == 0;
  if (shared_->is_socket && is_first) lines = send_at_once(lines);
  if (lines.empty()) return;
  // Thousands of exchanges may fail together: an empty buffer takes what one worker has to say.
  if (!shared_->pending.empty() && shared_->pending.size() + lines.size() > kMaxPending) {
    shared_->drop(count_lines(lines));
    return;
  }
  if (shared_->pending.empty()) shared_->changed.notify_all();
  shared_->pending += lines;
}

Log::Sink LogWriter::sink() {
  return [this](std::string_view lines) { write(lines); };
}

void write_log_at_once(std::string_view lines) {
  pollfd ready{STDERR_FILENO, POLLOUT, 0};
  if (poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) != 0) write_all(lines);
}
