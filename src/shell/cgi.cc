#include "shell/cgi.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "shell/fastcgi.h"
#include "shell/log.h"
#include "shell/log_writer.h"
#include "shell/reply_or_500.h"
#include "shell/request_id.h"
#include "shell/transfer.h"

namespace {

// At most one byte more than a body may have, and no more than was promised: a server may leave the
// pipe open.
std::string read_body(std::size_t promised) {
  std::string body;
  std::array<char, 4096> chunk{};
  const std::size_t wanted = std::min(promised, kMaxBody + 1);
  while (body.size() < wanted) {
    const ssize_t got =
        ::read(STDIN_FILENO, chunk.data(), std::min(chunk.size(), wanted - body.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    body.append(chunk.data(), static_cast<std::size_t>(got));
  }
  return body;
}

void write_reply(const Reply& reply, std::string_view id, bool head) {
  const std::string text = to_cgi(reply, id, head);
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

bool is_cgi() {
  return std::getenv("GATEWAY_INTERFACE") != nullptr && std::getenv("REQUEST_METHOD") != nullptr;
}

void serve_cgi(const ServicePtr& service) {
  const auto began = std::chrono::steady_clock::now();
  Request request = request_from_variables(environ);
  std::size_t promised = 0;
  std::from_chars(request.content_length.data(),
                  request.content_length.data() + request.content_length.size(), promised);
  request.body = read_body(promised);

  int upstream_status = 0;
  Log log(write_log_at_once);
  const Reply reply = reply_or_500(log, [&]() -> Reply {
    Outcome outcome = service->route(request);
    if (auto* decided = std::get_if<Reply>(&outcome)) return std::move(*decided);
    const auto& exchange = std::get<Exchange>(outcome);
    const CurlLibrary curl;
    const Answer answer = exchange_now(exchange, service);
    upstream_status = answer.status;
    return service->conclude(exchange, answer);
  });
  std::this_thread::sleep_for(reply.hold);
  const std::string id = RequestIds().next();
  write_reply(reply, id, request.method == "HEAD");
  log.request({id, request.method, service->loggable_path(request.path), reply.status,
               upstream_status,
               std::chrono::duration_cast<std::chrono::microseconds>(
                   std::chrono::steady_clock::now() - began)});
}

void refuse_cgi(std::string_view sentence) {
  write_reply(detail_reply(500, sentence), RequestIds().next(),
              request_from_variables(environ).method == "HEAD");
}
