// The way of the log to stderr.
#pragma once

#include <memory>
#include <string_view>
#include <thread>

#include "shell/log.h"
#include "shell/metrics.h"

// Writes in a thread of its own: where nobody reads stderr (a stalled journal, a stopped pager),
// nobody but this thread waits. O_NONBLOCK would do so too, for some kinds of file, and would hit
// everybody else who writes to the same one. What does not fit into the buffer meanwhile, or cannot
// be written (a full disk), is dropped and counted; a line says so once lines can be written again.
class LogWriter {
 public:
  // The metrics must outlive it. Throws std::system_error when the system gives no thread.
  explicit LogWriter(Metrics& metrics);
  // Waits for a second at most until the rest is written.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // Takes whole lines, from any thread. The writer must outlive it.
  [[nodiscard]] Log::Sink sink();

 private:
  struct Shared;
  static void run(Shared& shared);
  void write(std::string_view lines);

  std::shared_ptr<Shared> shared_;  // with the thread, which outlives the writer if nobody reads
  std::thread thread_;
};

// Writes lines from this thread, as far as stderr takes them without waiting; up to PIPE_BUF bytes.
// For a process of one request.
void write_log_at_once(std::string_view lines);
