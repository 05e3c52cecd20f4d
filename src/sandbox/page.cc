#include "sandbox/page.h"

namespace {

// No form-action: Chromium applies it to the redirect that answers the form, too.
constexpr std::string_view kPolicy =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

constexpr std::string_view kTop = R"html(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>)html";

constexpr std::string_view kStyle = R"html( – Sandbox</title>
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
.more { margin: .75rem 0 0; text-align: center; }
.state { margin: 0 0 1.25rem; }
.row { display: grid; grid-template-columns: repeat(auto-fit, minmax(6.5rem, 1fr)); gap: .6rem; }
.row + .quiet { margin: .6rem 0 0; }
[aria-pressed=true] { border-color: var(--text); box-shadow: inset 0 0 0 1px var(--text); }
details { margin: 1.25rem 0 0; }
summary { cursor: pointer; color: var(--quiet); font-size: .875rem; }
.errors { margin: .75rem 0 0; display: grid; gap: .5rem; }
.errors button { min-height: 2.75rem; text-align: left; font-weight: 400; font-size: .875rem; }
.errors code { display: inline; }
a { color: inherit; }
</style>
</head>
<body>
<main>
<p class="sandbox"><strong>Sandbox</strong> <span>A rehearsal: nobody’s account, and nothing
reaches Threads.</span></p>
)html";

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

Reply html_page(std::string_view title, std::string_view main) {
  Reply reply;
  reply.body.append(kTop).append(escape_html(title)).append(kStyle).append(main);
  reply.body += "</main>\n</body>\n</html>\n";
  reply.content_type = "text/html; charset=utf-8";
  reply.headers.emplace_back("Content-Security-Policy", kPolicy);
  return reply;
}
