#include "threads/endpoints.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <optional>

#include "core/form.h"
#include "core/json.h"
#include "core/text.h"
#include "core/utf8.h"
#include "threads/body.h"
#include "threads/callbacks.h"
#include "threads/validation.h"

namespace {

Outcome root(const Request&, const Config&);
Outcome config(const Request&, const Config&);
Outcome health(const Request&, const Config&);
Outcome metrics(const Request&, const Config&);
Outcome access_token(const Request&, const Config&);

// What Threads is asked for a caller who brings a token. In the query {token} and {client_secret}
// stand for the values.
struct TokenCall {
  std::string_view step;
  std::string_view path;
  std::string_view query;
};

struct Endpoint {
  std::string_view method;  // a GET answers HEAD too
  std::string_view path;
  Outcome (*handle)(const Request&, const Config&);  // null: the call is all
  TokenCall call{};
};

constexpr std::array kEndpoints = {
    Endpoint{"GET", "/", root},
    Endpoint{"GET", "/config", config},
    Endpoint{"GET", "/healthz", health},
    Endpoint{"GET", "/metrics", metrics},
    Endpoint{"POST", "/access-token", access_token},
    Endpoint{"GET",
             "/long-lived-access-token",
             nullptr,
             {"long-lived", "/access_token",
              "grant_type=th_exchange_token&client_secret={client_secret}&access_token={token}"}},
    Endpoint{
        "GET",
        "/refresh-access-token",
        nullptr,
        {"refresh", "/refresh_access_token", "grant_type=th_refresh_token&access_token={token}"}},
    Endpoint{"GET",
             "/me",
             nullptr,
             {"profile", "/v1.0/me",
              "fields=id%2Cusername%2Cname%2Cthreads_profile_picture_url%2Cthreads_biography"
              "%2Cis_verified&access_token={token}"}},
    Endpoint{"GET",
             "/debug-token",
             nullptr,
             {"inspect", "/v1.0/debug_token", "input_token={token}&access_token={token}"}},
    Endpoint{"POST", "/deauthorize", deauthorize},
    Endpoint{"GET", "/data-deletion", deletion_status},
    Endpoint{"POST", "/data-deletion", delete_data},
};

Outcome root(const Request&, const Config&) { return json_reply(200, R"({"Hello":"World"})"); }

Outcome health(const Request&, const Config&) { return json_reply(200, R"({"status":"ok"})"); }

Outcome metrics(const Request& request, const Config&) {
  if (!request.metrics) {
    return detail_reply(404,
                        "Nothing is counted here: as CGI each request is a process of its own.");
  }
  Reply reply;
  reply.body = request.metrics();
  reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
  return reply;
}

Outcome config(const Request&, const Config& config) {
  return json_reply(200, "{\"app_id\":" + quote_json(config.app_id) +
                             ",\"auth_url\":" + quote_json(config.auth_url) +
                             ",\"scope\":" + quote_json(config.scope) +
                             ",\"sandbox\":" + (config.sandbox ? "true" : "false") + "}");
}

// The strings that a login's JSON body must hold.
struct LoginFields {
  std::string code;
  std::string redirect_uri;
};

std::variant<LoginFields, Reply> read_login(std::string_view body) {
  ValidationErrors errors;
  auto parsed = parse_json(body);
  if (const auto* error = std::get_if<JsonError>(&parsed)) {
    errors.json_invalid(*error);
    return errors.reply();
  }
  const auto& document = std::get<rapidjson::Document>(parsed);
  if (!document.IsObject()) {
    errors.not_an_object(document);
    return errors.reply();
  }
  const auto read = [&](std::string_view name) -> std::string {
    const auto object = document.GetObject();
    const auto times = std::count_if(object.begin(), object.end(), [&](const auto& member) {
      return text_of(member.name) == name;
    });
    const rapidjson::Value* value = find_member(document, name);
    if (times > 1) {
      errors.body_field_repeated(name);
    } else if (value == nullptr) {
      errors.body_field_missing(name, document);
    } else if (!value->IsString()) {
      errors.body_field_not_a_string(name, *value);
    } else {
      return std::string(text_of(*value));
    }
    return {};
  };
  LoginFields fields;
  fields.code = read("code");
  fields.redirect_uri = read("redirect_uri");
  if (!errors.empty()) return errors.reply();
  return fields;
}

Outcome access_token(const Request& request, const Config& config) {
  if (auto refusal = check_body(request, "application/json")) return *refusal;
  auto read = read_login(request.body);
  if (auto* refusal = std::get_if<Reply>(&read)) return std::move(*refusal);
  auto& [code, redirect_uri] = std::get<LoginFields>(read);

  if (!config.redirect_uris.empty() &&
      std::find(config.redirect_uris.begin(), config.redirect_uris.end(), redirect_uri) ==
          config.redirect_uris.end()) {
    return detail_reply(
        400,
        "This redirect_uri is not one of those that this server allows (THREADS_REDIRECT_URIS).");
  }
  // Threads appends "#_" to the redirect: people copy it along with the code.
  if (code.ends_with("#_")) code.resize(code.size() - 2);

  Exchange exchange;
  exchange.step = "exchange";
  exchange.post = true;
  exchange.url = Secret(config.api_url + "/oauth/access_token");
  exchange.form = Secret(build_form({{"client_id", config.app_id},
                                     {"client_secret", config.app_secret.reveal()},
                                     {"redirect_uri", redirect_uri},
                                     {"code", code},
                                     {"grant_type", "authorization_code"}}));
  exchange.credential = Secret(std::move(code));
  return exchange;
}

// The token of "Authorization: Bearer TOKEN" (RFC 6750 §2.1), or nothing.
std::string_view bearer_token(std::string_view authorization) {
  constexpr std::string_view kScheme = "Bearer ";
  if (!equals_ignoring_case(authorization.substr(0, kScheme.size()), kScheme)) return {};
  return trimmed(authorization.substr(kScheme.size()));
}

// The caller's token, by header or query; the header wins.
std::variant<Secret, Reply> read_token(const Request& request) {
  if (const auto token = bearer_token(request.authorization); !token.empty()) {
    if (!is_utf8(token)) return detail_reply(400, "The Authorization header is not UTF-8.");
    return Secret(std::string(token));
  }
  const auto fields = parse_form(request.query);
  if (!fields) {
    return detail_reply(400, "The query cannot be decoded: a bad percent sign, or not UTF-8.");
  }
  constexpr std::string_view kName = "access_token";
  ValidationErrors errors;
  if (count_field(*fields, kName) > 1) {
    errors.query_field_repeated(kName);
    return errors.reply();
  }
  const std::string* token = find_field(*fields, kName);
  if (token == nullptr || token->empty()) {
    errors.query_field_missing(kName);
    return errors.reply();
  }
  return Secret(*token);
}

// The text with each {name} replaced by its value, percent-encoded.
std::string fill(std::string_view text,
                 std::initializer_list<std::pair<std::string_view, std::string_view>> values) {
  std::string out(text);
  for (const auto& [name, value] : values) {
    const std::string encoded = percent_encode(value);
    for (std::size_t at = out.find(name); at != std::string::npos; at = out.find(name, at)) {
      out.replace(at, name.size(), encoded);
      at += encoded.size();
    }
  }
  return out;
}

Outcome ask_with_token(const Request& request, const Config& config, const TokenCall& call) {
  auto read = read_token(request);
  if (auto* refusal = std::get_if<Reply>(&read)) return std::move(*refusal);
  Exchange exchange;
  exchange.step = call.step;
  exchange.credential = std::move(std::get<Secret>(read));
  const std::string query = fill(call.query, {{"{token}", exchange.credential.reveal()},
                                              {"{client_secret}", config.client_secret.reveal()}});
  exchange.url = Secret(config.api_url + std::string(call.path) + "?" + query);
  return exchange;
}

}  // namespace

Outcome route(const Request& request, const Config& config) {
  if (request.query.size() > kMaxQuery) {
    return detail_reply(414, "The query is longer than 8 KiB.");
  }
  std::string allow;
  for (const Endpoint& endpoint : kEndpoints) {
    if (endpoint.path != request.path) continue;
    const bool get = endpoint.method == "GET";
    if (request.method == endpoint.method || (get && request.method == "HEAD")) {
      return endpoint.handle == nullptr ? ask_with_token(request, config, endpoint.call)
                                        : endpoint.handle(request, config);
    }
    allow.append(allow.empty() ? "" : ", ").append(get ? "GET, HEAD" : endpoint.method);
  }
  if (allow.empty()) return detail_reply(404, "Not Found");
  Reply reply = detail_reply(405, "Method Not Allowed");
  reply.headers.emplace_back("Allow", allow);
  return reply;
}

std::string_view loggable_path(std::string_view path) {
  for (const Endpoint& endpoint : kEndpoints) {
    if (endpoint.path == path) return endpoint.path;
  }
  return "-";
}
