// What the fuzz targets share: how a broken promise is reported, a second
// opinion on JSON, and a configuration whose every secret is a canary.
#pragma once

#include <string>
#include <string_view>

#include "core/reply.h"
#include "threads/config.h"

// Ends the process with the promise that was broken unless it was kept. Both
// libFuzzer and the replay take that for a finding.
void expect(bool kept, const char* promise);

// Whether the text is one JSON value by RFC 8259 and UTF-8. Written without
// RapidJSON, so that the two can disagree.
bool is_json(std::string_view text);

constexpr std::string_view kAppId = "1234567890123456";
// Of the real length (32), with characters that percent-encoding changes and
// JSON does not.
constexpr std::string_view kAppSecret = "canary+app/secret=0123456789abcd";
constexpr std::string_view kClientSecret = "canary+client/secret=0123456789a";
constexpr std::string_view kMetaSecret = "canary+meta/secret=0123456789abc";
constexpr std::string_view kApiUrl = "https://graph.canary.example";

Config canary_config();

// The reply has a status of the contract, no line break in a header, and JSON
// as its body where it says so.
void expect_sound(const Reply& reply);

// No secret of the configuration is anywhere in the reply, plain or
// percent-encoded.
void expect_no_secret(const Reply& reply);
