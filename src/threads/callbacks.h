// The two callbacks that Meta's dashboard demands, and the page that tells a person what came of a
// deletion. This service stores nothing, so there is nothing to delete: they say so, truthfully.
#pragma once

#include "core/request.h"
#include "threads/config.h"
#include "threads/exchange.h"

// POST /deauthorize: a person has removed the app.
Outcome deauthorize(const Request& request, const Config& config);

// POST /data-deletion: a person wants their data deleted. Gives the address of the status page.
Outcome delete_data(const Request& request, const Config& config);

// GET /data-deletion?code=: the status page.
Outcome deletion_status(const Request& request, const Config& config);
