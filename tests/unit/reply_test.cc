// The bytes of a reply in CGI form.
#include "core/reply.h"

#include <doctest/doctest.h>

#include <string>

TEST_CASE("every status that is sent has the reason phrase of RFC 9110 or RFC 6585") {
  struct Row {
    int status;
    const char* line;
  };
  for (const Row& row : {Row{200, "200 OK"},
                         {302, "302 Found"},
                         {400, "400 Bad Request"},
                         {404, "404 Not Found"},
                         {405, "405 Method Not Allowed"},
                         {413, "413 Content Too Large"},
                         {414, "414 URI Too Long"},
                         {415, "415 Unsupported Media Type"},
                         {422, "422 Unprocessable Content"},
                         {429, "429 Too Many Requests"},
                         {500, "500 Internal Server Error"},
                         {502, "502 Bad Gateway"},
                         {503, "503 Service Unavailable"},
                         {504, "504 Gateway Timeout"}}) {
    CAPTURE(row.status);
    CHECK(to_cgi(json_reply(row.status, "{}"), "id", false)
              .starts_with("Status: " + std::string(row.line) + "\r\n"));
  }
}

TEST_CASE("a reply has these headers, its own behind them, and its body unless HEAD asked") {
  Reply reply = detail_reply(503, "Try \"again\".", ",\"more\":1");
  reply.headers.emplace_back("Retry-After", "1");
  const std::string head =
      "Status: 503 Service Unavailable\r\n"
      "Content-Type: application/json\r\n"
      "Content-Length: 36\r\n"
      "Cache-Control: no-store\r\n"
      "X-Content-Type-Options: nosniff\r\n"
      "Referrer-Policy: no-referrer\r\n"
      "X-Request-Id: 0123456789abcdef\r\n"
      "Retry-After: 1\r\n"
      "\r\n";
  CHECK(to_cgi(reply, "0123456789abcdef", true) == head);
  CHECK(to_cgi(reply, "0123456789abcdef", false) ==
        head + R"({"detail":"Try \"again\".","more":1})");
}
