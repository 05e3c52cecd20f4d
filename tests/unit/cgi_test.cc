// A CGI request gets its one reply, also when what decides it fails or its body never ends.
#include "shell/cgi.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <string>

namespace {

// What a process of its own writes to stdout and stderr while it serves the request. Behind the
// body its stdin stays open. It ends after ten seconds at the latest.
std::string written(const char* method, const std::function<void()>& serve,
                    const std::string& body = "") {
  std::array<int, 2> ends{};
  std::array<int, 2> input{};
  REQUIRE(pipe(ends.data()) == 0);
  REQUIRE(pipe(input.data()) == 0);
  REQUIRE(write(input[1], body.data(), body.size()) == static_cast<ssize_t>(body.size()));
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    alarm(10);
    dup2(input[0], STDIN_FILENO);
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
    setenv("REQUEST_METHOD", method, 1);
    setenv("SCRIPT_NAME", "/me", 1);
    try {
      serve();
    } catch (const std::exception&) {
      _exit(1);
    }
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  std::array<char, 1024> chunk{};
  for (ssize_t got = 0; (got = read(ends[0], chunk.data(), chunk.size())) > 0;) {
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
  for (const int end : {ends[0], input[0], input[1]}) close(end);
  waitpid(child, nullptr, 0);
  return text;
}

[[noreturn]] void fail() { throw std::runtime_error("it quotes app-secret-0123"); }

Exchange exchange_with_nobody() {
  Exchange exchange;
  exchange.url = Secret("http://127.0.0.1:1/");
  return exchange;
}

void check_internal_error(Service service) {
  service.loggable_path = [](std::string_view) { return std::string_view("/me"); };
  const auto shared = std::make_shared<const Service>(std::move(service));
  const std::string text = written("GET", [&] { serve_cgi(shared); });
  CHECK(text.starts_with("Status: 500 Internal Server Error\r\n"));
  CHECK(text.find("\r\n\r\n{\"detail\":\"Internal error.\"}") != std::string::npos);
  CHECK(text.find("method=GET path=/me status=500") != std::string::npos);
  CHECK(text.find("msg=\"internal error: std::runtime_error\"") != std::string::npos);
  CHECK(text.find("app-secret") == std::string::npos);
}

}  // namespace

TEST_CASE("CGI: an exception becomes a reply that does not quote it") {
  Service service;
  SUBCASE("route") {
    service.route = [](const Request&) -> Outcome { fail(); };
  }
  SUBCASE("conclude") {
    service.route = [](const Request&) -> Outcome { return exchange_with_nobody(); };
    service.conclude = [](const Exchange&, const Answer&) -> Reply { fail(); };
  }
  check_internal_error(std::move(service));
}

TEST_CASE("CGI: the body is read as far as it was promised, and no further than to see its limit") {
  Service service;
  service.loggable_path = [](std::string_view) { return std::string_view("/me"); };
  service.route = [](const Request& request) -> Outcome {
    return json_reply(200, std::to_string(request.body.size()) + " of " + request.content_length);
  };
  const auto shared = std::make_shared<const Service>(std::move(service));
  const auto reply_to = [&](const std::string& length, const std::string& body) {
    const auto serve = [&] {
      setenv("CONTENT_LENGTH", length.c_str(), 1);
      serve_cgi(shared);
    };
    const std::string text = written("POST", serve, body);
    const std::size_t begin = std::min(text.find("\r\n\r\n"), text.size());
    return text.substr(begin, text.find("time=") - begin);
  };
  const std::string too_long(kMaxBody + 100, 'x');
  CHECK(reply_to("4", "body and more") == "\r\n\r\n4 of 4");
  CHECK(reply_to("16384", too_long) == "\r\n\r\n16384 of 16384");
  CHECK(reply_to("10000000", too_long) == "\r\n\r\n16385 of 10000000");
  CHECK(reply_to("", "body") == "\r\n\r\n0 of ");
  CHECK(reply_to("x", "body") == "\r\n\r\n0 of x");
}

TEST_CASE("CGI: a refusal has no body for HEAD") {
  const auto refuse = [] { refuse_cgi("The configuration is wrong."); };
  CHECK(written("GET", refuse).ends_with("\r\n\r\n{\"detail\":\"The configuration is wrong.\"}"));
  const std::string head = written("HEAD", refuse);
  CHECK(head.starts_with("Status: 500 "));
  CHECK(head.find("Content-Length: 40\r\n") != std::string::npos);
  CHECK(head.ends_with("\r\n\r\n"));
}
