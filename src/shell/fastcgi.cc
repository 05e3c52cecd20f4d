#include "shell/fastcgi.h"

#include <fcgiapp.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>

namespace {

constexpr std::size_t kChunk = 4096;  // bytes

std::string read_body(FCGX_Stream* in) {
  std::string body;
  std::array<char, kChunk> chunk{};
  for (;;) {
    const int got = FCGX_GetStr(chunk.data(), static_cast<int>(chunk.size()), in);
    if (got <= 0) return body;
    // All of it must be read, or the rest would be taken for the next request; kept is only as much
    // as it takes to see that it is too long.
    const std::size_t room = kMaxBody + 1 - body.size();
    body.append(chunk.data(), std::min(room, static_cast<std::size_t>(got)));
  }
}

}  // namespace

void start_fastcgi() {
  if (FCGX_Init() != 0) throw std::runtime_error("libfcgi cannot be started");
}

std::optional<Request> read_fastcgi_request(int fd) {
  // Not a documented use: a request made by hand around an open connection. With keepConnection
  // unset FCGX_Accept_r would close it first; without FCGX_Detach libfcgi's close lingers for up to
  // 2 s.
  FCGX_Request raw;
  FCGX_InitRequest(&raw, -1, 0);
  raw.ipcFd = fd;
  raw.keepConnection = 1;
  FCGX_Detach(&raw);
  if (FCGX_Accept_r(&raw) < 0) return std::nullopt;
  Request request = request_from_variables(raw.envp);
  request.body = read_body(raw.in);
  // Frees libfcgi's two 8 KiB streams at once instead of holding them through the exchange.
  FCGX_Free(&raw, 0);
  return request;
}

Request request_from_variables(const char* const* variables) {
  Request request;
  std::string script_name;
  bool https = false;
  for (; *variables != nullptr; ++variables) {
    const std::string_view variable(*variables);
    const std::size_t equals = variable.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = variable.substr(0, equals);
    const std::string_view value = variable.substr(equals + 1);
    if (name == "REQUEST_METHOD") {
      request.method = value;
    } else if (name == "PATH_INFO") {
      request.path = value;
    } else if (name == "SCRIPT_NAME") {
      script_name = value;
    } else if (name == "QUERY_STRING") {
      request.query = value;
    } else if (name == "CONTENT_TYPE") {
      request.content_type = value;
    } else if (name == "CONTENT_LENGTH") {
      request.content_length = value;
    } else if (name == "HTTP_AUTHORIZATION") {
      request.authorization = value;
    } else if (name == "HTTP_HOST") {
      request.host = value;
    } else if (name == "HTTPS") {
      https = https || (!value.empty() && value != "off");
    } else if (name == "REQUEST_SCHEME") {
      https = https || value == "https";
    }
  }
  request.https = https;
  // A program that is mapped by its own name (/cgi-bin/threads-oauth.fcgi/me) has the path in
  // PATH_INFO, one that is mapped by the endpoints' paths in SCRIPT_NAME.
  if (request.path.empty()) request.path = std::move(script_name);
  return request;
}
