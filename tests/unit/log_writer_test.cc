// The log's way to stderr.
#include "shell/log_writer.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "shell/fd.h"
#include "shell/metrics.h"

namespace {

// What the function writes to stderr, in bytes.
template <typename Function>
off_t bytes_written(Function write) {
  std::FILE* const file = std::tmpfile();
  REQUIRE(file != nullptr);
  const Fd own_stderr(dup(STDERR_FILENO));
  dup2(fileno(file), STDERR_FILENO);
  write();
  dup2(own_stderr.get(), STDERR_FILENO);
  const off_t size = lseek(fileno(file), 0, SEEK_END);
  std::fclose(file);
  return size;
}

std::string lines(std::size_t count) {
  std::string text;
  while (count-- > 0) text += "a line of the log, which is as long as many others are\n";
  return text;
}

bool dropped_nothing(const Metrics& metrics) {
  return metrics.text().find("threads_oauth_log_lines_dropped_total 0\n") != std::string::npos;
}

}  // namespace

TEST_CASE("all that one worker has to say at once reaches a file that takes it") {
  const std::string text = lines(30'000);
  Metrics metrics;
  const off_t size = bytes_written([&] { LogWriter(metrics).sink()(text); });
  CHECK(size == static_cast<off_t>(text.size()));
  CHECK(dropped_nothing(metrics));
}

TEST_CASE("and so do the lines of several workers") {
  const std::string text = lines(1'000);
  Metrics metrics;
  const off_t size = bytes_written([&] {
    LogWriter writer(metrics);
    const Log::Sink sink = writer.sink();
    for (int worker = 0; worker < 16; ++worker) sink(text);
  });
  CHECK(size == static_cast<off_t>(16 * text.size()));
  CHECK(dropped_nothing(metrics));
}
