// Whether a request's body is what its headers say, before anybody looks inside.
#pragma once

#include <optional>
#include <string_view>

#include "core/reply.h"
#include "core/request.h"

// Why the body cannot be taken, if so: longer than kMaxBody (413), not as long as CONTENT_LENGTH
// says (400), not of the media type (415), not UTF-8 (400).
std::optional<Reply> check_body(const Request& request, std::string_view media_type);
