#include "threads/conclude.h"

#include "core/json.h"
#include "threads/causes.h"
#include "threads/redact.h"

namespace {

std::string_view sentence(Failure failure) {
  switch (failure) {
    case Failure::kResolve: return "Threads cannot be reached: its name does not resolve.";
    case Failure::kConnect: return "Threads cannot be reached: the connection failed.";
    case Failure::kTls: return "Threads cannot be reached safely: TLS could not be verified.";
    case Failure::kTimeout: return "Threads did not answer in time.";
    case Failure::kBroken: return "Threads' answer broke off.";
    case Failure::kTooLarge: return "Threads' answer is longer than 64 KiB.";
  }
  return "The exchange with Threads failed.";
}

std::string text_member(const rapidjson::Value& object, std::string_view name) {
  const rapidjson::Value* value = find_member(object, name);
  return value != nullptr && value->IsString() ? std::string(text_of(*value)) : std::string();
}

std::optional<long> number_member(const rapidjson::Value& object, std::string_view name) {
  const rapidjson::Value* value = find_member(object, name);
  if (value == nullptr || !value->IsInt64()) return std::nullopt;
  return value->GetInt64();
}

// Whether the object tells of an error. Meta documents an HTTP status for it, but an error body
// under 200 has been reported: look at both.
bool is_error(const rapidjson::Value& object) {
  const rapidjson::Value* token = find_member(object, "access_token");
  if (token != nullptr && token->IsString()) return false;
  const rapidjson::Value* error = find_member(object, "error");
  if (error != nullptr && (error->IsObject() || error->IsString())) return true;
  return find_member(object, "error_type") != nullptr;
}

// All three shapes: flat {"error_type","code","error_message"} and Graph's {"error":{…}} (Meta,
// "Threads API: Get access tokens" and "Graph API: Handle errors"), {"error","error_description"}
// (RFC 6749 §5.2).
ThreadsError read_error(const rapidjson::Value& object) {
  ThreadsError error;
  const rapidjson::Value* nested = find_member(object, "error");
  if (nested != nullptr && nested->IsObject()) {
    error.message = text_member(*nested, "message");
    error.type = text_member(*nested, "type");
    error.code = number_member(*nested, "code");
    error.subcode = number_member(*nested, "error_subcode");
    error.trace = text_member(*nested, "fbtrace_id");
    return error;
  }
  error.message = text_member(object, "error_message");
  if (error.message.empty()) error.message = text_member(object, "error_description");
  error.type = text_member(object, "error_type");
  if (error.type.empty()) error.type = text_member(object, "error");
  if (error.message.empty()) error.message = error.type;
  error.code = number_member(object, "code");
  if (!error.code) error.code = number_member(object, "error_code");
  return error;
}

// Threads is at fault, or the way to it.
Reply gateway_error(int status, std::string_view detail, int upstream_status) {
  if (upstream_status == 0) return detail_reply(status, detail);
  return detail_reply(status, detail,
                      ",\"upstream\":{\"status\":" + std::to_string(upstream_status) + "}");
}

Reply refusal(const Exchange& exchange, const Answer& answer, const Config& config,
              const ThreadsError& error) {
  const auto clean = [&](const std::string& text) {
    return redact(text,
                  {exchange.credential.reveal(), config.app_secret.reveal(),
                   config.client_secret.reveal(), config.meta_secret.reveal()},
                  config.api_url);
  };
  std::string members = ",\"upstream\":{\"status\":" + std::to_string(answer.status);
  if (!error.type.empty()) members += ",\"type\":" + quote_json(clean(error.type));
  if (error.code) members += ",\"code\":" + std::to_string(*error.code);
  if (error.subcode) members += ",\"subcode\":" + std::to_string(*error.subcode);
  if (!error.trace.empty()) members += ",\"trace\":" + quote_json(clean(error.trace));
  members += "}";
  if (const auto hint = find_hint(exchange.step, answer.status, error); !hint.empty()) {
    members += ",\"hint\":" + quote_json(hint);
  }
  const std::string message = clean(error.message);
  Reply reply = detail_reply(
      answer.status == 429 ? 429 : 400,
      message.empty() ? "Threads refused without a message." : std::string_view(message), members);
  if (answer.status == 429 && answer.retry_after > 0) {
    reply.headers.emplace_back("Retry-After", std::to_string(answer.retry_after));
  }
  return reply;
}

}  // namespace

Reply conclude(const Exchange& exchange, const Answer& answer, const Config& config) {
  if (answer.failure) {
    return gateway_error(*answer.failure == Failure::kTimeout ? 504 : 502,
                         sentence(*answer.failure), answer.status);
  }
  const bool success = answer.status >= 200 && answer.status <= 299;
  const bool refused = answer.status >= 400 && answer.status <= 499;
  if (!success && !refused) {
    return gateway_error(502, "Threads answered with status " + std::to_string(answer.status) + ".",
                         answer.status);
  }
  const auto parsed = parse_json(answer.body);
  const auto* document = std::get_if<rapidjson::Document>(&parsed);
  if (document == nullptr || !document->IsObject()) {
    if (refused) return refusal(exchange, answer, config, {});
    return gateway_error(502, "Threads' answer is no JSON object.", answer.status);
  }
  if (refused || is_error(*document))
    return refusal(exchange, answer, config, read_error(*document));
  return json_reply(200, answer.body);
}
