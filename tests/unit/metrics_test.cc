#include "shell/metrics.h"

#include <doctest/doctest.h>

#include <optional>
#include <string>

using std::chrono::milliseconds;

namespace {

bool has_line(const Metrics& metrics, const std::string& line) {
  return ("\n" + metrics.text()).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("metrics are the sums of all workers' counts") {
  Metrics metrics;
  Counts& one = metrics.new_counts();
  Counts& two = metrics.new_counts();
  one.request("/me", 200);
  two.request("/me", 200);
  two.request("/me", 429);
  two.request("-", 404);
  one.accepted();
  two.accepted();
  one.set_gauges(3, 2);
  two.set_gauges(4, 1);
  CHECK(has_line(metrics, R"(threads_oauth_requests_total{endpoint="/me",status="200"} 2)"));
  CHECK(has_line(metrics, R"(threads_oauth_requests_total{endpoint="/me",status="429"} 1)"));
  CHECK(has_line(metrics, R"(threads_oauth_requests_total{endpoint="-",status="404"} 1)"));
  CHECK(has_line(metrics, "threads_oauth_connections_accepted_total 2"));
  CHECK(has_line(metrics, "threads_oauth_connections 7"));
  CHECK(has_line(metrics, "threads_oauth_exchanges_in_flight 3"));
}

TEST_CASE("the histogram's buckets hold all that took no longer") {
  Metrics metrics;
  Counts& counts = metrics.new_counts();
  Answer good;
  good.status = 200;
  for (const auto ms : {5, 10, 11, 700, 60'000}) counts.exchange(milliseconds(ms), good, 200);
  const std::string name = "threads_oauth_exchange_duration_seconds";
  CHECK(has_line(metrics, name + R"(_bucket{le="0.01"} 2)"));
  CHECK(has_line(metrics, name + R"(_bucket{le="0.025"} 3)"));
  CHECK(has_line(metrics, name + R"(_bucket{le="0.5"} 3)"));
  CHECK(has_line(metrics, name + R"(_bucket{le="1"} 4)"));
  CHECK(has_line(metrics, name + R"(_bucket{le="10"} 4)"));
  CHECK(has_line(metrics, name + R"(_bucket{le="+Inf"} 5)"));
  CHECK(has_line(metrics, name + "_sum 60.726"));
  CHECK(has_line(metrics, name + "_count 5"));
}

TEST_CASE("each upstream error counts under its kind, a success under none") {
  struct Case {
    std::optional<Failure> failure;
    int status;
    int reply_status;
    std::string kind;
  };
  for (const Case& c : {
           Case{Failure::kResolve, 0, 502, "resolve"},
           Case{Failure::kConnect, 0, 502, "connect"},
           Case{Failure::kTls, 0, 502, "tls"},
           Case{Failure::kTimeout, 200, 504, "timeout"},
           Case{Failure::kBroken, 0, 502, "broken"},
           Case{Failure::kTooLarge, 200, 502, "too_large"},
           Case{{}, 400, 400, "refused"},
           Case{{}, 200, 400, "refused"},
           Case{{}, 429, 429, "rate_limited"},
           Case{{}, 500, 502, "bad_status"},
           Case{{}, 302, 502, "bad_status"},
           Case{{}, 200, 502, "bad_answer"},
           Case{{}, 200, 200, ""},
       }) {
    CAPTURE(c.kind);
    Metrics metrics;
    Answer answer;
    answer.failure = c.failure;
    answer.status = c.status;
    metrics.new_counts().exchange(milliseconds(1), answer, c.reply_status);
    std::size_t counted = 0;
    for (const std::string_view kind : Totals::kErrors) {
      const std::string line =
          "threads_oauth_upstream_errors_total{kind=\"" + std::string(kind) + "\"} ";
      CHECK(has_line(metrics, line + (kind == c.kind ? "1" : "0")));
      if (kind == c.kind) ++counted;
    }
    CHECK(counted == (c.kind.empty() ? 0 : 1));
  }
}
