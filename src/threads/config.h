// The program's configuration: read from an environment, judged whole, shown without its secrets.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "core/env_file.h"
#include "core/secret.h"

struct Config {
  std::string app_id;
  Secret app_secret;
  Secret client_secret;  // never empty: falls back to app_secret
  Secret meta_secret;    // may be empty
  std::string api_url;   // no trailing slash
  std::string auth_url;
  std::string scope;
  std::vector<std::string> redirect_uris;  // empty: any
  long timeout_ms = 0;
  std::string ca_file;   // empty: the system's
  bool sandbox = false;  // the API is at a loopback address
};

// One sentence for each mistake, each naming its variable and none its secret value.
using ConfigErrors = std::vector<std::string>;

// The configuration that the variables describe, defaults filled in, or everything wrong with it.
std::variant<Config, ConfigErrors> read_config(const Environment& variables);

// The effective configuration as lines NAME=value, secrets masked.
std::string describe(const Config& config);
