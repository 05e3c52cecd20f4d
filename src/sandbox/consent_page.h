// The page on which a person allows or denies what an app asks for, and HTML escaping. What may be
// asked for, and what comes of the answer, is the sandbox's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/form.h"
#include "core/reply.h"

// What the page says. Everything is plain text from anywhere: the page escapes it.
struct Consent {
  std::string app_id;
  std::string username;  // who is asked
  std::vector<std::string> scopes;
  std::string destination;  // host and port of the redirect_uri
  Fields request;           // posted back unchanged with the decision
};

// The page with the headers it needs. Its form posts `request` and decision=allow|deny to
// "authorize", relative to the page.
Reply consent_page(const Consent& consent);

// The text with what HTML gives a meaning written as references: for content and for quoted
// attribute values.
std::string escape_html(std::string_view text);
