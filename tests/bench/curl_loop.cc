// What libcurl alone costs: one handle posts the same form to the upstream, over and over, on one
// kept connection. Prints one line of JSON.
// Usage: curl_loop URL FORM SECONDS | curl_loop --version
#include <curl/curl.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* body) {
  static_cast<std::string*>(body)->append(data, size * count);
  return size * count;
}

rusage usage() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return used;
}

double cpu_us(const rusage& used) {
  const auto us = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_usec);
  };
  return us(used.ru_utime) + us(used.ru_stime);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2) return std::puts(curl_version()) < 0;
  if (argc != 4) return 2;
  const std::string form = argv[2];
  curl_global_init(CURL_GLOBAL_DEFAULT);
  CURL* const curl = curl_easy_init();
  std::string body;
  curl_easy_setopt(curl, CURLOPT_URL, argv[1]);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, form.c_str());
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);

  long failures = 0;
  const auto exchange = [&] {
    body.clear();
    long status = 0;
    const bool came = curl_easy_perform(curl) == CURLE_OK;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (!came || status != 200 || body.empty()) ++failures;
  };
  for (int i = 0; i < 100; ++i) exchange();

  std::vector<double> ms;
  const double cpu_before = cpu_us(usage());
  const auto began = Clock::now();
  const auto end = began + std::chrono::duration_cast<Clock::duration>(
                               std::chrono::duration<double>(std::atof(argv[3])));
  auto last = began;
  while (last < end) {
    exchange();
    const auto now = Clock::now();
    ms.push_back(std::chrono::duration<double, std::milli>(now - last).count());
    last = now;
  }
  const double cpu = cpu_us(usage()) - cpu_before;
  const double count = static_cast<double>(ms.size());
  std::sort(ms.begin(), ms.end());
  std::printf(
      "{\"requests\":%zu,\"seconds\":%.6f,\"p50_ms\":%.4f,\"p99_ms\":%.4f,\"failures\":%ld,"
      "\"cpu_us\":%.3f,\"peak_mb\":%.1f}\n",
      ms.size(), std::chrono::duration<double>(last - began).count(), ms[ms.size() / 2],
      ms[ms.size() * 99 / 100], failures, cpu / count,
      static_cast<double>(usage().ru_maxrss) / 1024);
  curl_easy_cleanup(curl);
  curl_global_cleanup();
}
