// By which address families a server is reached, for --check --online.
#pragma once

#include <string>

#include "shell/service.h"

// Sentences for the operator, each empty if there is nothing to tell.
struct Families {
  std::string reached;
  std::string warning;  // a family has addresses that do not work from this machine
};

// Connects to Threads by IPv4 and by IPv6, by TLS as an exchange would, and sends no
// request. Takes at most three seconds. Tells nothing if neither family works (an exchange says
// why), nor where the environment names a proxy, which chooses the family itself. `host` is the
// name that the sentences use. A CurlLibrary must live.
Families look_at_families(const std::string& host, const ServicePtr& service);
