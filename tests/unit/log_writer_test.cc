// The log's way to stderr.
#include "shell/log_writer.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "shell/fd.h"
#include "shell/metrics.h"

TEST_CASE("many lines at once reach a file that takes them") {
  std::string lines;
  for (int i = 0; i < 10'000; ++i)
    lines += "a line of the log, which is as long as many others are\n";
  std::FILE* const file = std::tmpfile();
  REQUIRE(file != nullptr);
  const Fd own_stderr(dup(STDERR_FILENO));
  dup2(fileno(file), STDERR_FILENO);
  Metrics metrics;
  { LogWriter(metrics).sink()(lines); }
  dup2(own_stderr.get(), STDERR_FILENO);
  CHECK(lseek(fileno(file), 0, SEEK_END) == static_cast<off_t>(lines.size()));
  std::fclose(file);
  CHECK(metrics.text().find("threads_oauth_log_lines_dropped_total 0\n") != std::string::npos);
}
