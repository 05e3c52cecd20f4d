// The sandbox's rules: what Meta documents of the window and of the API, with its two error shapes.
// Where Meta documents nothing, a comment says that the choice is ours.
#include "sandbox/sandbox.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "core/json.h"
#include "sandbox/consent_page.h"
#include "sandbox/window_errors.h"

namespace {

constexpr std::string_view kUserId = "17841405793187219";  // beyond 2^53, as real ones are
constexpr std::string_view kUsername = "sandbox.user";
constexpr std::string_view kApplication = "Threads Sandbox";
constexpr std::string_view kPicturePath = "/static/favicon.svg";
constexpr std::string_view kDenied =
    "error=access_denied&error_reason=user_denied"
    "&error_description=The+user+denied+your+request";
// Real codes and tokens are of this size; whoever stores or shows them should meet that here.
constexpr std::size_t kSecretLength = 140;

std::string random_text(const Moment& moment, std::size_t length) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text = moment.random(length);
  for (char& c : text) c = kAlphabet[static_cast<unsigned char>(c) % kAlphabet.size()];
  return text;
}

// The shape of the Graph API (Meta, Graph API, "Handle Errors"). HTTP 400 whatever the code.
Reply graph_error(const Moment& moment, std::string_view message, int code, int subcode = 0) {
  std::string body = "{\"error\":{\"message\":" + quote_json(message) +
                     ",\"type\":\"OAuthException\",\"code\":" + std::to_string(code);
  if (subcode != 0) body += ",\"error_subcode\":" + std::to_string(subcode);
  body += ",\"fbtrace_id\":" + quote_json('A' + random_text(moment, 22)) + "}}";
  return json_reply(400, std::move(body));
}

// The other shape (Meta, "Get Access Tokens and Permissions"), which is Instagram's older one.
Reply code_not_found() {
  return json_reply(400, R"({"error_type":"OAuthException","code":400,)"
                         R"("error_message":"Matching code was not found or was already used"})");
}

// The window's own errors: JSON shown to the person, nothing goes back to the app.
Reply window_error(std::string_view message, int code) {
  std::string body = "{\"error_message\":" + quote_json(message);
  if (code != 0) body += ",\"error_code\":" + std::to_string(code);
  return json_reply(400, body + "}");
}

Reply window_error(int code) {
  const auto errors = window_errors();
  const auto error =
      std::find_if(errors.begin(), errors.end(), [&](const auto& e) { return e.code == code; });
  return window_error(error->message, error->code);
}

// The value of a field, empty if it is missing: no rule here tells the two apart.
std::string_view value_of(const Fields& fields, std::string_view name) {
  const std::string* value = find_field(fields, name);
  return value != nullptr ? std::string_view(*value) : std::string_view();
}

// Items between commas or spaces, none twice, in the order of the text.
std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(", "), text.size());
    std::string item(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!item.empty() && std::find(items.begin(), items.end(), item) == items.end()) {
      items.push_back(std::move(item));
    }
  }
  return items;
}

bool contains(const std::vector<std::string>& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

std::string quote_json_list(const std::vector<std::string>& items) {
  std::string out = "[";
  for (const std::string& item : items) {
    if (out.size() > 1) out += ',';
    out += quote_json(item);
  }
  return out + ']';
}

// An absolute web address, as far as the window must understand it.
struct WebAddress {
  bool https = false;
  std::string_view host;       // of an IPv6 address with its brackets
  std::string_view authority;  // host and port
  std::string_view origin;     // scheme and authority
};

// Nothing for what a redirect must not go to: another scheme, a user in front of the host, a
// fragment (RFC 6749 §3.1.2), or a byte that RFC 3986 has no place for, a line break above all.
std::optional<WebAddress> parse_web_address(std::string_view uri) {
  constexpr std::string_view kUriCharacters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?[]@!$&'()*+,;=%";
  constexpr std::string_view kSecure = "https://";
  constexpr std::string_view kPlain = "http://";
  if (uri.find_first_not_of(kUriCharacters) != std::string_view::npos) return std::nullopt;

  WebAddress address;
  address.https = uri.substr(0, kSecure.size()) == kSecure;
  if (!address.https && uri.substr(0, kPlain.size()) != kPlain) return std::nullopt;
  const std::size_t start = address.https ? kSecure.size() : kPlain.size();
  const std::size_t end = std::min(uri.find_first_of("/?", start), uri.size());
  address.origin = uri.substr(0, end);
  address.authority = uri.substr(start, end - start);

  const std::size_t bracket = address.authority.find(']');
  const std::size_t colon =
      address.authority.find(':', bracket == std::string_view::npos ? 0 : bracket);
  address.host = address.authority.substr(0, colon);
  const std::string_view port =
      colon == std::string_view::npos ? "" : address.authority.substr(colon + 1);
  const bool port_is_number = port.find_first_not_of("0123456789") == std::string_view::npos;
  if (address.host.empty() || address.authority.find('@') != std::string_view::npos ||
      !port_is_number) {
    return std::nullopt;
  }
  return address;
}

bool is_this_machine(std::string_view host) {
  return host == "localhost" || host == "127.0.0.1" || host == "[::1]";
}

// A request to the window that may be put before the person.
struct Authorization {
  std::string redirect_uri;
  std::vector<std::string> scopes;
};

// Meta, "Get Access Tokens and Permissions", step 1. The numbers up to the redirect_uri are those
// that people report; for the two after it none is known, 100 is Graph's "invalid parameter".
std::variant<Authorization, Reply> read_authorization(const Fields& fields,
                                                      const SandboxConfig& config) {
  const std::string_view client_id = value_of(fields, "client_id");
  if (client_id.empty()) return window_error(kNoAppId);
  if (client_id != config.app_id) return window_error(kWrongAppId);

  const std::string redirect_uri(value_of(fields, "redirect_uri"));
  const auto address = parse_web_address(redirect_uri);
  // A rehearsal may come back to this machine without TLS; the real window never does.
  if (address && !address->https && !is_this_machine(address->host)) {
    return window_error(kRedirectInsecure);
  }
  if (!address ||
      (!config.redirect_uris.empty() && !contains(config.redirect_uris, redirect_uri))) {
    return window_error(kRedirectNotRegistered);
  }

  if (value_of(fields, "response_type") != "code") {
    return window_error("Invalid response_type: it must be \"code\".", 100);
  }
  auto scopes = split_list(value_of(fields, "scope"));
  if (!contains(scopes, "threads_basic")) {
    return window_error("Invalid scope: threads_basic is required.", 100);
  }
  return Authorization{redirect_uri, std::move(scopes)};
}

// Seconds of a duration such as "59d", "1h" or "90s"; nothing for what is none. Ten years are
// enough.
std::optional<std::int64_t> parse_duration(std::string_view text) {
  constexpr std::size_t kMaxDigits = 9;
  if (text.size() < 2 || text.size() > kMaxDigits + 1) return std::nullopt;
  const char letter = text.back();
  const std::int64_t unit = letter == 'd' ? kDay : letter == 'h' ? kHour : letter == 's' ? 1 : 0;
  text.remove_suffix(1);
  if (unit == 0 || text.find_first_not_of("0123456789") != std::string_view::npos) {
    return std::nullopt;
  }
  const std::int64_t seconds = std::stoll(std::string(text)) * unit;
  if (seconds > kMaxPassed) return std::nullopt;
  return seconds;
}

Reply redirect(std::string location) {
  Reply reply;
  reply.status = 302;
  reply.content_type = "text/plain; charset=utf-8";
  reply.headers.emplace_back("Location", std::move(location));
  return reply;
}

// Forgets what `is_over` says is over, and the oldest where one more would be too many.
template <typename Item, typename Predicate>
void make_room(std::deque<Item>& items, std::size_t limit, Predicate is_over) {
  std::erase_if(items, is_over);
  while (items.size() >= limit) items.pop_front();
}

Reply method_not_allowed(const Moment& moment, const std::string& allow) {
  Reply reply = graph_error(moment, "Unsupported request method.", 100);
  reply.status = 405;
  reply.headers.emplace_back("Allow", allow);
  return reply;
}

}  // namespace

Sandbox::Sandbox(SandboxConfig config) : config_(std::move(config)) {}

const std::vector<Sandbox::Endpoint>& Sandbox::endpoints() {
  static const std::vector<Endpoint> table = {
      {"GET", "/oauth/authorize", &Sandbox::show_window, false},
      {"POST", "/oauth/authorize", &Sandbox::decide, false},
      {"POST", "/oauth/access_token", &Sandbox::exchange_code, true},
      {"GET", "/oauth/access_token", &Sandbox::app_token, true},
      {"GET", "/access_token", &Sandbox::long_lived_token, true},
      {"GET", "/refresh_access_token", &Sandbox::refreshed_token, true},
      {"GET", "/me", &Sandbox::me, true},
      {"GET", "/v1.0/me", &Sandbox::me, true},
      {"GET", "/v1.0/debug_token", &Sandbox::debug_token, true},
      {"GET", "/sandbox", &Sandbox::show_control, false},
      {"POST", "/sandbox/clock", &Sandbox::pass_time, false},
      {"POST", "/sandbox/mode", &Sandbox::choose_mode, false},
  };
  return table;
}

std::string_view Sandbox::loggable_path(std::string_view path) {
  for (const Endpoint& endpoint : endpoints()) {
    if (endpoint.path == path) return endpoint.path;
  }
  return "-";
}

bool Sandbox::is_late(std::string_view path) const {
  return mode_ == Mode::kSlow &&
         std::any_of(endpoints().begin(), endpoints().end(), [&](const Endpoint& endpoint) {
           return endpoint.api && endpoint.path == path;
         });
}

Reply Sandbox::handle(const Request& request, const Moment& real) {
  const Moment moment{real.now + passed_, real.random};
  const std::string method = request.method == "HEAD" ? "GET" : request.method;
  const Endpoint* endpoint = nullptr;
  std::string allow;
  for (const Endpoint& row : endpoints()) {
    if (row.path != request.path) continue;
    if (!allow.empty()) allow += ", ";
    allow += row.method == "GET" ? "GET, HEAD" : row.method;
    if (row.method == method) endpoint = &row;
  }
  if (allow.empty()) {
    Reply reply = graph_error(moment, "Unknown path components.", 2500);
    reply.status = 404;
    return reply;
  }
  if (endpoint == nullptr) return method_not_allowed(moment, allow);

  // With these limits kMaxCodes and kMaxTokens bound the memory too.
  if (request.body.size() > kMaxBody || request.query.size() > kMaxQuery) {
    return graph_error(moment, "The request is too large.", 100);
  }
  constexpr std::string_view kForm = "application/x-www-form-urlencoded";
  const bool post = method == "POST";
  if (post && request.content_type.compare(0, kForm.size(), kForm) != 0) {
    return graph_error(moment, "The body must be a form.", 100);
  }
  const auto fields = parse_form(post ? request.body : request.query);
  if (!fields) return graph_error(moment, "The parameters cannot be decoded.", 100);
  if (endpoint->api && mode_ == Mode::kError) {
    Reply reply = graph_error(moment, "An unknown error has occurred.", 1);
    reply.status = 500;
    return reply;
  }
  Reply reply = (this->*endpoint->handler)(*fields, moment);
  if (endpoint->api && mode_ == Mode::kBroken) reply.body.resize(reply.body.size() / 2);
  return reply;
}

Reply Sandbox::show_window(const Fields& fields, const Moment& /*moment*/) {
  auto read = read_authorization(fields, config_);
  if (auto* error = std::get_if<Reply>(&read)) return std::move(*error);
  const auto& asked = std::get<Authorization>(read);

  Consent consent;
  consent.app_id = config_.app_id;
  consent.username = kUsername;
  consent.scopes = asked.scopes;
  consent.destination = parse_web_address(asked.redirect_uri)->authority;
  for (const std::string_view name :
       {"client_id", "redirect_uri", "scope", "response_type", "state"}) {
    if (const std::string* value = find_field(fields, name)) {
      consent.request.emplace_back(name, *value);
    }
  }
  return consent_page(consent);
}

// The form comes from a page in the person's hands: everything is judged again.
Reply Sandbox::decide(const Fields& fields, const Moment& moment) {
  auto read = read_authorization(fields, config_);
  if (auto* error = std::get_if<Reply>(&read)) return std::move(*error);
  auto& asked = std::get<Authorization>(read);

  const std::string_view decision = value_of(fields, "decision");
  for (const WindowError& error : window_errors()) {
    if (error.decision == decision) return window_error(error.message, error.code);
  }
  if (decision != "allow" && decision != "deny") {
    return window_error("Invalid decision: it must be \"allow\", \"deny\" or an error's.", 100);
  }
  std::string location = asked.redirect_uri;
  location += location.find('?') == std::string::npos ? '?' : '&';
  if (decision == "allow") {
    Code code;
    code.text = "AQ" + random_text(moment, kSecretLength);
    code.redirect_uri = std::move(asked.redirect_uri);
    code.scopes = std::move(asked.scopes);
    code.expires = moment.now + kCodeLifetime;
    location += build_form({{"code", add_code(std::move(code), moment.now).text}});
  } else {
    location += kDenied;
  }
  // Whether Meta sends state along with a denial is not documented; RFC 6749 §4.1.2.1 demands it.
  if (const std::string* state = find_field(fields, "state")) {
    location += '&' + build_form({{"state", *state}});
  }
  if (decision == "allow") location += "#_";
  return redirect(std::move(location));
}

Reply Sandbox::show_control(const Fields& /*fields*/, const Moment& /*moment*/) {
  return control_page({passed_, mode_});
}

Reply Sandbox::pass_time(const Fields& fields, const Moment& /*moment*/) {
  const std::string_view text = value_of(fields, "pass");
  const auto seconds = text == "none" ? -passed_ : parse_duration(text);
  if (!seconds || passed_ + *seconds > kMaxPassed) {
    return detail_reply(400, "pass must be like 59d, 1h or 90s, ten years in all; or none.");
  }
  passed_ += *seconds;
  return redirect("/sandbox");
}

Reply Sandbox::choose_mode(const Fields& fields, const Moment& /*moment*/) {
  const std::string_view mode = value_of(fields, "mode");
  if (mode == "normal") {
    mode_ = Mode::kNormal;
  } else if (mode == "slow") {
    mode_ = Mode::kSlow;
  } else if (mode == "error") {
    mode_ = Mode::kError;
  } else if (mode == "broken") {
    mode_ = Mode::kBroken;
  } else {
    return detail_reply(400, "mode must be normal, slow, error or broken.");
  }
  return redirect("/sandbox");
}

// Compares plainly: there is nothing to guess in a sandbox whose secret is no secret.
std::optional<Reply> Sandbox::refuse_client(const Fields& fields, const Moment& moment) const {
  const std::string_view client_id = value_of(fields, "client_id");
  if (client_id.empty()) return graph_error(moment, "Missing client_id parameter.", 101);
  if (client_id != config_.app_id) {
    return graph_error(moment,
                       "Error validating application. Cannot get application info due to a system "
                       "error.",
                       101);
  }
  const std::string_view secret = value_of(fields, "client_secret");
  if (secret.empty()) return graph_error(moment, "Missing client_secret parameter.", 1);
  if (secret != config_.app_secret.reveal()) {
    return graph_error(moment, "Error validating client secret.", 1);
  }
  return std::nullopt;
}

// Meta, "Get Access Tokens and Permissions", step 2. A code is bound to its client_id by there
// being but one, on both sides. It is used up by success alone: after a wrong redirect_uri or
// secret the person who rehearses may correct the mistake and send it again. (Meta says nothing.)
Reply Sandbox::exchange_code(const Fields& fields, const Moment& moment) {
  if (auto refusal = refuse_client(fields, moment)) return *refusal;
  if (value_of(fields, "grant_type") != "authorization_code") {
    return graph_error(moment, "Invalid grant_type: it must be \"authorization_code\".", 100);
  }
  const std::string_view text = value_of(fields, "code");
  const auto code =
      std::find_if(codes_.begin(), codes_.end(), [&](const Code& c) { return c.text == text; });
  if (code == codes_.end() || code->expires <= moment.now) return code_not_found();
  if (code->used) {
    return graph_error(moment, "This authorization code has been used", 100, 36009);
  }
  if (code->redirect_uri != value_of(fields, "redirect_uri")) {
    return graph_error(moment,
                       "Error validating verification code. Please make sure your redirect_uri is "
                       "identical to the one you used in the OAuth dialog request",
                       100, 36008);
  }
  code->used = true;

  Token token;
  token.text = "THQV" + random_text(moment, kSecretLength);
  token.home = parse_web_address(code->redirect_uri)->origin;
  token.scopes = code->scopes;
  token.issued = moment.now;
  token.expires = moment.now + kShortLifetime;
  // user_id is a number here and a string everywhere else (Meta's own examples).
  return json_reply(
      200, "{\"access_token\":" + quote_json(add_token(std::move(token), moment.now).text) +
               ",\"user_id\":" + std::string(kUserId) + "}");
}

// Meta, "App Access Tokens". Nothing here takes such a token, so it is not remembered.
Reply Sandbox::app_token(const Fields& fields, const Moment& moment) {
  if (auto refusal = refuse_client(fields, moment)) return *refusal;
  if (value_of(fields, "grant_type") != "client_credentials") {
    return graph_error(moment, "Invalid grant_type: it must be \"client_credentials\".", 100);
  }
  return json_reply(
      200, "{\"access_token\":" +
               quote_json("TH|" + config_.app_id + '|' + random_text(moment, kSecretLength)) +
               ",\"token_type\":\"bearer\"}");
}

// Meta, "Long-Lived Access Tokens".
Reply Sandbox::long_lived_token(const Fields& fields, const Moment& moment) {
  if (value_of(fields, "grant_type") != "th_exchange_token") {
    return graph_error(moment, "Invalid grant_type: it must be \"th_exchange_token\".", 100);
  }
  const Secret& secret = config_.client_secret.empty() ? config_.app_secret : config_.client_secret;
  if (value_of(fields, "client_secret") != secret.reveal()) {
    return graph_error(moment, "Error validating client secret.", 1);
  }
  if (auto refusal = refuse_token(fields, moment)) return *refusal;
  const Token& token = *find_token(fields, "access_token");
  if (token.long_lived) {
    return graph_error(moment,
                       "Session key invalid. This could be because the session key has an "
                       "incorrect format, or because the user has revoked this session",
                       452);
  }
  return long_lived_reply(token, moment);
}

// Meta, "Long-Lived Access Tokens", refresh. It documents the conditions but not what is answered
// when one is not met: these two messages are ours.
Reply Sandbox::refreshed_token(const Fields& fields, const Moment& moment) {
  if (value_of(fields, "grant_type") != "th_refresh_token") {
    return graph_error(moment, "Invalid grant_type: it must be \"th_refresh_token\".", 100);
  }
  if (auto refusal = refuse_token(fields, moment)) return *refusal;
  const Token& token = *find_token(fields, "access_token");
  if (!token.long_lived) {
    return graph_error(moment, "Only a long-lived access token can be refreshed.", 100);
  }
  if (moment.now - token.issued < kRefreshableFrom) {
    return graph_error(
        moment, "The access token must be at least 24 hours old before it can be refreshed.", 100);
  }
  return long_lived_reply(token, moment);
}

// A new token beside the old one, which stays valid until its own end.
Reply Sandbox::long_lived_reply(const Token& from, const Moment& moment) {
  Token token = from;
  token.text = "THQV" + random_text(moment, kSecretLength);
  token.long_lived = true;
  token.issued = moment.now;
  token.expires = moment.now + kLongLifetime;
  return json_reply(
      200, "{\"access_token\":" + quote_json(add_token(std::move(token), moment.now).text) +
               ",\"token_type\":\"bearer\",\"expires_in\":" + std::to_string(kLongLifetime) + "}");
}

// Meta, "Threads Profiles". Without `fields` the API gives the id alone.
Reply Sandbox::me(const Fields& fields, const Moment& moment) {
  if (auto refusal = refuse_token(fields, moment)) return *refusal;
  const Token& token = *find_token(fields, "access_token");
  const std::vector<std::pair<std::string_view, std::string>> profile = {
      {"username", quote_json(kUsername)},
      {"name", quote_json("Zoë Sandbox")},
      {"threads_profile_picture_url", quote_json(token.home + std::string(kPicturePath))},
      {"threads_biography", quote_json("Nobody in particular. I only exist while you rehearse.")},
      {"is_verified", "false"},
  };
  std::string body = "{\"id\":" + quote_json(kUserId);
  for (const std::string& field : split_list(value_of(fields, "fields"))) {
    if (field == "id") continue;
    const auto known = std::find_if(profile.begin(), profile.end(),
                                    [&](const auto& entry) { return entry.first == field; });
    if (known == profile.end()) {
      return graph_error(moment, "Tried accessing nonexisting field (" + field + ")", 100);
    }
    body += ',' + quote_json(field) + ':' + known->second;
  }
  return json_reply(200, body + "}");
}

// Meta, "Debug Access Token". The access_token must be good; about the input_token the answer
// tells, good or not. The times are as the caller's clock has them: that one has not moved, so what
// has passed here makes them earlier.
Reply Sandbox::debug_token(const Fields& fields, const Moment& moment) {
  if (auto refusal = refuse_token(fields, moment)) return *refusal;
  if (value_of(fields, "input_token").empty()) {
    return graph_error(moment, "The parameter input_token is required.", 100);
  }
  const Token* token = find_token(fields, "input_token");
  if (token == nullptr) {
    return json_reply(200, R"({"data":{"error":{"code":190,)"
                           R"("message":"Invalid OAuth access token - Cannot parse access token"},)"
                           R"("is_valid":false,"scopes":[]}})");
  }
  const bool valid = moment.now < token->expires;
  const auto shown = [&](std::int64_t time) { return std::to_string(time - passed_); };
  std::string body = "{\"data\":{\"type\":\"USER\",\"application\":" + quote_json(kApplication);
  if (!valid) {
    body +=
        R"(,"error":{"code":190,"message":"Error validating access token: Session has expired.",)"
        R"("subcode":463})";
  }
  body += ",\"data_access_expires_at\":" + shown(token->issued + kGrantLifetime) +
          ",\"expires_at\":" + shown(token->expires) +
          ",\"is_valid\":" + (valid ? "true" : "false") + ",\"issued_at\":" + shown(token->issued) +
          ",\"scopes\":" + quote_json_list(token->scopes) + ",\"user_id\":" + quote_json(kUserId) +
          "}}";
  return json_reply(200, std::move(body));
}

std::optional<Reply> Sandbox::refuse_token(const Fields& fields, const Moment& moment) const {
  if (value_of(fields, "access_token").empty()) {
    return graph_error(moment, "An access token is required to request this resource.", 104);
  }
  const Token* token = find_token(fields, "access_token");
  if (token == nullptr) {
    return graph_error(moment, "Invalid OAuth access token - Cannot parse access token", 190);
  }
  if (token->expires <= moment.now) {
    return graph_error(moment, "Error validating access token: Session has expired.", 190, 463);
  }
  return std::nullopt;
}

const Sandbox::Token* Sandbox::find_token(const Fields& fields, std::string_view name) const {
  const std::string_view text = value_of(fields, name);
  const auto token =
      std::find_if(tokens_.begin(), tokens_.end(), [&](const Token& t) { return t.text == text; });
  return token == tokens_.end() ? nullptr : &*token;
}

const Sandbox::Code& Sandbox::add_code(Code code, std::int64_t now) {
  make_room(codes_, kMaxCodes, [&](const Code& c) { return c.expires <= now; });
  return codes_.emplace_back(std::move(code));
}

const Sandbox::Token& Sandbox::add_token(Token token, std::int64_t now) {
  make_room(tokens_, kMaxTokens, [&](const Token& t) { return t.expires + kExpiredKept <= now; });
  return tokens_.emplace_back(std::move(token));
}
