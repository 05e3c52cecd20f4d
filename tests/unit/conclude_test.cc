// conclude(): what the caller is told, row by row of the contract's error table.
#include "threads/conclude.h"

#include <doctest/doctest.h>

#include <string>

#include "core/json.h"

namespace {

Config config() {
  Config c;
  c.app_id = "42";
  c.app_secret = Secret("CANARY-APP-SECRET");
  c.client_secret = Secret("CANARY-CLIENT+SECRET");
  c.meta_secret = Secret("CANARY-META-SECRET");
  c.api_url = "https://graph.example";
  return c;
}

Exchange exchange(std::string_view step = "exchange") {
  Exchange e;
  e.step = step;
  e.credential = Secret("CANARY-CODE");
  return e;
}

Reply answered(int status, std::string body, std::string_view step = "exchange") {
  return conclude(exchange(step), Answer{std::nullopt, status, std::move(body), 0}, config());
}

std::string hint_of(const Reply& reply) {
  const auto parsed = parse_json(reply.body);
  const auto* hint = find_member(std::get<rapidjson::Document>(parsed), "hint");
  return hint == nullptr ? "" : std::string(text_of(*hint));
}

}  // namespace

TEST_CASE("success is Threads' own JSON byte for byte") {
  for (const std::string body :
       {R"({"access_token":"THQVJ","user_id":17841405793187219})",
        " {\"a\" : 1.10 , \"b\":\"\\u00e9</script>\u2028\"}\n", "{}",
        R"({"access_token":"t","error":null})", R"({"data":{"error":{}}})"}) {
    CAPTURE(body);
    const Reply reply = answered(200, body);
    CHECK(reply.status == 200);
    CHECK(reply.body == body);
    CHECK(reply.headers.empty());
  }
  CHECK(answered(201, "{}").status == 200);
}

TEST_CASE("the three error shapes, under 400 and under 200") {
  for (const int status : {400, 401, 403, 404, 200}) {
    CAPTURE(status);
    const std::string prefix = "\"upstream\":{\"status\":" + std::to_string(status);
    Reply reply = answered(
        status, R"({"error_type":"OAuthException","code":400,"error_message":"Some message"})");
    CHECK(reply.status == 400);
    CHECK(reply.body ==
          "{\"detail\":\"Some message\"," + prefix + ",\"type\":\"OAuthException\",\"code\":400}}");
    reply = answered(
        status,
        R"({"error":{"message":"Some message","type":"T","code":9,"error_subcode":8,"fbtrace_id":"x"}})");
    CHECK(reply.status == 400);
    CHECK(reply.body == "{\"detail\":\"Some message\"," + prefix +
                            ",\"type\":\"T\",\"code\":9,\"subcode\":8,\"trace\":\"x\"}}");
    reply = answered(status, R"({"error":"invalid_grant","error_description":"Some message"})");
    CHECK(reply.status == 400);
    CHECK(reply.body == "{\"detail\":\"Some message\"," + prefix + ",\"type\":\"invalid_grant\"}}");
  }
}

TEST_CASE("a 4xx without a readable message is still the caller's or Threads' no") {
  for (const std::string body :
       {"", "<html>", "[]", "{}", "null", "{\"error\":{}}", "{\"error\":7}"}) {
    CAPTURE(body);
    const Reply reply = answered(400, body);
    CHECK(reply.status == 400);
    CHECK(reply.body ==
          R"({"detail":"Threads refused without a message.","upstream":{"status":400}})");
  }
}

TEST_CASE("429 stays 429 and keeps Retry-After") {
  const Reply reply = conclude(
      exchange(), Answer{std::nullopt, 429, R"({"error":{"message":"slow down","code":4}})", 17},
      config());
  CHECK(reply.status == 429);
  REQUIRE(reply.headers.size() == 1);
  CHECK(reply.headers[0] == std::pair<std::string, std::string>("Retry-After", "17"));
  CHECK(conclude(exchange(), Answer{std::nullopt, 400, "{}", 17}, config()).headers.empty());
  CHECK(answered(429, "<html>").status == 429);
}

TEST_CASE("502: other statuses and answers that are no JSON object") {
  for (const int status : {100, 301, 302, 307, 308, 500, 502, 503}) {
    CAPTURE(status);
    const Reply reply = answered(status, "{\"access_token\":\"x\"}");
    CHECK(reply.status == 502);
    CHECK(reply.body.find("\"upstream\":{\"status\":" + std::to_string(status) + "}") !=
          std::string::npos);
  }
  for (const std::string& body :
       {std::string(), std::string("<html>"), std::string("[]"), std::string("\"x\""),
        std::string("{\"a\":1"), std::string("{}{}"), std::string("\x1f\x8b"),
        "{\"a\":" + std::string(70, '[') + std::string(70, ']') + "}",
        std::string("{\"a\":\"\xff\"}")}) {
    CAPTURE(body);
    const Reply reply = answered(200, body);
    CHECK(reply.status == 502);
    CHECK(reply.body ==
          R"({"detail":"Threads' answer is no JSON object.","upstream":{"status":200}})");
  }
}

TEST_CASE("failures of the way to Threads") {
  struct Case {
    Failure failure;
    int status;
  };
  const Case cases[] = {{Failure::kResolve, 502},  {Failure::kConnect, 502},
                        {Failure::kTls, 502},      {Failure::kBroken, 502},
                        {Failure::kTooLarge, 502}, {Failure::kTimeout, 504}};
  for (const Case& c : cases) {
    const Reply reply = conclude(exchange(), Answer{c.failure, 0, "", 0}, config());
    CAPTURE(reply.body);
    CHECK(reply.status == c.status);
    CHECK(reply.body.starts_with("{\"detail\":\"Threads"));
    CHECK(reply.body.find("upstream") == std::string::npos);
  }
  CHECK(conclude(exchange(), Answer{Failure::kTooLarge, 200, "", 0}, config())
            .body.ends_with(",\"upstream\":{\"status\":200}}"));
}

TEST_CASE("no secret, token, code or URL comes back, whatever Threads repeats") {
  for (const std::string message :
       {"bad CANARY-APP-SECRET!", "CANARY-CODECANARY-CODE", "(CANARY-CLIENT+SECRET)",
        "x=CANARY-CLIENT%2BSECRET",
        "see https://graph.example/access_token?access_token=CANARY-CODE",
        "at graph.example/v1.0/me?access_token=CANARY-OTHER.", "\\u0043ANARY-META-SECRET"}) {
    CAPTURE(message);
    const std::string text(message);
    const Reply reply = answered(400, R"({"error":{"message":")" + text + R"(","type":")" + text +
                                          R"(","code":1,"fbtrace_id":")" + text + "\"}}");
    CHECK(reply.status == 400);
    CHECK(reply.body.find("CANARY") == std::string::npos);
    CHECK(reply.body.find("graph.example") == std::string::npos);
    CHECK(reply.body.find("[redacted]") != std::string::npos);
  }
}

TEST_CASE("under 200 an error beside a token is no refusal, beside anything else it is") {
  for (const std::string error : {R"("error":{"message":"no"})", R"("error":"no")",
                                  R"("error_type":"OAuthException","error_message":"no")"}) {
    CAPTURE(error);
    for (const std::string& body : {"{\"access_token\":\"THQVJ\"," + error + "}",
                                    "{" + error + ",\"access_token\":\"THQVJ\"}"}) {
      const Reply reply = answered(200, body);
      CHECK(reply.status == 200);
      CHECK(reply.body == body);
      CHECK(answered(400, body).status == 400);
    }
    for (const std::string token : {"null", "7", "{}", "[\"THQVJ\"]", "false"}) {
      CAPTURE(token);
      const Reply reply = answered(200, "{\"access_token\":" + token + "," + error + "}");
      CHECK(reply.status == 400);
      CHECK(reply.body.starts_with("{\"detail\":\"no\","));
    }
  }
}

TEST_CASE("short codes do not tear the message apart") {
  Exchange e = exchange();
  e.credential = Secret("used");
  const Reply reply = conclude(
      e, Answer{std::nullopt, 400, R"({"error_type":"x","error_message":"was already used"})", 0},
      config());
  CHECK(reply.body.find("was already used") != std::string::npos);
}

TEST_CASE("hints say what to do about the mistakes that people make") {
  struct Case {
    std::string_view step;
    const char* body;
    const char* hint;  // a part of it
  };
  const Case cases[] = {
      {"exchange",
       R"({"error_type":"OAuthException","code":400,"error_message":"Matching code was not found or was already used"})",
       "works once"},
      {"exchange",
       R"({"error":{"message":"This authorization code has been used","type":"OAuthException","code":100,"error_subcode":36009}})",
       "works once"},
      {"exchange",
       R"({"error":{"message":"Error validating verification code. Please make sure your redirect_uri is identical to the one you used in the OAuth dialog request","code":100,"error_subcode":36008}})",
       "byte for byte"},
      {"exchange",
       R"({"error":{"message":"Error validating client secret.","type":"OAuthException","code":1}})",
       "Threads app secret"},
      {"exchange", R"({"error":{"message":"Error validating application.","code":101}})",
       "Threads app ID"},
      {"exchange",
       R"({"error_message":"The user has not accepted the invite to test the app","error_code":1349245,"error_type":"x"})",
       "Website permissions"},
      {"long-lived", R"({"error":{"message":"Session key invalid or no longer valid","code":452}})",
       "Refresh it instead"},
      {"refresh", R"({"error":{"message":"Unsupported request","code":100}})", "24 hours"},
      {"refresh",
       R"({"error":{"message":"Error validating access token: Session has expired","code":190,"error_subcode":463}})",
       "60 days"},
      {"profile", R"({"error":{"message":"revoked","code":190,"error_subcode":458}})",
       "Log in again"},
      {"profile", R"({"error":{"message":"Invalid OAuth access token","code":190}})", "whole"},
      {"profile", R"({"error":{"message":"permission","code":200}})", "permission"},
      {"profile", R"({"error":{"message":"Application request limit reached","code":4}})", "Wait"},
      {"profile", R"({"error":{"message":"Something unheard of","code":77777}})", ""},
  };
  for (const Case& c : cases) {
    CAPTURE(c.body);
    const std::string hint = hint_of(answered(400, c.body, c.step));
    if (*c.hint == '\0') {
      CHECK(hint.empty());
    } else {
      CHECK(hint.find(c.hint) != std::string::npos);
    }
  }
}
