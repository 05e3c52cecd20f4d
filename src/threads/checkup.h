// What --check tells beside mistakes, and what --check --online asks Threads: do the app's ID and
// secrets belong together, before the first user finds out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/finding.h"
#include "threads/config.h"
#include "threads/exchange.h"

// What is allowed and will hardly work: a sentence each, naming its variable.
std::vector<std::string> warnings(const Config& config);

// Asks for an app access token (Meta, "Get access tokens", client_credentials), which takes nothing
// but the ID and the secret. The token is not kept.
Exchange ask_for_app_token(const Config& config, const Secret& secret);

// What the answer says of THREADS_APP_ID and the secret of this name.
Finding judge_app_token(std::string_view secret_name, const Exchange& exchange,
                        const Answer& answer, const Config& config);
