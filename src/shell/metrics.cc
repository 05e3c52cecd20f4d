#include "shell/metrics.h"

#include <curl/curl.h>

#include <algorithm>
#include <cstddef>
#include <string>

#include "shell/version.h"

namespace {

static_assert(Totals::kErrors[static_cast<std::size_t>(Failure::kTooLarge)] == "too_large");

// Index of what went wrong in Totals::kErrors, or its size if nothing did.
std::size_t error_of(const Answer& answer, int reply_status) {
  const auto named = [](std::string_view name) {
    return static_cast<std::size_t>(
        std::find(Totals::kErrors.begin(), Totals::kErrors.end(), name) - Totals::kErrors.begin());
  };
  if (answer.failure) return static_cast<std::size_t>(*answer.failure);
  if (answer.status == 429) return named("rate_limited");
  if (reply_status >= 400 && reply_status <= 499) return named("refused");
  if (answer.status < 200 || answer.status > 299) return named("bad_status");
  return reply_status == 200 ? Totals::kErrors.size() : named("bad_answer");
}

// 0.025, not 0.025000.
std::string decimal(double number) {
  std::string text = std::to_string(number);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

// Writes metrics one below the other, each with its HELP and TYPE.
class Exposition {
 public:
  void begin(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_.append("# HELP ").append(name).append(" ").append(help).append("\n");
    text_.append("# TYPE ").append(name).append(" ").append(type).append("\n");
  }
  // Label values are our own words: nothing in them needs a backslash.
  void value(std::string_view suffix, std::string_view labels, const std::string& value) {
    text_.append(name_).append(suffix);
    if (!labels.empty()) text_.append("{").append(labels).append("}");
    text_.append(" ").append(value).append("\n");
  }
  void single(std::string_view name, std::string_view type, std::string_view help,
              const std::string& number) {
    begin(name, type, help);
    value("", "", number);
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string_view name_;
  std::string text_;
};

std::string label(std::string_view name, std::string_view value) {
  return std::string(name).append("=\"").append(value).append("\"");
}

}  // namespace

void Totals::add_requests(std::string_view path, int status, std::uint64_t count) {
  const auto same = [&](const Requests& one) { return one.status == status && one.path == path; };
  const auto found = std::find_if(requests.begin(), requests.end(), same);
  if (found != requests.end()) {
    found->count += count;
  } else {
    requests.push_back({std::string(path), status, count});
  }
}

Totals& Totals::operator+=(const Totals& other) {
  for (const auto& [path, status, count] : other.requests) add_requests(path, status, count);
  for (std::size_t i = 0; i < exchanges.size(); ++i) exchanges[i] += other.exchanges[i];
  for (std::size_t i = 0; i < errors.size(); ++i) errors[i] += other.errors[i];
  exchanging += other.exchanging;
  accepted += other.accepted;
  connections += other.connections;
  in_flight += other.in_flight;
  return *this;
}

void Counts::request(std::string_view path, int status) {
  const std::lock_guard lock(guard_);
  totals_.add_requests(path, status, 1);
}

void Counts::exchange(std::chrono::microseconds duration, const Answer& answer, int reply_status) {
  const double seconds = std::chrono::duration<double>(duration).count();
  const auto* const bucket =
      std::lower_bound(Totals::kBuckets.begin(), Totals::kBuckets.end(), seconds);
  const std::size_t error = error_of(answer, reply_status);
  const std::lock_guard lock(guard_);
  ++totals_.exchanges[static_cast<std::size_t>(bucket - Totals::kBuckets.begin())];
  totals_.exchanging += duration;
  if (error < totals_.errors.size()) ++totals_.errors[error];
}

void Counts::accepted() {
  const std::lock_guard lock(guard_);
  ++totals_.accepted;
}

void Counts::set_gauges(std::size_t connections, std::size_t in_flight) {
  const std::lock_guard lock(guard_);
  totals_.connections = connections;
  totals_.in_flight = in_flight;
}

Totals Counts::read() const {
  const std::lock_guard lock(guard_);
  return totals_;
}

Metrics::Metrics()
    : started_(std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch())
                   .count()) {}

Counts& Metrics::new_counts() { return counts_.emplace_back(); }

void Metrics::reload(bool success) { ++(success ? reloads_ : failed_reloads_); }

std::string Metrics::text() const {
  Totals all;
  for (const Counts& counts : counts_) all += counts.read();

  Exposition out;
  out.begin("threads_oauth_requests_total", "counter",
            "Requests answered, by endpoint (\"-\": no such path) and HTTP status.");
  for (const auto& [path, status, count] : all.requests) {
    out.value("", label("endpoint", path) + "," + label("status", std::to_string(status)),
              std::to_string(count));
  }

  out.begin("threads_oauth_exchange_duration_seconds", "histogram",
            "How long exchanges with Threads took, whatever came of them.");
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < all.exchanges.size(); ++i) {
    sum += all.exchanges[i];
    const bool last = i == Totals::kBuckets.size();
    out.value("_bucket", label("le", last ? "+Inf" : decimal(Totals::kBuckets[i])),
              std::to_string(sum));
  }
  out.value("_sum", "", decimal(std::chrono::duration<double>(all.exchanging).count()));
  out.value("_count", "", std::to_string(sum));

  out.begin("threads_oauth_upstream_errors_total", "counter",
            "Exchanges that did not succeed, by what went wrong.");
  for (std::size_t i = 0; i < all.errors.size(); ++i) {
    out.value("", label("kind", Totals::kErrors[i]), std::to_string(all.errors[i]));
  }

  out.single("threads_oauth_exchanges_in_flight", "gauge", "Exchanges with Threads under way.",
             std::to_string(all.in_flight));
  out.single("threads_oauth_connections", "gauge", "Open connections of the web server.",
             std::to_string(all.connections));
  out.single("threads_oauth_connections_accepted_total", "counter",
             "Connections of the web server since the start.", std::to_string(all.accepted));

  out.begin("threads_oauth_config_reloads_total", "counter",
            "How often SIGHUP had the configuration read again; a failed one keeps the old.");
  out.value("", label("result", "success"), std::to_string(reloads_));
  out.value("", label("result", "failure"), std::to_string(failed_reloads_));

  out.single("threads_oauth_log_lines_dropped_total", "counter",
             "Log lines that stderr did not take.", std::to_string(log_lines_dropped_));

  out.begin("threads_oauth_build_info", "gauge", "Always 1; what is running is in the labels.");
  out.value("",
            label("version", kVersion) + "," +
                label("libcurl", curl_version_info(CURLVERSION_NOW)->version),
            "1");
  out.single("process_start_time_seconds", "gauge", "When the process started, since 1970.",
             decimal(started_));
  return out.text();
}
