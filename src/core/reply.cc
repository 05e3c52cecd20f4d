#include "core/reply.h"

#include "core/json.h"

namespace {

std::string_view reason(int status) {
  switch (status) {
    case 200: return "OK";
    case 302: return "Found";
    case 400: return "Bad Request";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 500: return "Internal Server Error";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    default: return "Unknown";
  }
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

Reply json_reply(int status, std::string json) {
  Reply reply;
  reply.status = status;
  reply.body = std::move(json);
  return reply;
}

Reply detail_reply(int status, std::string_view sentence, std::string_view members) {
  return json_reply(status, ("{\"detail\":" + quote_json(sentence)).append(members).append("}"));
}

std::string to_cgi(const Reply& reply, std::string_view request_id, bool head) {
  std::string out;
  out.reserve(reply.body.size() + 320);
  append_header(out, "Status",
                std::to_string(reply.status) + ' ' + std::string(reason(reply.status)));
  append_header(out, "Content-Type", reply.content_type);
  append_header(out, "Content-Length", std::to_string(reply.body.size()));
  append_header(out, "Cache-Control", "no-store");
  append_header(out, "X-Content-Type-Options", "nosniff");
  append_header(out, "Referrer-Policy", "no-referrer");
  append_header(out, "X-Request-Id", request_id);
  for (const auto& [name, value] : reply.headers) append_header(out, name, value);
  out += "\r\n";
  if (!head) out += reply.body;
  return out;
}
