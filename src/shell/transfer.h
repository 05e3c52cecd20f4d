// One exchange with Threads by libcurl: what is sent, what comes back, what came of it.
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "shell/service.h"
#include "threads/exchange.h"

// Must live in main before any thread. Throws std::runtime_error.
class CurlLibrary {
 public:
  CurlLibrary();
  ~CurlLibrary();
  CurlLibrary(const CurlLibrary&) = delete;
  CurlLibrary& operator=(const CurlLibrary&) = delete;
};

class Lane;

// One exchange under way. Used again for the next one when it is done, which keeps its buffers.
class Transfer {
 public:
  // Throws std::runtime_error.
  explicit Transfer(ServicePtr service);

  // Forgets the exchange before.
  void reset();
  // The exchange that is made next. It may take the service's timeout from the moment it is
  // started.
  void prepare(Exchange exchange);
  // Less time than that: for the whole exchange, and for its connection (name, TCP, TLS).
  void limit(std::chrono::milliseconds whole, std::chrono::milliseconds connecting);
  // "HOST:PORT:ADDRESS[,ADDRESS]...": libcurl enters it into its DNS cache when the exchange
  // begins, for itself and for every handle that shares the cache.
  void resolve_to(const std::string& addresses);
  // What came of it, once libcurl says that it ended so.
  Answer finish(CURLcode result);

  [[nodiscard]] CURL* handle() const { return handle_.get(); }
  [[nodiscard]] const Exchange& exchange() const { return exchange_; }
  [[nodiscard]] const ServicePtr& service() const { return service_; }
  // Without TLS; only to a loopback address.
  [[nodiscard]] bool is_plain() const { return exchange_.url.reveal().starts_with("http://"); }

  int client_fd = -1;    // the connection that waits for it
  int socket = -1;       // the last that libcurl used for it
  Lane* lane = nullptr;  // that it is on, null before it has begun
  std::chrono::steady_clock::time_point deadline;

 private:
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* transfer);
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* transfer);
  static int on_new_socket(void* transfer, curl_socket_t fd, curlsocktype purpose);
  [[nodiscard]] bool has_whole_answer() const;

  struct HandleCloser {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  };
  struct ListCloser {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };
  // Declared before the handle, which points to it, so that it goes later.
  std::unique_ptr<curl_slist, ListCloser> addresses_;
  std::unique_ptr<CURL, HandleCloser> handle_;
  Exchange exchange_;
  ServicePtr service_;  // the one that it was made for, whatever is configured meanwhile
  std::string body_;
  std::size_t header_bytes_ = 0;
  bool too_large_ = false;
};

// How long a connection to Threads may take to be made where the whole exchange may take `whole`.
std::chrono::milliseconds connect_timeout(std::chrono::milliseconds whole);

// Whether the environment names a proxy for https (CURLOPT_PROXY(3), "Environment variables").
// no_proxy is not looked at.
bool has_https_proxy();

// One exchange, waited for: what a CGI program does.
Answer exchange_now(Exchange exchange, ServicePtr service);
