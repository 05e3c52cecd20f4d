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

// The one sentence that refuses the value; empty if the value is accepted.
std::string refusal(const char* name, const std::string& value) {
  Environment variables = minimal();
  variables[name] = value;
  const auto read = read_config(variables);
  const auto* errors = std::get_if<ConfigErrors>(&read);
  if (errors == nullptr) return {};
  REQUIRE(errors->size() == 1);
  return errors->front();
}

bool refuses(const char* name, const std::string& value) {
  return refusal(name, value).starts_with(name);
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
  CHECK(with("THREADS_TIMEOUT", "0.001").timeout_ms == 1);
  CHECK(with("THREADS_TIMEOUT", "1.001").timeout_ms == 1001);
  CHECK(with("THREADS_TIMEOUT", "300").timeout_ms == 300'000);
  for (const std::string bad : {"0", "-1", "x", "10s", "1e9", "0.0009", "300.001", "301", "nan",
                                "inf", "-inf", "-1e300", " 3"}) {
    CAPTURE(bad);
    CHECK(refuses("THREADS_TIMEOUT", bad));
  }
}

TEST_CASE("the app ID is a number") {
  CHECK(with("THREADS_APP_ID", "1234567890123456").app_id == "1234567890123456");
  for (const std::string bad : {"my-app", "12a", "-1", "+1", "1.0", "0x10", "1234/", ":1"}) {
    CAPTURE(bad);
    CHECK(refusal("THREADS_APP_ID", bad) ==
          "THREADS_APP_ID must be a number: digits and nothing else.");
  }
}

TEST_CASE("a character that does not belong into a value is named, and the value is not shown") {
  struct Row {
    std::string character;
    const char* name;
  };
  const Row rows[] = {{" ", "U+0020 (space)"},
                      {"\t", "U+0009 (tab)"},
                      {"\n", "U+000A (line feed)"},
                      {"\x01", "U+0001"},
                      {"\x7F", "U+007F (delete)"},
                      {"\u00A0", "U+00A0 (no-break space)"},
                      {"\u2007", "U+2007 (figure space)"},
                      {"\u202F", "U+202F (narrow no-break space)"},
                      {"\u3000", "U+3000 (ideographic space)"},
                      {"\uFEFF", "U+FEFF (byte order mark)"},
                      {"\u200B", "U+200B (zero width space)"},
                      {"\u2018", "U+2018 (left single quotation mark)"},
                      {"\u2019", "U+2019 (right single quotation mark)"},
                      {"\u201C", "U+201C (left double quotation mark)"},
                      {"\u201D", "U+201D (right double quotation mark)"},
                      {"\u300C", "U+300C (left corner bracket)"},
                      {"\u300D", "U+300D (right corner bracket)"},
                      {"\u00AB", "U+00AB (left-pointing angle quotation mark)"},
                      {"\u00BB", "U+00BB (right-pointing angle quotation mark)"},
                      {"\u00E9", "U+00E9"},
                      {"\U0001F511", "U+1F511"},
                      {"\xE9", "a byte that is not UTF-8"},
                      {"\xE2\x80", "a byte that is not UTF-8"}};
  const std::pair<const char*, std::string> values[] = {
      {"THREADS_APP_ID", "1"},
      {"THREADS_APP_SECRET", "CANARY"},
      {"THREADS_CLIENT_SECRET", "CANARY"},
      {"META_APP_SECRET", "CANARY"},
      {"THREADS_API_URL", "https://CANARY"},
      {"THREADS_AUTH_URL", "https://CANARY/oauth/authorize"},
      {"THREADS_REDIRECT_URIS", "https://CANARY/auth"},
      {"THREADS_SCOPE", "threads_basic,CANARY"}};
  for (const auto& [name, value] : values) {
    CAPTURE(name);
    CHECK(refusal(name, value).empty());
    for (const Row& row : rows) {
      CAPTURE(row.name);
      // Inside the value: at its ends a list loses its blanks, which is as it should be.
      const std::string where = name == std::string("THREADS_REDIRECT_URIS") ? ": entry 1" : "";
      const std::string middle = value.substr(0, value.size() - 1) + row.character + value.back();
      const bool is_allowed = name == std::string("THREADS_SCOPE") && row.character == " ";
      CHECK(refusal(name, middle) ==
            (is_allowed ? ""
                        : name + where + " has " + row.name +
                              " in it: only ASCII letters, digits and punctuation may be there."));
    }
  }
}

TEST_CASE("what is shown is UTF-8") {
  CHECK(with("THREADS_CA_FILE", "/etc/\u00E9.pem").ca_file == "/etc/\u00E9.pem");
  CHECK(refusal("THREADS_CA_FILE", "/etc/\xE9.pem") == "THREADS_CA_FILE is not UTF-8.");
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
