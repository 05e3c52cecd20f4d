// The consent page: one card, its own look (light and dark, phone first), no script, nothing loaded
// from elsewhere. All that comes from outside goes through escape_html().
#include "sandbox/consent_page.h"

#include <algorithm>
#include <array>
#include <utility>

namespace {

struct Permission {
  std::string_view scope;
  std::string_view line;
};

// Meta, "Get Access Tokens and Permissions", in our words. More may come: a scope that is not here
// is shown by its name.
constexpr std::array<Permission, 11> kPermissions = {{
    {"threads_basic", "See your profile and your posts"},
    {"threads_content_publish", "Publish posts for you"},
    {"threads_read_replies", "Read the replies to your posts"},
    {"threads_manage_replies", "Reply for you, and hide or show replies"},
    {"threads_manage_insights", "See how your posts and profile perform"},
    {"threads_keyword_search", "Search public posts by keyword"},
    {"threads_profile_discovery", "Look up public profiles"},
    {"threads_manage_mentions", "See the posts that mention you"},
    {"threads_delete", "Delete your posts"},
    {"threads_location_tagging", "Add locations to your posts"},
    {"threads_share_to_instagram", "Share your posts to Instagram stories"},
}};

// No form-action: Chromium applies it to the redirect that answers the form, too.
constexpr std::string_view kPolicy =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

constexpr std::string_view kHead = R"html(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>Allow access? – Sandbox</title>
<style>
:root {
  --ground: #f4f3ef; --card: #fff; --text: #1c1b19; --quiet: #63605a; --line: #e4e1da;
  --sand: #fbf0d9; --sand-text: #6d4a05; --sand-line: #c79a3c;
  --action: #1c1b19; --action-over: #3a3833; --action-text: #fff; --focus: #2563c9;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #121211; --card: #1c1c1a; --text: #f1efea; --quiet: #a8a49b; --line: #34332f;
    --sand: #2f2614; --sand-text: #f0cf8a; --sand-line: #8a6a26;
    --action: #f1efea; --action-over: #d5d2ca; --action-text: #1c1b19; --focus: #8ab4ff;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; min-height: 100vh; min-height: 100svh; padding: 1rem;
  display: grid; place-content: center; grid-template-columns: minmax(0, 27rem);
  background: var(--ground); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  overflow-wrap: anywhere;
}
.sandbox {
  margin: 0 0 .75rem; padding: .6rem .9rem; display: flex; gap: .75rem; align-items: center;
  background: var(--sand); color: var(--sand-text);
  border: 1px dashed var(--sand-line); border-radius: .9rem; font-size: .875rem; line-height: 1.4;
}
.sandbox strong { flex: none; text-transform: uppercase; letter-spacing: .09em; font-size: .75rem; }
.card {
  padding: 1.75rem 1.5rem 1.5rem; background: var(--card);
  border: 1px solid var(--line); border-radius: 1.25rem; box-shadow: 0 1px 2px #0000000a,
  0 12px 32px #0000000f;
}
h1 { margin: 0 0 1.25rem; font-size: 1.375rem; line-height: 1.3; letter-spacing: -.015em; }
.who {
  margin: 0; padding: .75rem; display: flex; gap: .75rem; align-items: center;
  border: 1px solid var(--line); border-radius: .9rem;
}
.face {
  flex: none; width: 2.5rem; height: 2.5rem; border-radius: 50%; display: grid;
  place-content: center; background: var(--sand); color: var(--sand-text); font-weight: 600;
}
.who > :last-child { min-width: 0; }
.who b { display: block; line-height: 1.3; }
.quiet { color: var(--quiet); font-size: .875rem; }
h2 { margin: 1.5rem 0 .25rem; font-size: .875rem; font-weight: 600; color: var(--quiet); }
ul { margin: 0; padding: 0; list-style: none; }
li { padding: .6rem 0 .6rem 1.75rem; position: relative; border-bottom: 1px solid var(--line); }
li:last-child { border-bottom: 0; }
li::before {
  content: ""; position: absolute; left: .3rem; top: 1rem; width: .75rem; height: .4rem;
  border: solid var(--quiet); border-width: 0 0 2px 2px; transform: rotate(-45deg);
}
code { display: block; font: .8125rem/1.4 ui-monospace, Menlo, Consolas, monospace;
  color: var(--quiet); }
.choice { margin: 1rem 0 1.25rem; display: grid; gap: .6rem; }
button {
  width: 100%; min-height: 3rem; padding: .6rem 1rem; font: inherit; font-weight: 600;
  border-radius: .9rem; border: 1px solid var(--quiet); background: transparent; color: inherit;
  cursor: pointer;
}
button:hover { border-color: var(--text); }
.allow { background: var(--action); border-color: var(--action); color: var(--action-text); }
.allow:hover { background: var(--action-over); border-color: var(--action-over); }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
.back { margin: 0; text-align: center; }
.back b { color: var(--text); }
</style>
</head>
<body>
<main>
<p class="sandbox"><strong>Sandbox</strong> <span>A rehearsal: nobody’s account, and nothing
reaches Threads.</span></p>
)html";

std::string permission_item(const std::string& scope) {
  const auto* known = std::find_if(kPermissions.begin(), kPermissions.end(),
                                   [&](const Permission& p) { return p.scope == scope; });
  std::string item = "<li>";
  if (known != kPermissions.end()) item.append(known->line).append(" ");
  return item + "<code>" + escape_html(scope) + "</code></li>\n";
}

std::string hidden_field(const std::string& name, const std::string& value) {
  return "<input type=\"hidden\" name=\"" + escape_html(name) + "\" value=\"" + escape_html(value) +
         "\">\n";
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

Reply consent_page(const Consent& consent) {
  std::string html(kHead);
  html += "<div class=\"card\">\n<h1>Allow this app to use your account?</h1>\n";
  html +=
      "<p class=\"who\"><span class=\"face\" aria-hidden=\"true\">S</span>"
      "<span><b>" +
      escape_html(consent.username) + "</b> <span class=\"quiet\">is asked by app " +
      escape_html(consent.app_id) + "</span></span></p>\n";
  html += "<h2>The app would be able to</h2>\n<ul>\n";
  for (const std::string& scope : consent.scopes) html += permission_item(scope);
  html += "</ul>\n<form method=\"post\" action=\"authorize\">\n";
  for (const auto& [name, value] : consent.request) html += hidden_field(name, value);
  html +=
      "<div class=\"choice\">\n"
      "<button class=\"allow\" name=\"decision\" value=\"allow\">Allow</button>\n"
      "<button name=\"decision\" value=\"deny\">Deny</button>\n"
      "</div>\n</form>\n";
  html += "<p class=\"back quiet\">Either way you return to <b>" +
          escape_html(consent.destination) + "</b></p>\n</div>\n</main>\n</body>\n</html>\n";

  Reply reply;
  reply.body = std::move(html);
  reply.content_type = "text/html; charset=utf-8";
  reply.headers.emplace_back("Content-Security-Policy", kPolicy);
  return reply;
}
