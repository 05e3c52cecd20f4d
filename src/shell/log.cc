#include "shell/log.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>

namespace {

constexpr std::chrono::seconds kSlow{1};

// The variable may have been inherited while stderr has been sent elsewhere since.
bool stderr_is_the_journals() {
  const char* const stream = std::getenv("JOURNAL_STREAM");
  struct stat file {};
  return stream != nullptr && fstat(STDERR_FILENO, &file) == 0 &&
         stream == std::to_string(file.st_dev) + ":" + std::to_string(file.st_ino);
}

}  // namespace

std::string journal_prefix(Level level) {
  static const bool wanted = stderr_is_the_journals();
  return wanted ? std::string{'<', static_cast<char>(level), '>'} : std::string();
}

void Log::begin_line(Level level) {
  lines_ += journal_prefix(level);
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (now.tv_sec != stamp_second_) {
    stamp_second_ = now.tv_sec;
    std::array<char, 32> text{};
    tm utc{};
    gmtime_r(&now.tv_sec, &utc);
    stamp_.assign(text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc));
  }
  const std::string milliseconds = std::to_string(1000 + now.tv_nsec / 1'000'000);
  lines_.append("time=").append(stamp_).append(".").append(milliseconds, 1).append("Z");
}

void Log::request(const RequestLine& line) {
  const bool plain = !line.method.empty() && line.method.size() <= 16 &&
                     std::all_of(line.method.begin(), line.method.end(),
                                 [](char c) { return c >= 'A' && c <= 'Z'; });
  const bool slow = line.duration >= kSlow;
  begin_line(slow || line.status >= 500 ? Level::kWarning : Level::kInfo);
  lines_.append(" id=").append(line.id);
  lines_.append(" method=").append(plain ? line.method : "-");
  lines_.append(" path=").append(line.path);
  lines_.append(" status=").append(std::to_string(line.status));
  lines_.append(" upstream=");
  lines_.append(line.upstream_status == 0 ? "-" : std::to_string(line.upstream_status));
  const auto micros = line.duration.count();
  const std::string fraction = std::to_string(1000 + micros % 1000);
  lines_.append(" ms=").append(std::to_string(micros / 1000)).append(".").append(fraction, 1);
  lines_ += slow ? " slow=yes\n" : "\n";
}

void Log::event(Level level, std::string_view message) {
  begin_line(level);
  lines_ += " msg=\"";
  for (const char c : message) {
    const bool breaks_the_line = static_cast<unsigned char>(c) < 0x20 || c == '"';
    lines_ += breaks_the_line ? '\'' : c;
  }
  lines_ += "\"\n";
}

void Log::flush() {
  if (lines_.empty()) return;
  sink_(lines_);
  lines_.clear();
}
