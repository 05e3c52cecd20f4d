// route(): what a request becomes, row by row of the contract's error table.
#include "threads/endpoints.h"

#include <doctest/doctest.h>

#include <string>

#include "core/json.h"

namespace {

Config config() {
  Config c;
  c.app_id = "42";
  c.app_secret = Secret("APP-SECRET");
  c.client_secret = Secret("CLIENT-SECRET");
  c.api_url = "https://graph.example";
  c.auth_url = "https://auth.example/authorize";
  c.scope = "threads_basic";
  return c;
}

Request get(std::string path, std::string query = "") {
  Request request;
  request.method = "GET";
  request.path = std::move(path);
  request.query = std::move(query);
  return request;
}

Request post(std::string body, std::string type = "application/json") {
  Request request;
  request.method = "POST";
  request.path = "/access-token";
  request.content_type = std::move(type);
  request.content_length = std::to_string(body.size());
  request.body = std::move(body);
  return request;
}

Reply reply_to(const Request& request, const Config& c = config()) {
  const Outcome outcome = route(request, c);
  REQUIRE(std::holds_alternative<Reply>(outcome));
  return std::get<Reply>(outcome);
}

Exchange exchange_for(const Request& request, const Config& c = config()) {
  const Outcome outcome = route(request, c);
  if (const auto* reply = std::get_if<Reply>(&outcome)) FAIL(reply->body);
  return std::get<Exchange>(outcome);
}

const std::string kGood = R"({"code":"AQB","redirect_uri":"https://a/auth"})";

}  // namespace

TEST_CASE("local endpoints") {
  CHECK(reply_to(get("/")).body == R"({"Hello":"World"})");
  CHECK(reply_to(get("/healthz")).status == 200);
  CHECK(
      reply_to(get("/config")).body ==
      R"({"app_id":"42","auth_url":"https://auth.example/authorize","scope":"threads_basic","sandbox":false})");
  Request head = get("/config");
  head.method = "HEAD";
  CHECK(reply_to(head).status == 200);
}

TEST_CASE("the code exchange") {
  const Exchange exchange = exchange_for(post(kGood));
  CHECK(exchange.post);
  CHECK(exchange.step == "exchange");
  CHECK(exchange.url.reveal() == "https://graph.example/oauth/access_token");
  CHECK(exchange.form.reveal() ==
        "client_id=42&client_secret=APP-SECRET&redirect_uri=https%3A%2F%2Fa%2Fauth&code=AQB&"
        "grant_type=authorization_code");
  CHECK(exchange.credential.reveal() == "AQB");
}

TEST_CASE("#_ at the end of a code is not part of it") {
  CHECK(exchange_for(post(R"({"code":"AQB#_","redirect_uri":"x"})")).credential.reveal() == "AQB");
  CHECK(exchange_for(post(R"({"code":"#_AQB","redirect_uri":"x"})")).credential.reveal() ==
        "#_AQB");
}

TEST_CASE("content types") {
  for (const std::string good : {"application/json", "application/json; charset=utf-8",
                                 "Application/JSON", " application/json ;x"}) {
    CAPTURE(good);
    exchange_for(post(kGood, good));
  }
  for (const std::string bad :
       {"", "text/plain", "application/x-www-form-urlencoded", "application/jsonx",
        "application/merge-patch+json", "text/plain; application/json"}) {
    CAPTURE(bad);
    CHECK(reply_to(post(kGood, bad)).status == 415);
  }
}

TEST_CASE("422: bodies as FastAPI tells them") {
  struct Case {
    const char* body;
    const char* expected;
  };
  const Case cases[] = {
      {R"({"redirect_uri":"u"})",
       R"({"detail":[{"type":"missing","loc":["body","code"],"msg":"Field required","input":{"redirect_uri":"u"}}]})"},
      {R"({"code":"c"})",
       R"({"detail":[{"type":"missing","loc":["body","redirect_uri"],"msg":"Field required","input":{"code":"c"}}]})"},
      {"{}",
       R"({"detail":[{"type":"missing","loc":["body","code"],"msg":"Field required","input":{}},{"type":"missing","loc":["body","redirect_uri"],"msg":"Field required","input":{}}]})"},
      {R"({"code":1,"redirect_uri":null})",
       R"({"detail":[{"type":"string_type","loc":["body","code"],"msg":"Input should be a valid string","input":1},{"type":"string_type","loc":["body","redirect_uri"],"msg":"Input should be a valid string","input":null}]})"},
      {"[1]",
       R"({"detail":[{"type":"model_attributes_type","loc":["body"],"msg":"Input should be a valid dictionary or object to extract fields from","input":[1]}]})"},
      {R"({"code":"a","code":"b","redirect_uri":"u"})",
       R"({"detail":[{"type":"value_error","loc":["body","code"],"msg":"Value error, given more than once"}]})"},
      {R"({"code":"a","redirect_uri":"u","redirect_uri":"v"})",
       R"({"detail":[{"type":"value_error","loc":["body","redirect_uri"],"msg":"Value error, given more than once"}]})"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.body);
    const Reply reply = reply_to(post(c.body));
    CHECK(reply.status == 422);
    CHECK(reply.body == c.expected);
  }
}

TEST_CASE("422: not JSON") {
  const Reply reply = reply_to(post("{\"code\": x}"));
  CHECK(reply.status == 422);
  CHECK(reply.body.starts_with(
      R"({"detail":[{"type":"json_invalid","loc":["body",9],"msg":"JSON decode error","input":{},"ctx":{"error":")"));
  for (const std::string bad :
       {"", "code=1", "{", "{\"code\":\"\\ud800\",\"redirect_uri\":\"x\"}"}) {
    CAPTURE(bad);
    CHECK(reply_to(post(bad)).status == 422);
  }
  CHECK(reply_to(post(std::string(10'000, '['))).status == 422);
}

TEST_CASE("what is echoed in a 422 holds no code and no token") {
  for (const std::string body :
       {R"({"code":"CANARY-CODE"})", R"(["CANARY-CODE"])", R"("CANARY-CODE")",
        R"({"code":["CANARY-CODE"],"redirect_uri":{"x":"CANARY-CODE"}})",
        R"({"redirect_uri":"https://h/auth/callback?code=CANARY-CODE"})",
        R"({"redirect_uri":"https://h/auth/callback#CANARY-CODE"})",
        R"([{"redirect_uri":"CANARY-CODE"}])",
        R"({"code":{"redirect_uri":"CANARY-CODE"},"redirect_uri":"u"})",
        R"({"CANARY-CODE-CANARY-CODE-CANARY-CODE-X":1})", R"({"CANARY-CODE-0123":1})"}) {
    CAPTURE(body);
    const Reply reply = reply_to(post(body));
    CHECK(reply.status == 422);
    CHECK(reply.body.find("CANARY") == std::string::npos);
  }
}

TEST_CASE("a number beyond all doubles is echoed as null, not as nothing") {
  CHECK(reply_to(post(R"({"code":-187e308,"redirect_uri":"u"})"))
            .body.ends_with(R"("input":null}]})"));
}

TEST_CASE("lengths of body and query") {
  const std::string frame = R"({"code":"","redirect_uri":"u"})";
  const auto body_of = [&](std::size_t size) {
    return R"({"code":")" + std::string(size - frame.size(), 'x') + R"(","redirect_uri":"u"})";
  };
  exchange_for(post(body_of(kMaxBody)));
  CHECK(reply_to(post(body_of(kMaxBody + 1))).status == 413);

  Request promised = post("short");
  promised.content_length = "10000000";
  CHECK(reply_to(promised).status == 413);
  promised.content_length = "99999999999999999999999999";
  CHECK(reply_to(promised).status == 413);
  for (const std::string lie : {"6", "4", "-1", "+5", "5x", " 5", "0x5"}) {
    CAPTURE(lie);
    promised.content_length = lie;
    CHECK(reply_to(promised).status == 400);
  }
  Request unsaid = post(kGood);
  unsaid.content_length.clear();
  exchange_for(unsaid);

  const std::string prefix = "access_token=";
  exchange_for(get("/me", prefix + std::string(kMaxQuery - prefix.size(), 'x')));
  CHECK(reply_to(get("/me", prefix + std::string(kMaxQuery - prefix.size() + 1, 'x'))).status ==
        414);
}

TEST_CASE("a body that is no UTF-8 is 400") {
  CHECK(reply_to(post("{\"code\":\"\xff\",\"redirect_uri\":\"u\"}")).status == 400);
}

TEST_CASE("redirect URIs are compared byte for byte where a list is set") {
  Config c = config();
  c.redirect_uris = {"https://a/auth", "https://b/auth"};
  exchange_for(post(kGood), c);
  for (const std::string other : {"https://a/auth/", "http://a/auth", "https://A/auth", ""}) {
    CAPTURE(other);
    const Reply reply =
        reply_to(post(std::string(R"({"code":"c","redirect_uri":")") + other + "\"}"), c);
    CHECK(reply.status == 400);
  }
}

TEST_CASE("404 and 405") {
  CHECK(reply_to(get("/nothing")).status == 404);
  CHECK(reply_to(get("/nothing")).body == R"({"detail":"Not Found"})");
  for (const std::string path : {"", "//", "/ME", "/me/", "/access-token/x"}) {
    CAPTURE(path);
    CHECK(reply_to(get(path)).status == 404);
  }
  struct Case {
    const char* method;
    const char* path;
    const char* allow;
  };
  const Case cases[] = {{"GET", "/access-token", "POST"}, {"HEAD", "/access-token", "POST"},
                        {"POST", "/me", "GET, HEAD"},     {"OPTIONS", "/access-token", "POST"},
                        {"PUT", "/config", "GET, HEAD"},  {"DELETE", "/", "GET, HEAD"},
                        {"get", "/config", "GET, HEAD"},  {"", "/config", "GET, HEAD"}};
  for (const Case& c : cases) {
    CAPTURE(c.method);
    CAPTURE(c.path);
    Request request = get(c.path);
    request.method = c.method;
    const Reply reply = reply_to(request);
    CHECK(reply.status == 405);
    CHECK(reply.body == R"({"detail":"Method Not Allowed"})");
    REQUIRE(reply.headers.size() == 1);
    CHECK(reply.headers[0] == std::pair<std::string, std::string>("Allow", c.allow));
  }
}

TEST_CASE("what each token endpoint asks of Threads") {
  struct Case {
    const char* path;
    const char* url;
    std::string_view step;
  };
  const Case cases[] = {
      {"/long-lived-access-token",
       "https://graph.example/"
       "access_token?grant_type=th_exchange_token&client_secret=CLIENT-SECRET&"
       "access_token=T%2B1",
       "long-lived"},
      {"/refresh-access-token",
       "https://graph.example/refresh_access_token?grant_type=th_refresh_token&access_token=T%2B1",
       "refresh"},
      {"/me",
       "https://graph.example/v1.0/"
       "me?fields=id%2Cusername%2Cname%2Cthreads_profile_picture_url%2Cthreads_biography%2Cis_"
       "verified&"
       "access_token=T%2B1",
       "profile"},
      {"/debug-token",
       "https://graph.example/v1.0/debug_token?input_token=T%2B1&access_token=T%2B1", "inspect"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.path);
    for (const std::string method : {"GET", "HEAD"}) {
      Request by_query = get(c.path, "x=y&access_token=T%2B1");
      by_query.method = method;
      const Exchange exchange = exchange_for(by_query);
      CHECK(exchange.url.reveal() == c.url);
      CHECK(exchange.step == c.step);
      CHECK_FALSE(exchange.post);
      CHECK(exchange.credential.reveal() == "T+1");
    }
    Request by_header = get(c.path, "access_token=other");
    by_header.authorization = "bearer  T+1 ";
    CHECK(exchange_for(by_header).url.reveal() == c.url);
  }
}

TEST_CASE("a token that is missing, repeated or undecodable") {
  const std::string missing =
      R"({"detail":[{"type":"missing","loc":["query","access_token"],"msg":"Field required","input":null}]})";
  for (const std::string query : {"", "x=y", "access_token=", "access_token", "Access_token=x"}) {
    CAPTURE(query);
    const Reply reply = reply_to(get("/me", query));
    CHECK(reply.status == 422);
    CHECK(reply.body == missing);
  }
  for (const std::string authorization : {"Basic dTpw", "Bearer", "Bearer ", "Bearer\t", "T"}) {
    CAPTURE(authorization);
    Request request = get("/me");
    request.authorization = authorization;
    CHECK(reply_to(request).body == missing);
  }
  CHECK(
      reply_to(get("/me", "access_token=a&access_token=b")).body ==
      R"({"detail":[{"type":"value_error","loc":["query","access_token"],"msg":"Value error, given more than once"}]})");
  for (const std::string query : {"access_token=%zz", "access_token=%ff", "access_token=a&x=%"}) {
    CAPTURE(query);
    CHECK(reply_to(get("/me", query)).status == 400);
  }
}

TEST_CASE("a log shows only paths that are ours") {
  CHECK(loggable_path("/me") == "/me");
  CHECK(loggable_path("/me/CANARY") == "-");
  CHECK(loggable_path("") == "-");
}
