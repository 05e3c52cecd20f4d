// The sandbox's rules, by name: the window, the code, the tokens and their lifetimes, both error
// shapes. Time and randomness stand still unless a test moves them.
#include "sandbox/sandbox.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "core/json.h"
#include "sandbox/window_errors.h"

namespace {

constexpr std::int64_t kStart = 1'800'000'000;
constexpr std::string_view kAppId = "990602627938098";
constexpr std::string_view kAppSecret = "app-secret";
constexpr std::string_view kClientSecret = "client-secret";
constexpr std::string_view kCallback = "https://bot.example/auth/callback";

using Parameters = std::map<std::string, std::string>;

SandboxConfig plain_config() {
  SandboxConfig config;
  config.app_id = kAppId;
  config.app_secret = Secret(std::string(kAppSecret));
  config.client_secret = Secret(std::string(kClientSecret));
  return config;
}

// A sandbox with a clock that the test moves and bytes that never repeat.
struct Rehearsal {
  Sandbox sandbox;
  std::int64_t now = kStart;
  unsigned drawn = 0;

  explicit Rehearsal(SandboxConfig config = plain_config()) : sandbox(std::move(config)) {}

  Reply send(const Request& request) {
    Moment moment;
    moment.now = now;
    moment.random = [this](std::size_t count) {
      ++drawn;
      std::string bytes(count, '\0');
      for (std::size_t i = 0; i < count; ++i) {
        bytes[i] = static_cast<char>(i < 4 ? (drawn >> (6 * i)) & 63U : i & 63U);
      }
      return bytes;
    };
    return sandbox.handle(request, moment);
  }

  Reply get(const std::string& path, const Parameters& parameters = {}) {
    Request request;
    request.method = "GET";
    request.path = path;
    request.query = form(parameters);
    return send(request);
  }

  Reply post(const std::string& path, const Parameters& parameters) {
    Request request;
    request.method = "POST";
    request.path = path;
    request.content_type = "application/x-www-form-urlencoded";
    request.body = form(parameters);
    return send(request);
  }

  static std::string form(const Parameters& parameters) {
    return build_form({parameters.begin(), parameters.end()});
  }

  std::string new_code(const Parameters& changes = {});
  std::string short_token() { return member(exchange(new_code()), "access_token"); }
  std::string long_token() { return member(lengthen(short_token()), "access_token"); }

  Reply exchange(const std::string& code, const Parameters& changes = {});
  Reply lengthen(const std::string& token) {
    return get("/access_token", {{"grant_type", "th_exchange_token"},
                                 {"client_secret", std::string(kClientSecret)},
                                 {"access_token", token}});
  }
  Reply refresh(const std::string& token) {
    return get("/refresh_access_token",
               {{"grant_type", "th_refresh_token"}, {"access_token", token}});
  }
  Reply inspect(const std::string& token, const std::string& with) {
    return get("/v1.0/debug_token", {{"input_token", token}, {"access_token", with}});
  }

  // The value at a path like "error.code", as JSON text; strings without their quotes. Empty if
  // there is none.
  static std::string member(const Reply& reply, std::string_view path) {
    const auto parsed = parse_json(reply.body);
    const auto* document = std::get_if<rapidjson::Document>(&parsed);
    REQUIRE_MESSAGE(document, reply.body);
    const rapidjson::Value* value = document;
    while (value && !path.empty()) {
      const std::size_t dot = std::min(path.find('.'), path.size());
      value = find_member(*value, path.substr(0, dot));
      path.remove_prefix(std::min(dot + 1, path.size()));
    }
    if (!value) return "";
    return value->IsString() ? std::string(text_of(*value)) : to_json(*value);
  }
};

std::string member(const Reply& reply, std::string_view path) {
  return Rehearsal::member(reply, path);
}

std::string header(const Reply& reply, std::string_view name) {
  const auto found = std::find_if(reply.headers.begin(), reply.headers.end(),
                                  [&](const auto& h) { return h.first == name; });
  return found == reply.headers.end() ? "" : found->second;
}

// The parameters with some changed; "-" takes one out.
Parameters changed(Parameters parameters, const Parameters& changes) {
  for (const auto& [name, value] : changes) {
    parameters[name] = value;
    if (value == "-") parameters.erase(name);
  }
  return parameters;
}

Parameters window_parameters(const Parameters& changes = {}) {
  return changed({{"client_id", std::string(kAppId)},
                  {"redirect_uri", std::string(kCallback)},
                  {"response_type", "code"},
                  {"scope", "threads_basic,threads_content_publish"},
                  {"state", "s1"}},
                 changes);
}

std::string Rehearsal::new_code(const Parameters& changes) {
  auto parameters = window_parameters(changes);
  parameters["decision"] = "allow";
  const std::string location = header(post("/oauth/authorize", parameters), "Location");
  const std::size_t start = location.find('?') + 1;
  const auto fields = parse_form(location.substr(start, location.find('#') - start));
  REQUIRE(fields);
  REQUIRE(find_field(*fields, "code"));
  return *find_field(*fields, "code");
}

Reply Rehearsal::exchange(const std::string& code, const Parameters& changes) {
  return post("/oauth/access_token", changed({{"client_id", std::string(kAppId)},
                                              {"client_secret", std::string(kAppSecret)},
                                              {"grant_type", "authorization_code"},
                                              {"redirect_uri", std::string(kCallback)},
                                              {"code", code}},
                                             changes));
}

void check_graph_error(const Reply& reply, const std::string& message, const std::string& code,
                       const std::string& subcode = "") {
  CHECK(reply.status == 400);
  CHECK(member(reply, "error.message").find(message) == 0);
  CHECK(member(reply, "error.type") == "OAuthException");
  CHECK(member(reply, "error.code") == code);
  CHECK(member(reply, "error.error_subcode") == subcode);
  CHECK_FALSE(member(reply, "error.fbtrace_id").empty());
}

void check_code_not_found(const Reply& reply) {
  CHECK(reply.status == 400);
  CHECK(reply.body == R"({"error_type":"OAuthException","code":400,)"
                      R"("error_message":"Matching code was not found or was already used"})");
}

}  // namespace

TEST_CASE("sandbox: the table of endpoints") {
  struct Case {
    const char* name;
    const char* method;
    const char* path;
    int status;
    const char* allow;
  };
  const std::vector<Case> cases = {
      {"no such path", "GET", "/nothing", 404, ""},
      {"a prefix is no path", "GET", "/oauth", 404, ""},
      {"the window", "PUT", "/oauth/authorize", 405, "GET, HEAD, POST"},
      {"the code's endpoint", "DELETE", "/oauth/access_token", 405, "POST, GET, HEAD"},
      {"a token's endpoint", "POST", "/v1.0/me", 405, "GET, HEAD"},
      {"methods are case-sensitive", "get", "/me", 405, "GET, HEAD"},
      {"HEAD is a GET", "HEAD", "/v1.0/me", 400, ""},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Rehearsal rehearsal;
    Request request;
    request.method = c.method;
    request.path = c.path;
    const Reply reply = rehearsal.send(request);
    CHECK(reply.status == c.status);
    CHECK(header(reply, "Allow") == c.allow);
    CHECK(member(reply, "error.type") == "OAuthException");
  }
}

TEST_CASE("sandbox: requests that cannot be read") {
  struct Case {
    const char* name;
    const char* method;
    std::string query;
    const char* content_type;
    std::string body;
  };
  const char* form = "application/x-www-form-urlencoded";
  const std::vector<Case> cases = {
      {"bad percent sign in the query", "GET", "client_id=%zz", "", ""},
      {"query that is no UTF-8", "GET", "client_id=%ff", "", ""},
      {"query too long", "GET", std::string(kMaxQuery + 1, 'a'), "", ""},
      {"bad percent sign in the body", "POST", "", form, "code=%"},
      {"body too long", "POST", "", form, std::string(kMaxBody + 1, 'a')},
      {"body that is JSON", "POST", "", "application/json", "{}"},
      {"body of no type", "POST", "", "", "code=x"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Rehearsal rehearsal;
    Request request;
    request.method = c.method;
    request.path = "/oauth/access_token";
    request.query = c.query;
    request.content_type = c.content_type;
    request.body = c.body;
    check_graph_error(rehearsal.send(request), "The ", "100");
  }
}

TEST_CASE("window: its own errors, before the page and again after it") {
  struct Case {
    const char* name;
    Parameters changes;
    const char* code;
    const char* message;
  };
  const std::vector<Case> cases = {
      {"no app id", {{"client_id", "-"}}, "4476002", "No app ID was provided"},
      {"empty app id", {{"client_id", ""}}, "4476002", "No app ID was provided"},
      {"another app's id", {{"client_id", "1"}}, "1349026", "No application data was given"},
      {"no redirect_uri", {{"redirect_uri", "-"}}, "1349168", "URL Blocked"},
      {"not registered", {{"redirect_uri", "https://evil.example/"}}, "1349168", "URL Blocked"},
      {"a slash more",
       {{"redirect_uri", "https://bot.example/auth/callback/"}},
       "1349168",
       "URL Blocked"},
      {"http",
       {{"redirect_uri", "http://bot.example/auth/callback"}},
       "1349187",
       "Insecure Login Blocked"},
      {"no response_type", {{"response_type", "-"}}, "100", "Invalid response_type"},
      {"response_type token", {{"response_type", "token"}}, "100", "Invalid response_type"},
      {"no scope", {{"scope", "-"}}, "100", "Invalid scope"},
      {"without threads_basic", {{"scope", "threads_delete"}}, "100", "Invalid scope"},
      {"almost threads_basic", {{"scope", "threads_basics"}}, "100", "Invalid scope"},
  };
  SandboxConfig config = plain_config();
  config.redirect_uris = {std::string(kCallback), "http://localhost:8080/auth/callback"};
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Rehearsal rehearsal(config);
    auto parameters = window_parameters(c.changes);
    const Reply shown = rehearsal.get("/oauth/authorize", parameters);
    CHECK(shown.status == 400);
    CHECK(shown.content_type == "application/json");
    CHECK(member(shown, "error_code") == c.code);
    CHECK(member(shown, "error_message").find(c.message) == 0);

    for (const char* decision : {"allow", "deny"}) {
      parameters["decision"] = decision;
      const Reply decided = rehearsal.post("/oauth/authorize", parameters);
      CHECK(decided.status == 400);
      CHECK(decided.body == shown.body);
      CHECK(header(decided, "Location").empty());
    }
  }
}

TEST_CASE("window: where it redirects to") {
  struct Case {
    const char* name;
    const char* redirect_uri;
    const char* error_code;  // empty: goes there
  };
  const std::vector<Case> cases = {
      {"https", "https://bot.example/callback", ""},
      {"https on a port", "https://bot.example:8443/callback", ""},
      {"no path", "https://bot.example", ""},
      {"a query of its own", "https://bot.example/?a=1", ""},
      {"http to localhost", "http://localhost/auth/callback", ""},
      {"http to localhost on a port", "http://localhost:8080/auth/callback", ""},
      {"http to 127.0.0.1", "http://127.0.0.1:8080/", ""},
      {"http to [::1]", "http://[::1]:8080/", ""},
      {"http to [::1] without port", "http://[::1]/", ""},
      {"http elsewhere", "http://bot.example/", "1349187"},
      {"localhost as a prefix", "http://localhost.evil.example/", "1349187"},
      {"localhost as a suffix", "http://notlocalhost/", "1349187"},
      {"localhost in the query", "http://evil.example?http://localhost/", "1349187"},
      {"[::1] as a prefix", "http://[::1]evil.example/", "1349187"},
      {"localhost as a user", "http://localhost@evil.example/", "1349168"},
      {"localhost and password", "http://localhost:80@evil.example/", "1349168"},
      {"a backslash", "http://localhost\\@evil.example/", "1349168"},
      {"a line break", "https://bot.example/\r\nSet-Cookie: a=b", "1349168"},
      {"a space", "https://bot.example/a b", "1349168"},
      {"not ASCII", "https://bot.example/ä", "1349168"},
      {"a fragment", "https://bot.example/#here", "1349168"},
      {"another scheme", "javascript:alert(1)", "1349168"},
      {"no scheme", "//bot.example/", "1349168"},
      {"no host", "https:///callback", "1349168"},
      {"a port and no host", "https://:443/", "1349168"},
      {"a port that is no number", "https://bot.example:x/", "1349168"},
      {"an empty one", "", "1349168"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Rehearsal rehearsal;
    auto parameters = window_parameters({{"redirect_uri", c.redirect_uri}});
    const Reply shown = rehearsal.get("/oauth/authorize", parameters);
    parameters["decision"] = "allow";
    const Reply decided = rehearsal.post("/oauth/authorize", parameters);
    if (*c.error_code) {
      CHECK(member(shown, "error_code") == c.error_code);
      CHECK(member(decided, "error_code") == c.error_code);
    } else {
      CHECK(shown.status == 200);
      CHECK(header(decided, "Location").find(c.redirect_uri) == 0);
    }
  }
}

TEST_CASE("window: the page carries the request on, escaped") {
  Rehearsal rehearsal;
  const Reply reply = rehearsal.get(
      "/oauth/authorize",
      window_parameters({{"state", "\"><b>"}, {"scope", "threads_basic,<i>"}, {"other", "gone"}}));
  CHECK(reply.status == 200);
  CHECK(reply.content_type == "text/html; charset=utf-8");
  for (const char* text :
       {"name=\"client_id\" value=\"990602627938098\"",
        "name=\"redirect_uri\" value=\"https://bot.example/auth/callback\"",
        "name=\"scope\" value=\"threads_basic,&lt;i&gt;\"", "name=\"response_type\" value=\"code\"",
        "name=\"state\" value=\"&quot;&gt;&lt;b&gt;\"", "<b>bot.example</b>",
        "<code>&lt;i&gt;</code>", "sandbox.user"}) {
    CAPTURE(text);
    CHECK(reply.body.find(text) != std::string::npos);
  }
  CHECK(reply.body.find("gone") == std::string::npos);
}

TEST_CASE("window: what comes back") {
  struct Case {
    const char* name;
    const char* decision;
    Parameters changes;
    const char* before;  // of Location
    const char* after;
  };
  const std::vector<Case> cases = {
      {"allowed", "allow", {}, "https://bot.example/auth/callback?code=AQ", "&state=s1#_"},
      {"allowed, a query already",
       "allow",
       {{"redirect_uri", "https://bot.example/cb?a=1"}},
       "https://bot.example/cb?a=1&code=AQ",
       "&state=s1#_"},
      {"allowed, no state",
       "allow",
       {{"state", "-"}},
       "https://bot.example/auth/callback?code=AQ",
       "#_"},
      {"allowed, an empty state",
       "allow",
       {{"state", ""}},
       "https://bot.example/auth/callback?code=AQ",
       "&state=#_"},
      {"allowed, a state to encode",
       "allow",
       {{"state", "a&b=#\r\nX: ä"}},
       "https://bot.example/auth/callback?code=AQ",
       "&state=a%26b%3D%23%0D%0AX%3A%20%C3%A4#_"},
      {"denied",
       "deny",
       {},
       "https://bot.example/auth/callback?error=access_denied&error_reason=user_denied"
       "&error_description=The+user+denied+your+request",
       "&state=s1"},
      {"denied, a query already, no state",
       "deny",
       {{"redirect_uri", "https://bot.example/cb?a=1"}, {"state", "-"}},
       "https://bot.example/cb?a=1&error=access_denied",
       "&error_description=The+user+denied+your+request"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Rehearsal rehearsal;
    auto parameters = window_parameters(c.changes);
    parameters["decision"] = c.decision;
    const Reply reply = rehearsal.post("/oauth/authorize", parameters);
    const std::string location = header(reply, "Location");
    CAPTURE(location);
    CHECK(reply.status == 302);
    CHECK(reply.body.empty());
    CHECK(location.find(c.before) == 0);
    const std::string after = c.after;
    CHECK(location.size() >= after.size());
    CHECK(location.substr(location.size() - std::min(after.size(), location.size())) == after);
  }
}

TEST_CASE("window: every error can be rehearsed, and none of them goes back to the app") {
  struct Case {
    const char* decision;
    const char* code;
    const char* message;
  };
  const std::vector<Case> cases = {
      {"error-1349245", "1349245", "Invalid Request: The user has not accepted the invite"},
      {"error-1349168", "1349168", "URL Blocked"},
      {"error-1349187", "1349187", "Insecure Login Blocked"},
      {"error-1349026", "1349026", "No application data was given"},
      {"error-4476002", "4476002", "No app ID was provided"},
      {"error-1", "1", "An unknown error has occurred"},
      {"error-application", "", "Attempted to load Ent"},
  };
  CHECK(cases.size() == window_errors().size());
  for (const Case& c : cases) {
    CAPTURE(c.decision);
    Rehearsal rehearsal;
    const Reply reply =
        rehearsal.post("/oauth/authorize", window_parameters({{"decision", c.decision}}));
    CHECK(reply.status == 400);
    CHECK(reply.content_type == "application/json");
    CHECK(member(reply, "error_code") == c.code);
    CHECK(member(reply, "error_message").find(c.message) == 0);
    CHECK(header(reply, "Location").empty());
    const Reply page = rehearsal.get("/oauth/authorize", window_parameters());
    CHECK(page.body.find("value=\"" + std::string(c.decision) + "\"") != std::string::npos);
  }
}

TEST_CASE("window: a decision is allow or deny") {
  for (const char* decision : {"-", "", "maybe", "Allow", "error-", "error-1349246"}) {
    CAPTURE(decision);
    Rehearsal rehearsal;
    const Reply reply =
        rehearsal.post("/oauth/authorize", window_parameters({{"decision", decision}}));
    CHECK(reply.status == 400);
    CHECK(member(reply, "error_code") == "100");
    CHECK(header(reply, "Location").empty());
  }
}

TEST_CASE("code: becomes a short-lived token, user_id a bare number with all its digits") {
  Rehearsal rehearsal;
  const Reply reply = rehearsal.exchange(rehearsal.new_code());
  CHECK(reply.status == 200);
  CHECK(reply.body == "{\"access_token\":\"" + member(reply, "access_token") +
                          "\",\"user_id\":17841405793187219}");
  CHECK(member(reply, "access_token").find("THQV") == 0);
}

TEST_CASE("code: what is refused in the Graph shape, and does not use the code up") {
  struct Case {
    const char* name;
    Parameters changes;
    const char* message;
    const char* code;
    const char* subcode;
  };
  const char* mismatch =
      "Error validating verification code. Please make sure your redirect_uri is identical to the "
      "one you used in the OAuth dialog request";
  const std::vector<Case> cases = {
      {"no client_id", {{"client_id", "-"}}, "Missing client_id parameter.", "101", ""},
      {"wrong client_id", {{"client_id", "1"}}, "Error validating application.", "101", ""},
      {"no secret", {{"client_secret", "-"}}, "Missing client_secret parameter.", "1", ""},
      {"wrong secret", {{"client_secret", "x"}}, "Error validating client secret.", "1", ""},
      {"no grant_type", {{"grant_type", "-"}}, "Invalid grant_type", "100", ""},
      {"wrong grant_type", {{"grant_type", "password"}}, "Invalid grant_type", "100", ""},
      {"no redirect_uri", {{"redirect_uri", "-"}}, mismatch, "100", "36008"},
      {"a slash more", {{"redirect_uri", std::string(kCallback) + "/"}}, mismatch, "100", "36008"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Rehearsal rehearsal;
    const std::string code = rehearsal.new_code();
    check_graph_error(rehearsal.exchange(code, c.changes), c.message, c.code, c.subcode);
    CHECK(rehearsal.exchange(code).status == 200);
  }
}

TEST_CASE("code: once, and then the Graph shape") {
  Rehearsal rehearsal;
  const std::string code = rehearsal.new_code();
  CHECK(rehearsal.exchange(code).status == 200);
  const char* used = "This authorization code has been used";
  check_graph_error(rehearsal.exchange(code), used, "100", "36009");
  check_graph_error(rehearsal.exchange(code, {{"redirect_uri", "-"}}), used, "100", "36009");
}

TEST_CASE("code: unknown ones get the other shape") {
  Rehearsal rehearsal;
  const std::string code = rehearsal.new_code();
  struct Case {
    const char* name;
    std::string code;
  };
  const std::vector<Case> cases = {
      {"missing", "-"},
      {"empty", ""},
      {"made up", "AQBx-hBsH3"},
      {"with the #_ of the address", code + "#_"},
      {"cut short", code.substr(1)},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    check_code_not_found(rehearsal.exchange("", {{"code", c.code}}));
  }
  CHECK(rehearsal.exchange(code).status == 200);
}

TEST_CASE("code: lives an hour") {
  struct Case {
    const char* name;
    std::int64_t age;
    bool alive;
  };
  const std::vector<Case> cases = {
      {"at once", 0, true}, {"at 59:59", kHour - 1, true}, {"at an hour", kHour, false}};
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Rehearsal rehearsal;
    const std::string code = rehearsal.new_code();
    rehearsal.now += c.age;
    const Reply reply = rehearsal.exchange(code);
    if (c.alive) {
      CHECK(reply.status == 200);
    } else {
      check_code_not_found(reply);
    }
  }
}

TEST_CASE("long-lived: a short token becomes one of 60 days, and stays what it was") {
  Rehearsal rehearsal;
  const std::string short_token = rehearsal.short_token();
  rehearsal.now += kHour - 1;
  const Reply reply = rehearsal.lengthen(short_token);
  CHECK(reply.status == 200);
  CHECK(member(reply, "token_type") == "bearer");
  CHECK(member(reply, "expires_in") == "5184000");
  CHECK(member(reply, "access_token") != short_token);
  CHECK(rehearsal.get("/me", {{"access_token", short_token}}).status == 200);

  const std::string token = member(reply, "access_token");
  rehearsal.now += kLongLifetime - 1;
  CHECK(rehearsal.get("/me", {{"access_token", token}}).status == 200);
  rehearsal.now += 1;
  check_graph_error(rehearsal.get("/me", {{"access_token", token}}),
                    "Error validating access token", "190", "463");
}

TEST_CASE("long-lived: what is refused") {
  struct Case {
    const char* name;
    Parameters changes;
    const char* message;
    const char* code;
  };
  const std::vector<Case> cases = {
      {"no grant_type", {{"grant_type", "-"}}, "Invalid grant_type", "100"},
      {"refresh's grant_type", {{"grant_type", "th_refresh_token"}}, "Invalid grant_type", "100"},
      {"no secret", {{"client_secret", "-"}}, "Error validating client secret.", "1"},
      {"the app's secret",
       {{"client_secret", "app-secret"}},
       "Error validating client secret.",
       "1"},
      {"no token", {{"access_token", "-"}}, "An access token is required", "104"},
      {"unknown token", {{"access_token", "x"}}, "Invalid OAuth access token", "190"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Rehearsal rehearsal;
    check_graph_error(
        rehearsal.get("/access_token", changed({{"grant_type", "th_exchange_token"},
                                                {"client_secret", std::string(kClientSecret)},
                                                {"access_token", rehearsal.short_token()}},
                                               c.changes)),
        c.message, c.code);
  }
}

TEST_CASE("long-lived: not from an expired token, not from a long-lived one") {
  Rehearsal rehearsal;
  check_graph_error(rehearsal.lengthen(rehearsal.long_token()), "Session key invalid", "452");
  const std::string token = rehearsal.short_token();
  rehearsal.now += kHour;
  check_graph_error(rehearsal.lengthen(token), "Error validating access token", "190", "463");
}

TEST_CASE("long-lived: without a client secret the app secret serves") {
  SandboxConfig config = plain_config();
  config.client_secret = Secret();
  Rehearsal rehearsal(config);
  const Parameters parameters = {{"grant_type", "th_exchange_token"},
                                 {"access_token", rehearsal.short_token()},
                                 {"client_secret", std::string(kAppSecret)}};
  CHECK(rehearsal.get("/access_token", parameters).status == 200);
  check_graph_error(rehearsal.get("/access_token", changed(parameters, {{"client_secret", ""}})),
                    "Error validating client secret.", "1");
}

TEST_CASE("refresh: from 24 hours to 60 days") {
  struct Case {
    const char* name;
    std::int64_t age;
    const char* message;  // empty: refreshed
    const char* code;
    const char* subcode;
  };
  const char* young = "The access token must be at least 24 hours old";
  const char* expired = "Error validating access token: Session has expired.";
  const std::vector<Case> cases = {
      {"at once", 0, young, "100", ""},
      {"a second too early", kDay - 1, young, "100", ""},
      {"at 24 hours", kDay, "", "", ""},
      {"at 59 days", 59 * kDay, "", "", ""},
      {"in the last second", kLongLifetime - 1, "", "", ""},
      {"at 60 days", kLongLifetime, expired, "190", "463"},
      {"at 61 days", 61 * kDay, expired, "190", "463"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Rehearsal rehearsal;
    const std::string token = rehearsal.long_token();
    rehearsal.now += c.age;
    const Reply reply = rehearsal.refresh(token);
    if (*c.message) {
      check_graph_error(reply, c.message, c.code, c.subcode);
    } else {
      CHECK(reply.status == 200);
      CHECK(member(reply, "access_token") != token);
      CHECK(member(reply, "token_type") == "bearer");
      CHECK(member(reply, "expires_in") == "5184000");
    }
  }
}

TEST_CASE("refresh: the old token lives to its own end, the new one 60 days from now") {
  Rehearsal rehearsal;
  const std::string first = rehearsal.long_token();
  rehearsal.now += 50 * kDay;
  const std::string second = member(rehearsal.refresh(first), "access_token");
  CHECK(rehearsal.get("/me", {{"access_token", first}}).status == 200);
  check_graph_error(rehearsal.refresh(second), "The access token must be at least 24 hours old",
                    "100");
  rehearsal.now += 10 * kDay;
  check_graph_error(rehearsal.get("/me", {{"access_token", first}}),
                    "Error validating access token", "190", "463");
  rehearsal.now += 50 * kDay - 1;
  CHECK(rehearsal.get("/me", {{"access_token", second}}).status == 200);
}

TEST_CASE("refresh: what is refused at any age") {
  Rehearsal rehearsal;
  check_graph_error(rehearsal.refresh(rehearsal.short_token()),
                    "Only a long-lived access token can be refreshed.", "100");
  check_graph_error(rehearsal.refresh("x"), "Invalid OAuth access token", "190");
  check_graph_error(rehearsal.refresh(""), "An access token is required", "104");
  check_graph_error(
      rehearsal.get("/refresh_access_token", {{"access_token", rehearsal.long_token()}}),
      "Invalid grant_type", "100");
}

TEST_CASE("refresh: every 50 days for 200 days keeps a token alive") {
  Rehearsal rehearsal;
  std::string token = rehearsal.long_token();
  for (int turn = 0; turn < 4; ++turn) {
    CAPTURE(turn);
    rehearsal.now += 50 * kDay;
    const Reply reply = rehearsal.refresh(token);
    REQUIRE(reply.status == 200);
    token = member(reply, "access_token");
  }
  CHECK(rehearsal.get("/v1.0/me", {{"access_token", token}}).status == 200);
}

TEST_CASE("me: the fields asked for and no others, the id always") {
  struct Case {
    const char* name;
    const char* fields;
    const char* body;
  };
  const std::vector<Case> cases = {
      {"none", "", R"({"id":"17841405793187219"})"},
      {"id", "id", R"({"id":"17841405793187219"})"},
      {"one, without id", "username", R"({"id":"17841405793187219","username":"sandbox.user"})"},
      {"a name that is not ASCII", "id,name", R"({"id":"17841405793187219","name":"Zoë Sandbox"})"},
      {"one twice", "name,name", R"({"id":"17841405793187219","name":"Zoë Sandbox"})"},
      {"a picture at the app's own origin", "id,threads_profile_picture_url",
       R"({"id":"17841405793187219",)"
       R"("threads_profile_picture_url":"https://bot.example/static/favicon.svg"})"},
      {"a truth value", "is_verified", R"({"id":"17841405793187219","is_verified":false})"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Rehearsal rehearsal;
    const Parameters parameters = {{"access_token", rehearsal.short_token()}, {"fields", c.fields}};
    for (const char* path : {"/me", "/v1.0/me"}) {
      const Reply reply = rehearsal.get(path, parameters);
      CHECK(reply.status == 200);
      CHECK(reply.body == c.body);
    }
  }
}

TEST_CASE("me: everything that the page asks for") {
  Rehearsal rehearsal;
  const Reply reply = rehearsal.get(
      "/v1.0/me",
      {{"access_token", rehearsal.long_token()},
       {"fields", "id,username,name,threads_profile_picture_url,threads_biography,is_verified"}});
  CHECK(reply.status == 200);
  CHECK_FALSE(member(reply, "threads_biography").empty());
}

TEST_CASE("me: the picture keeps the port of a local redirect_uri") {
  Rehearsal rehearsal;
  const std::string callback = "http://localhost:8080/auth/callback?x=1";
  const std::string code = rehearsal.new_code({{"redirect_uri", callback}});
  const Reply token = rehearsal.exchange(code, {{"redirect_uri", callback}});
  const Reply reply = rehearsal.get("/me", {{"access_token", member(token, "access_token")},
                                            {"fields", "threads_profile_picture_url"}});
  CHECK(member(reply, "threads_profile_picture_url") == "http://localhost:8080/static/favicon.svg");
}

TEST_CASE("me: what is refused") {
  Rehearsal rehearsal;
  check_graph_error(rehearsal.get("/me"), "An access token is required", "104");
  check_graph_error(rehearsal.get("/me", {{"access_token", "x"}}), "Invalid OAuth access token",
                    "190");
  const std::string token = rehearsal.short_token();
  check_graph_error(rehearsal.get("/me", {{"access_token", token}, {"fields", "id,email"}}),
                    "Tried accessing nonexisting field (email)", "100");
  rehearsal.now += kShortLifetime;
  check_graph_error(rehearsal.get("/me", {{"access_token", token}}),
                    "Error validating access token", "190", "463");
}

TEST_CASE("debug_token: a token that inspects itself") {
  struct Case {
    const char* name;
    bool long_lived;
    std::int64_t lifetime;
  };
  const std::vector<Case> cases = {{"short", false, kHour}, {"long", true, 60 * kDay}};
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Rehearsal rehearsal;
    const std::string token = c.long_lived ? rehearsal.long_token() : rehearsal.short_token();
    rehearsal.now += 60;
    const Reply reply = rehearsal.inspect(token, token);
    CHECK(reply.status == 200);
    CHECK(reply.body == R"({"data":{"type":"USER","application":"Threads Sandbox",)"
                        R"("data_access_expires_at":)" +
                            std::to_string(kStart + 90 * kDay) + R"(,"expires_at":)" +
                            std::to_string(kStart + c.lifetime) +
                            R"(,"is_valid":true,"issued_at":)" + std::to_string(kStart) +
                            R"(,"scopes":["threads_basic","threads_content_publish"],)"
                            R"("user_id":"17841405793187219"}})");
  }
}

TEST_CASE("debug_token: the scopes are those that were asked for") {
  struct Case {
    const char* name;
    const char* scope;
    const char* scopes;
  };
  const std::vector<Case> cases = {
      {"one", "threads_basic", R"(["threads_basic"])"},
      {"between spaces", "threads_basic threads_delete", R"(["threads_basic","threads_delete"])"},
      {"comma and space", "threads_basic, threads_delete", R"(["threads_basic","threads_delete"])"},
      {"one twice", "threads_basic,threads_basic,", R"(["threads_basic"])"},
      {"unknown", "threads_tomorrow,threads_basic", R"(["threads_tomorrow","threads_basic"])"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Rehearsal rehearsal;
    const std::string code = rehearsal.new_code({{"scope", c.scope}});
    const std::string token = member(rehearsal.exchange(code), "access_token");
    CHECK(member(rehearsal.inspect(token, token), "data.scopes") == c.scopes);
  }
}

TEST_CASE("debug_token: bad ones") {
  Rehearsal rehearsal;
  const std::string dying = rehearsal.short_token();
  const std::string good = rehearsal.long_token();
  rehearsal.now += kHour;

  const Reply expired = rehearsal.inspect(dying, good);
  CHECK(expired.status == 200);
  CHECK(member(expired, "data.is_valid") == "false");
  CHECK(member(expired, "data.error.code") == "190");
  CHECK(member(expired, "data.error.subcode") == "463");
  CHECK(member(expired, "data.expires_at") == std::to_string(kStart + kHour));

  const Reply unknown = rehearsal.inspect("x", good);
  CHECK(unknown.status == 200);
  CHECK(member(unknown, "data.is_valid") == "false");
  CHECK(member(unknown, "data.error.code") == "190");
  CHECK(member(unknown, "data.scopes") == "[]");

  check_graph_error(rehearsal.inspect(good, "x"), "Invalid OAuth access token", "190");
  check_graph_error(rehearsal.inspect(good, dying), "Error validating access token", "190", "463");
  check_graph_error(rehearsal.inspect(good, ""), "An access token is required", "104");
  check_graph_error(rehearsal.inspect("", good), "The parameter input_token is required.", "100");
}

TEST_CASE("app token: proves that id and secret belong together") {
  struct Case {
    const char* name;
    Parameters changes;
    const char* message;  // empty: given
    const char* code;
  };
  const std::vector<Case> cases = {
      {"right", {}, "", ""},
      {"wrong id", {{"client_id", "1"}}, "Error validating application.", "101"},
      {"wrong secret", {{"client_secret", "x"}}, "Error validating client secret.", "1"},
      {"wrong grant_type", {{"grant_type", "authorization_code"}}, "Invalid grant_type", "100"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Rehearsal rehearsal;
    const Reply reply =
        rehearsal.get("/oauth/access_token", changed({{"client_id", std::string(kAppId)},
                                                      {"client_secret", std::string(kAppSecret)},
                                                      {"grant_type", "client_credentials"}},
                                                     c.changes));
    if (*c.message) {
      check_graph_error(reply, c.message, c.code);
    } else {
      CHECK(reply.status == 200);
      CHECK(member(reply, "access_token").find("TH|990602627938098|") == 0);
      CHECK(member(reply, "access_token").find(kAppSecret) == std::string::npos);
      CHECK(member(reply, "token_type") == "bearer");
    }
  }
}

TEST_CASE("memory: the oldest code is dropped when there are too many") {
  Rehearsal rehearsal;
  const std::string first = rehearsal.new_code();
  const std::string second = rehearsal.new_code();
  for (std::size_t i = 0; i < kMaxCodes - 1; ++i) rehearsal.new_code();
  check_code_not_found(rehearsal.exchange(first));
  CHECK(rehearsal.exchange(second).status == 200);
}

TEST_CASE("memory: the oldest token is dropped when there are too many") {
  Rehearsal rehearsal;
  const std::string first = rehearsal.short_token();
  const std::string second = rehearsal.short_token();
  for (std::size_t i = 0; i < kMaxTokens - 1; ++i) rehearsal.lengthen(second);
  check_graph_error(rehearsal.get("/me", {{"access_token", first}}), "Invalid OAuth access token",
                    "190");
  CHECK(rehearsal.get("/me", {{"access_token", second}}).status == 200);
}

TEST_CASE("memory: expired tokens are forgotten a while after, when another is made") {
  struct Case {
    const char* name;
    std::int64_t after;  // its end
    const char* message;
  };
  const std::vector<Case> cases = {
      {"just remembered", kExpiredKept - 1, "Error validating access token"},
      {"forgotten", kExpiredKept, "Invalid OAuth access token"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Rehearsal rehearsal;
    const std::string token = rehearsal.short_token();
    rehearsal.now += kShortLifetime + c.after;
    rehearsal.short_token();
    CHECK(
        member(rehearsal.get("/me", {{"access_token", token}}), "error.message").find(c.message) ==
        0);
  }
}

TEST_CASE("control: its page says what is so, and leads to what can be") {
  Rehearsal rehearsal;
  const auto page_has = [&](const std::string& text) {
    const Reply page = rehearsal.get("/sandbox");
    CHECK(page.status == 200);
    CHECK(page.content_type == "text/html; charset=utf-8");
    return page.body.find(text) != std::string::npos;
  };
  CHECK(page_has("The sandbox lives in the present."));
  CHECK(page_has("value=\"normal\" aria-pressed=\"true\""));
  for (const char* part :
       {"action=\"sandbox/clock\"", "name=\"pass\" value=\"1d\"", "name=\"pass\" value=\"59d\"",
        "name=\"pass\" value=\"61d\"", "name=\"pass\" value=\"none\"", "action=\"sandbox/mode\"",
        "name=\"mode\" value=\"slow\"", "name=\"mode\" value=\"error\"",
        "name=\"mode\" value=\"broken\""}) {
    CAPTURE(part);
    CHECK(page_has(part));
  }
  rehearsal.post("/sandbox/clock", {{"pass", "59d"}});
  rehearsal.post("/sandbox/mode", {{"mode", "error"}});
  CHECK(page_has("<b>59 days</b> passed"));
  CHECK(page_has("value=\"error\" aria-pressed=\"true\""));
  CHECK(page_has("value=\"normal\" aria-pressed=\"false\""));
  rehearsal.post("/sandbox/clock", {{"pass", "2d"}});
  rehearsal.post("/sandbox/clock", {{"pass", "3601s"}});
  CHECK(page_has("<b>61 days, 1 hour, 1 second</b> passed"));
  rehearsal.post("/sandbox/clock", {{"pass", "none"}});
  CHECK(page_has("The sandbox lives in the present."));
}

TEST_CASE("control: what it takes") {
  struct Case {
    const char* name;
    const char* path;
    Parameters parameters;
    int status;
  };
  const std::vector<Case> cases = {
      {"days", "/sandbox/clock", {{"pass", "61d"}}, 302},
      {"hours", "/sandbox/clock", {{"pass", "1h"}}, 302},
      {"seconds", "/sandbox/clock", {{"pass", "90s"}}, 302},
      {"back", "/sandbox/clock", {{"pass", "none"}}, 302},
      {"ten years", "/sandbox/clock", {{"pass", "3650d"}}, 302},
      {"more", "/sandbox/clock", {{"pass", "3651d"}}, 400},
      {"a number that is none", "/sandbox/clock", {{"pass", "999999999999999999999d"}}, 400},
      {"back by days", "/sandbox/clock", {{"pass", "-1d"}}, 400},
      {"no unit", "/sandbox/clock", {{"pass", "59"}}, 400},
      {"no number", "/sandbox/clock", {{"pass", "d"}}, 400},
      {"nothing", "/sandbox/clock", {}, 400},
      {"normal", "/sandbox/mode", {{"mode", "normal"}}, 302},
      {"slow", "/sandbox/mode", {{"mode", "slow"}}, 302},
      {"error", "/sandbox/mode", {{"mode", "error"}}, 302},
      {"broken", "/sandbox/mode", {{"mode", "broken"}}, 302},
      {"another mode", "/sandbox/mode", {{"mode", "Slow"}}, 400},
      {"no mode", "/sandbox/mode", {}, 400},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Rehearsal rehearsal;
    const Reply reply = rehearsal.post(c.path, c.parameters);
    CHECK(reply.status == c.status);
    CHECK(header(reply, "Location") == (c.status == 302 ? "/sandbox" : ""));
  }
  Rehearsal rehearsal;
  rehearsal.post("/sandbox/clock", {{"pass", "3650d"}});
  CHECK(rehearsal.post("/sandbox/clock", {{"pass", "1s"}}).status == 400);
}

TEST_CASE("clock: what it passes over") {
  struct Case {
    const char* name;
    const char* pass;
    const char* message;  // empty: refreshed
  };
  const std::vector<Case> cases = {
      {"too young", "86399s", "The access token must be at least 24 hours old"},
      {"a day", "1d", ""},
      {"59 days", "59d", ""},
      {"the last second", "5183999s", ""},
      {"60 days", "60d", "Error validating access token: Session has expired."},
      {"61 days", "61d", "Error validating access token: Session has expired."},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Rehearsal rehearsal;
    const std::string token = rehearsal.long_token();
    rehearsal.post("/sandbox/clock", {{"pass", c.pass}});
    const Reply reply = rehearsal.refresh(token);
    CHECK(member(reply, "error.message").find(c.message) == 0);
    CHECK(reply.status == (*c.message ? 400 : 200));
  }
}

TEST_CASE("clock: the caller's has not moved, so a token's times become earlier") {
  Rehearsal rehearsal;
  const std::string token = rehearsal.long_token();
  rehearsal.post("/sandbox/clock", {{"pass", "59d"}});
  const Reply old = rehearsal.inspect(token, token);
  CHECK(member(old, "data.is_valid") == "true");
  CHECK(member(old, "data.issued_at") == std::to_string(kStart - 59 * kDay));
  CHECK(member(old, "data.expires_at") == std::to_string(kStart + kDay));
  CHECK(member(old, "data.data_access_expires_at") == std::to_string(kStart + 31 * kDay));

  const std::string fresh = member(rehearsal.refresh(token), "access_token");
  CHECK(member(rehearsal.inspect(fresh, fresh), "data.issued_at") == std::to_string(kStart));

  rehearsal.post("/sandbox/clock", {{"pass", "2d"}});
  const Reply dead = rehearsal.inspect(token, fresh);
  CHECK(member(dead, "data.is_valid") == "false");
  CHECK(member(dead, "data.expires_at") == std::to_string(kStart - kDay));

  rehearsal.post("/sandbox/clock", {{"pass", "none"}});
  CHECK(member(rehearsal.inspect(token, token), "data.issued_at") == std::to_string(kStart));
}

TEST_CASE("modes: the API alone, and what was done") {
  Rehearsal rehearsal;
  const std::string code = rehearsal.new_code();

  rehearsal.post("/sandbox/mode", {{"mode", "error"}});
  const Reply failed = rehearsal.exchange(code);
  CHECK(failed.status == 500);
  CHECK(member(failed, "error.code") == "1");
  CHECK(rehearsal.get("/oauth/authorize", window_parameters()).status == 200);
  CHECK(rehearsal.get("/sandbox").status == 200);
  CHECK_FALSE(rehearsal.sandbox.is_late("/v1.0/me"));

  rehearsal.post("/sandbox/mode", {{"mode", "broken"}});
  const Reply broken = rehearsal.exchange(code);
  CHECK(broken.status == 200);
  CHECK(std::holds_alternative<JsonError>(parse_json(broken.body)));

  rehearsal.post("/sandbox/mode", {{"mode", "slow"}});
  CHECK(rehearsal.sandbox.is_late("/oauth/access_token"));
  CHECK_FALSE(rehearsal.sandbox.is_late("/oauth/authorize"));
  CHECK_FALSE(rehearsal.sandbox.is_late("/sandbox/mode"));
  CHECK_FALSE(rehearsal.sandbox.is_late("/nothing"));
  check_graph_error(rehearsal.exchange(code), "This authorization code has been used", "100",
                    "36009");

  rehearsal.post("/sandbox/mode", {{"mode", "normal"}});
  CHECK_FALSE(rehearsal.sandbox.is_late("/oauth/access_token"));
  CHECK(rehearsal.exchange(rehearsal.new_code()).status == 200);
}
