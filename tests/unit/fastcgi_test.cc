// What the variables of a web server say about a request.
#include "shell/fastcgi.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

Request request_of(std::vector<const char*> variables) {
  variables.push_back(nullptr);
  return request_from_variables(variables.data());
}

}  // namespace

TEST_CASE("each variable ends up in its place, and others are passed over") {
  const Request request =
      request_of({"GATEWAY_INTERFACE=CGI/1.1", "REQUEST_METHOD=POST", "SCRIPT_NAME=/me",
                  "QUERY_STRING=a=b&c=d", "CONTENT_TYPE=text/plain; x=y", "CONTENT_LENGTH=12",
                  "HTTP_AUTHORIZATION=Bearer x=y", "HTTP_HOST=localhost:8080", "HTTP_X=z"});
  CHECK(request.method == "POST");
  CHECK(request.path == "/me");
  CHECK(request.query == "a=b&c=d");
  CHECK(request.content_type == "text/plain; x=y");
  CHECK(request.content_length == "12");
  CHECK(request.authorization == "Bearer x=y");
  CHECK(request.host == "localhost:8080");
  CHECK_FALSE(request.https);
  CHECK(request.body.empty());
  CHECK_FALSE(request.metrics);
  CHECK(request_of({"REQUEST_METHOD", "=x", ""}).method.empty());
}

TEST_CASE("the path is PATH_INFO where there is one, else SCRIPT_NAME") {
  CHECK(request_of({"SCRIPT_NAME=/cgi-bin/threads-oauth.fcgi", "PATH_INFO=/me"}).path == "/me");
  CHECK(request_of({"PATH_INFO=/me", "SCRIPT_NAME=/cgi-bin/threads-oauth.fcgi"}).path == "/me");
  CHECK(request_of({"PATH_INFO=", "SCRIPT_NAME=/me"}).path == "/me");
  CHECK(request_of({"PATH_INFO=/me"}).path == "/me");
}

// Apache sets HTTPS=on, IIS HTTPS=off for plain http; nginx's fastcgi_params have both variables.
TEST_CASE("the client came by TLS if HTTPS or REQUEST_SCHEME says so") {
  for (const std::vector<const char*>& by_tls : {std::vector<const char*>{"HTTPS=on"},
                                                 {"HTTPS=1"},
                                                 {"REQUEST_SCHEME=https"},
                                                 {"HTTPS=", "REQUEST_SCHEME=https"},
                                                 {"REQUEST_SCHEME=https", "HTTPS="},
                                                 {"HTTPS=off", "REQUEST_SCHEME=https"},
                                                 {"HTTPS=on", "REQUEST_SCHEME=http"},
                                                 {"REQUEST_SCHEME=http", "HTTPS=on"}}) {
    CAPTURE(by_tls.front());
    CHECK(request_of(by_tls).https);
  }
  for (const std::vector<const char*>& plain : {std::vector<const char*>{},
                                                {"HTTPS="},
                                                {"HTTPS=off"},
                                                {"REQUEST_SCHEME=http"},
                                                {"REQUEST_SCHEME="},
                                                {"HTTPS=off", "REQUEST_SCHEME=http"},
                                                {"HTTP_HTTPS=on"},
                                                {"HTTP_REQUEST_SCHEME=https"}}) {
    CHECK_FALSE(request_of(plain).https);
  }
}
