#include "threads/callbacks.h"

#include "core/form.h"
#include "core/json.h"
#include "threads/body.h"
#include "threads/signed_request.h"
#include "threads/url.h"

namespace {

// The user that a callback is about, or why it is refused.
std::variant<std::string, Reply> read_callback(const Request& request, const Config& config) {
  if (auto refusal = check_body(request, "application/x-www-form-urlencoded")) return *refusal;
  const auto fields = parse_form(request.body);
  constexpr std::string_view kName = "signed_request";
  if (!fields || count_field(*fields, kName) != 1) {
    return detail_reply(400, "Send one form field signed_request, as Meta does.");
  }
  auto user = read_signed_request(
      *find_field(*fields, kName),
      {config.app_secret.reveal(), config.client_secret.reveal(), config.meta_secret.reveal()});
  if (!user) {
    return detail_reply(400,
                        "The signed_request is not signed by this app's secret, or is malformed.");
  }
  return std::move(*user);
}

bool is_host(std::string_view host) {
  constexpr std::string_view kAllowed =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-:[]";
  return !host.empty() && host.size() <= 255 &&
         host.find_first_not_of(kAllowed) == std::string_view::npos;
}

// Where people reach this service: the origin of the first configured redirect URI, else of the
// Host that Meta called. Meta calls https addresses only, so https is right even where a tunnel or
// a proxy passes the call on as http. A Host that is this machine (somebody's own test) may be
// http.
std::string origin_of_service(const Request& request, const Config& config) {
  if (!config.redirect_uris.empty()) {
    const std::string& uri = config.redirect_uris.front();
    return uri.substr(0, uri.find_first_of("/?#", uri.find("://") + 3));
  }
  const std::string host = is_host(request.host) ? request.host : "localhost";
  const std::string plain = "http://" + host;
  const auto url = read_url(plain);
  const bool is_local = url && is_loopback(url->host);
  return is_local && !request.https ? plain : "https://" + host;
}

std::string status_page(std::string_view heading, std::string_view text) {
  std::string page = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Data deletion</title>
<link rel="icon" href="/static/favicon.svg">
<link rel="stylesheet" href="/static/app.css">
</head>
<body>
<main>
)";
  page.append("<h1>").append(heading).append("</h1>\n<p>").append(text).append("</p>\n");
  page += "</main>\n</body>\n</html>\n";
  return page;
}

}  // namespace

Outcome deauthorize(const Request& request, const Config& config) {
  auto read = read_callback(request, config);
  if (auto* refusal = std::get_if<Reply>(&read)) return std::move(*refusal);
  return json_reply(200, "{}");
}

Outcome delete_data(const Request& request, const Config& config) {
  auto read = read_callback(request, config);
  if (auto* refusal = std::get_if<Reply>(&read)) return std::move(*refusal);
  const std::string code =
      confirmation_code(std::get<std::string>(read), config.app_secret.reveal());
  const std::string url = origin_of_service(request, config) + "/data-deletion?code=" + code;
  return json_reply(
      200, "{\"url\":" + quote_json(url) + ",\"confirmation_code\":" + quote_json(code) + "}");
}

Outcome deletion_status(const Request& request, const Config& config) {
  const auto fields = parse_form(request.query);
  const std::string* code = fields ? find_field(*fields, "code") : nullptr;
  const bool known = code != nullptr && is_confirmation_code(*code, config.app_secret.reveal());
  Reply reply;
  reply.content_type = "text/html; charset=utf-8";
  reply.headers.emplace_back(
      "Content-Security-Policy",
      "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
      "frame-ancestors 'none'");
  if (known) {
    reply.body = status_page("Nothing is left to delete",
                             "Your request with confirmation code <code>" + *code +
                                 "</code> is complete. This service stores nothing about anyone: "
                                 "it passes a login on to "
                                 "Threads and its answer on to your browser, and forgets both.");
  } else {
    reply.status = 404;
    reply.body =
        status_page("This code is not known here",
                    "The address has no confirmation code of this service, or the app's secret was "
                    "changed since "
                    "the code was given. In either case this service stores nothing about anyone.");
  }
  return reply;
}
