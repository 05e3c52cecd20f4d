// The page on which a person allows or denies what an app asks for, or rehearses one of the
// window's own errors. What may be asked for, and what comes of the answer, is the sandbox's.
#pragma once

#include <string>
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

// The page with the headers it needs. Its form posts `request` and `decision` to "authorize",
// relative to the page: allow, deny, or a window error's decision.
Reply consent_page(const Consent& consent);
