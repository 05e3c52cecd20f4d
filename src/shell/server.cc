#include "shell/server.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>

#include "shell/fastcgi.h"
#include "shell/log.h"
#include "shell/log_writer.h"
#include "shell/metrics.h"
#include "shell/supervisor.h"
#include "shell/transfer.h"
#include "shell/worker.h"

namespace {

constexpr std::size_t kSpareDescriptors = 32;
constexpr std::size_t kFewExchanges = 400;  // the usual soft limit of 1024 allows as many

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

// The workers' threads, from start to join.
class WorkerPool {
 public:
  WorkerPool(std::vector<std::unique_ptr<Worker>> workers, const Log::Sink& sink)
      : workers_(std::move(workers)) {
    for (const auto& worker : workers_) {
      threads_.emplace_back([this, &worker, sink] {
        try {
          worker->run();
        } catch (const std::exception& error) {
          Log(sink).event(Level::kError, std::string("a worker failed: ") + error.what());
          failed_ = true;
          kill(getpid(), SIGTERM);
        }
      });
    }
  }
  ~WorkerPool() {
    for (const auto& worker : workers_) worker->stop();
    for (std::thread& thread : threads_) thread.join();
  }
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  void use(const ServicePtr& service) {
    for (const auto& worker : workers_) worker->use(service);
  }
  [[nodiscard]] bool failed() const { return failed_; }

  // Whether the loop of each worker has turned since this was asked last. Wakes those that sleep,
  // so that they will have turned by the next time.
  bool have_turned() {
    bool all = true;
    for (const auto& worker : workers_) all = worker->take_turned() && all;
    for (const auto& worker : workers_) worker->wake();
    return all;
  }

 private:
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
  std::atomic<bool> failed_ = false;
};

// The next signal, or nullopt after the time.
std::optional<int> wait_for_signal(const sigset_t& signals,
                                   std::optional<std::chrono::microseconds> time) {
  using std::chrono::duration_cast;
  for (;;) {
    int signal = 0;
    if (time) {
      const auto seconds = duration_cast<std::chrono::seconds>(*time);
      const std::chrono::nanoseconds rest = *time - seconds;
      const timespec limit{seconds.count(), rest.count()};
      signal = sigtimedwait(&signals, nullptr, &limit);
    } else {
      signal = sigwaitinfo(&signals, nullptr);
    }
    if (signal > 0) return signal;
    if (errno == EAGAIN) return std::nullopt;  // else EINTR: a debugger, or SIGCONT
  }
}

void reload(const ServerPlan& plan, WorkerPool& pool, Metrics& metrics, const Log::Sink& sink,
            const Supervisor& supervisor) {
  supervisor.tell("RELOADING=1");
  Log log(sink);
  const auto configured = plan.configure();
  const auto* const service = std::get_if<ServicePtr>(&configured);
  metrics.reload(service != nullptr);
  if (service != nullptr) {
    pool.use(*service);
    log.event(Level::kInfo, "configuration read again");
    supervisor.tell("READY=1\nSTATUS=Serving.");
    return;
  }
  for (const auto& mistake : std::get<std::vector<std::string>>(configured)) {
    log.event(Level::kError, "the old configuration stays: " + mistake);
  }
  supervisor.tell("READY=1\nSTATUS=Serving by the old configuration: the new one is wrong.");
}

}  // namespace

sigset_t server_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  return signals;
}

int serve(const ServerPlan& plan) {
  // An exchange takes two: the web server's connection and the one to Threads.
  const std::size_t descriptors = raise_descriptor_limit();
  const std::size_t possible =
      (std::max(descriptors, kSpareDescriptors + 2) - kSpareDescriptors) / 2;
  const std::size_t most = plan.max_in_flight != 0 ? plan.max_in_flight : possible;

  start_fastcgi();
  const CurlLibrary curl;
  // After libfcgi, which sets handlers of its own, and before the log: the reader of stderr may
  // have gone.
  if (std::signal(SIGPIPE, SIG_IGN) == SIG_ERR) throw std::runtime_error("signal failed");

  const Supervisor supervisor;
  Metrics metrics;
  LogWriter log_writer(metrics);
  const Log::Sink sink = log_writer.sink();
  Log log(sink);
  log.event(Level::kInfo, "serving: " + std::string(plan.name) + ", workers " +
                              std::to_string(plan.workers) + ", exchanges in flight at most " +
                              std::to_string(most) + ", descriptors " +
                              std::to_string(descriptors));
  if (most > possible || possible < kFewExchanges) {
    log.event(Level::kWarning, "the descriptor limit is low: it allows " +
                                   std::to_string(possible) +
                                   " exchanges in flight; raise it (ulimit -n, LimitNOFILE=)");
  }
  for (const auto& warning : plan.warnings) log.event(Level::kWarning, warning);
  log.flush();

  std::vector<std::unique_ptr<Worker>> workers;
  for (unsigned i = 0; i < plan.workers; ++i) {
    workers.push_back(std::make_unique<Worker>(plan.listeners, plan.own != nullptr, plan.service,
                                               std::max<std::size_t>(most / plan.workers, 1),
                                               metrics, sink));
  }
  WorkerPool pool(std::move(workers), sink);
  supervisor.tell("READY=1\nSTATUS=Serving.");

  auto feeding = supervisor.watchdog();
  if (feeding) *feeding /= 4;
  const sigset_t signals = server_signals();
  for (;;) {
    const auto signal = wait_for_signal(signals, feeding);
    if (!signal) {
      // A loop that does not turn (a call that does not come back) is a reason to be started again.
      if (pool.have_turned()) supervisor.tell("WATCHDOG=1");
    } else if (*signal == SIGHUP) {
      reload(plan, pool, metrics, sink, supervisor);
    } else {
      supervisor.tell("STOPPING=1\nSTATUS=Finishing what is in flight.");
      if (plan.own != nullptr) plan.own->shut();
      return pool.failed() ? 1 : 0;
    }
  }
}
