// The consent page: what it shows, what it posts back, and that nothing breaks out of its place.
#include "sandbox/consent_page.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "sandbox/page.h"

namespace {

Consent plain_consent() {
  Consent consent;
  consent.app_id = "123456789012345";
  consent.username = "sandbox.user";
  consent.scopes = {"threads_basic", "threads_content_publish"};
  consent.destination = "bot.example:8443";
  consent.request = {{"client_id", "123456789012345"}, {"state", "xyz"}};
  return consent;
}

bool has(const Reply& reply, std::string_view text) {
  return reply.body.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("escape_html") {
  struct Case {
    const char* name;
    const char* text;
    const char* html;
  };
  const std::vector<Case> cases = {
      {"nothing", "", ""},
      {"plain", "threads_basic", "threads_basic"},
      {"element", "<script>", "&lt;script&gt;"},
      {"double quote", "\"", "&quot;"},
      {"single quote", "'", "&#39;"},
      {"ampersand once", "&lt;", "&amp;lt;"},
      {"not ASCII", "Zoë", "Zoë"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    CHECK(escape_html(c.text) == c.html);
  }
}

TEST_CASE("consent page: what a person must see") {
  struct Case {
    const char* name;
    const char* text;
  };
  const std::vector<Case> cases = {
      {"its mark", "<strong>Sandbox</strong>"},
      {"who is asked", "sandbox.user"},
      {"the app", "123456789012345"},
      {"a permission in words", "Publish posts for you"},
      {"a permission by name", "<code>threads_content_publish</code>"},
      {"where it goes back", "<b>bot.example:8443</b>"},
      {"Allow", "name=\"decision\" value=\"allow\">Allow</button>"},
      {"Deny", "name=\"decision\" value=\"deny\">Deny</button>"},
      {"the form's target", "<form method=\"post\" action=\"authorize\" id=\"window\">"},
      {"errors, folded", "<details>\n<summary>Rehearse an error</summary>"},
      {"one of them",
       "<button form=\"window\" name=\"decision\" value=\"error-1349245\">"
       "The tester has not accepted <code>1349245</code></button>"},
      {"one without a code", "The wrong app ID, in Meta’s own words</button>"},
      {"the way to the clock", "<a href=\"../sandbox\">"},
      {"what is posted back", "<input type=\"hidden\" name=\"state\" value=\"xyz\">"},
      {"its language", "<html lang=\"en\">"},
  };
  const Reply reply = consent_page(plain_consent());
  for (const Case& c : cases) {
    CAPTURE(c.name);
    CHECK(has(reply, c.text));
  }
  CHECK(reply.status == 200);
  CHECK(reply.content_type == "text/html; charset=utf-8");
}

TEST_CASE("consent page: one line for each permission, an unknown one by its name") {
  Consent consent = plain_consent();
  consent.scopes = {"threads_basic", "threads_tomorrow"};
  const Reply reply = consent_page(consent);
  CHECK(has(reply, "<li>See your profile and your posts <code>threads_basic</code></li>"));
  CHECK(has(reply, "<li><code>threads_tomorrow</code></li>"));
  CHECK_FALSE(has(reply, "threads_content_publish"));
}

TEST_CASE("consent page: its policy allows no script, and no form-action") {
  const Reply reply = consent_page(plain_consent());
  const auto policy =
      std::find_if(reply.headers.begin(), reply.headers.end(),
                   [](const auto& header) { return header.first == "Content-Security-Policy"; });
  REQUIRE(policy != reply.headers.end());
  CHECK(policy->second ==
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'");
  CHECK_FALSE(has(reply, "<script"));
}

TEST_CASE("consent page: every value from outside is escaped") {
  constexpr const char* kHostile = "\"'><script>alert(1)</script>&amp;";
  struct Case {
    const char* name;
    void (*put)(Consent&, const char*);
  };
  const std::vector<Case> cases = {
      {"app id", [](Consent& c, const char* text) { c.app_id = text; }},
      {"username", [](Consent& c, const char* text) { c.username = text; }},
      {"scope", [](Consent& c, const char* text) { c.scopes.emplace_back(text); }},
      {"destination", [](Consent& c, const char* text) { c.destination = text; }},
      {"field value", [](Consent& c, const char* text) { c.request.emplace_back("state", text); }},
      {"field name", [](Consent& c, const char* text) { c.request.emplace_back(text, "x"); }},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Consent consent = plain_consent();
    c.put(consent, kHostile);
    const Reply reply = consent_page(consent);
    CHECK_FALSE(has(reply, "<script"));
    CHECK(has(reply, "&quot;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;"));
  }
}
