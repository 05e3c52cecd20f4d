// One HTTP reply as a plain value, and the few shapes that the product's replies have.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct Reply {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;  // beside those that every reply has
  std::chrono::milliseconds hold{0};                         // it is sent so much later
};

// This JSON text with the given status.
Reply json_reply(int status, std::string json);

// {"detail": sentence} with the given status. The sentence must be valid UTF-8. Further members
// come as JSON text, each with a comma before it.
Reply detail_reply(int status, std::string_view sentence, std::string_view members = "");

// The reply in CGI form (RFC 3875 §6.3): a Status line, the headers that every reply carries, the
// reply's own, a blank line, and the body unless the request was a HEAD.
std::string to_cgi(const Reply& reply, std::string_view request_id, bool head);
