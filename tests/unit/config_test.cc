// The configuration: defaults, every mistake at once, no secret shown.
#include "threads/config.h"

#include <doctest/doctest.h>

#include <string>

namespace {

Environment minimal() { return {{"THREADS_APP_ID", "1"}, {"THREADS_APP_SECRET", "app-secret"}}; }

Config with(const char* name, const std::string& value) {
  Environment variables = minimal();
  variables[name] = value;
  return std::get<Config>(read_config(variables));
}

bool refuses(const char* name, const std::string& value) {
  Environment variables = minimal();
  variables[name] = value;
  const auto read = read_config(variables);
  const auto* errors = std::get_if<ConfigErrors>(&read);
  return errors != nullptr && !errors->empty() && errors->front().starts_with(name);
}

}  // namespace

TEST_CASE("the defaults") {
  const Config config = std::get<Config>(read_config(minimal()));
  CHECK(config.client_secret.reveal() == "app-secret");
  CHECK(config.meta_secret.empty());
  CHECK(config.api_url == "https://graph.threads.net");
  CHECK(config.auth_url == "https://threads.net/oauth/authorize");
  CHECK(config.scope == "threads_basic,threads_content_publish");
  CHECK(config.redirect_uris.empty());
  CHECK(config.timeout_ms == 10'000);
  CHECK_FALSE(config.sandbox);
}

TEST_CASE("empty is as good as absent") {
  CHECK(with("THREADS_CLIENT_SECRET", "").client_secret.reveal() == "app-secret");
  CHECK(with("THREADS_CLIENT_SECRET", "other").client_secret.reveal() == "other");
  CHECK(with("THREADS_TIMEOUT", "").timeout_ms == 10'000);
  CHECK(refuses("THREADS_APP_ID", ""));
  CHECK(refuses("THREADS_APP_SECRET", ""));
}

TEST_CASE("every mistake is told at once, each by its variable") {
  const auto read = read_config({{"THREADS_API_URL", "ftp://x"}, {"THREADS_TIMEOUT", "soon"}});
  const auto& errors = std::get<ConfigErrors>(read);
  REQUIRE(errors.size() == 4);
  CHECK(errors[0].starts_with("THREADS_APP_ID"));
  CHECK(errors[1].starts_with("THREADS_APP_SECRET"));
  CHECK(errors[2].starts_with("THREADS_API_URL"));
  CHECK(errors[3].starts_with("THREADS_TIMEOUT"));
}

TEST_CASE("http goes to a loopback address only") {
  for (const std::string good :
       {"http://127.0.0.1:9091", "http://127.9.9.9", "http://localhost:80", "http://[::1]:8080",
        "https://graph.threads.com", "https://x:8443/y"}) {
    CAPTURE(good);
    CHECK(with("THREADS_API_URL", good).api_url == good);
  }
  for (const std::string bad :
       {"http://graph.threads.net", "http://127.evil.example", "http://localhost.evil.example",
        "http://[::1].evil.example", "http://[::1]evil.example", "http://[::1", "https://[::1]x",
        "http://127.0.0.1@evil.example", "https://user:pw@graph.threads.net", "http://[::2]",
        "https://", "graph.threads.net", "file:///etc/passwd", "https://x y", "https://x/?a=b",
        "https://x#y", "HTTP://127.0.0.1", "https://x\r\nEvil: 1"}) {
    CAPTURE(bad);
    CHECK(refuses("THREADS_API_URL", bad));
  }
  CHECK(with("THREADS_API_URL", "https://x/").api_url == "https://x");
  CHECK(with("THREADS_API_URL", "http://127.0.0.1:1").sandbox);
  CHECK(with("THREADS_API_URL", "https://localhost:1").sandbox);
  CHECK(with("THREADS_AUTH_URL", "https://x/?a=b").auth_url == "https://x/?a=b");
}

TEST_CASE("a port is one") {
  for (const std::string port : {"0", "65536", "99999", "x", ""}) {
    CAPTURE(port);
    CHECK(refuses("THREADS_API_URL", "https://host:" + port));
    CHECK(refuses("THREADS_AUTH_URL", "https://host:" + port + "/oauth/authorize"));
    CHECK(refuses("THREADS_REDIRECT_URIS", "https://host:" + port + "/auth/callback"));
  }
}

TEST_CASE("redirect URIs are addresses, and the one that is none is named by its place") {
  for (const std::string bad : {"login.example.com/auth", "/auth", "*", "https://", "app://x",
                                "https://a/x https://b/y", "https://user@a/x"}) {
    CAPTURE(bad);
    CHECK(refuses("THREADS_REDIRECT_URIS", bad));
  }
  Environment variables = minimal();
  variables["THREADS_REDIRECT_URIS"] = "http://localhost:8080/auth,CANARY,https://b/y,CANARY";
  const auto read = read_config(variables);
  const auto& errors = std::get<ConfigErrors>(read);
  REQUIRE(errors.size() == 2);
  CHECK(errors[0] ==
        "THREADS_REDIRECT_URIS: entry 2 must be an http:// or https:// URL with a host.");
  CHECK(errors[1] ==
        "THREADS_REDIRECT_URIS: entry 4 must be an http:// or https:// URL with a host.");
}

TEST_CASE("redirect URIs are a list, blanks around the commas") {
  const Config config = with("THREADS_REDIRECT_URIS", " https://a/x , ,https://b/y,");
  CHECK(config.redirect_uris == std::vector<std::string>{"https://a/x", "https://b/y"});
}

TEST_CASE("the timeout is in seconds") {
  CHECK(with("THREADS_TIMEOUT", "2").timeout_ms == 2000);
  CHECK(with("THREADS_TIMEOUT", "0.25").timeout_ms == 250);
  for (const std::string bad : {"0", "-1", "x", "10s", "1e9", "301", "nan", "inf", " 3"}) {
    CAPTURE(bad);
    CHECK(refuses("THREADS_TIMEOUT", bad));
  }
}

TEST_CASE("what is no UTF-8 is refused") {
  CHECK(refuses("THREADS_SCOPE", "\xE9"));
  CHECK(refuses("THREADS_APP_ID", "\xFF"));
  // Nobody's variable: an error could not show its name.
  Environment variables = minimal();
  variables["THREADS_\xFF"] = "\xFF";
  CHECK(std::holds_alternative<Config>(read_config(variables)));
}

TEST_CASE("what --check shows has no secret in it") {
  Environment variables = minimal();
  variables["THREADS_APP_SECRET"] = "CANARY-1";
  variables["THREADS_CLIENT_SECRET"] = "CANARY-2";
  variables["META_APP_SECRET"] = "CANARY-3";
  variables["THREADS_TIMEOUT"] = "0.25";
  const std::string shown = describe(std::get<Config>(read_config(variables)));
  CHECK(shown.find("CANARY") == std::string::npos);
  CHECK(shown.find("THREADS_APP_SECRET=********\n") != std::string::npos);
  CHECK(shown.find("THREADS_TIMEOUT=0.250\n") != std::string::npos);
}
