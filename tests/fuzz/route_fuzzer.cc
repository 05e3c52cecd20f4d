// Requests: route() refuses or asks Threads, and neither breaks nor leaks. The
// input is six lines (method, path, query, content type, authorization, content
// length; "=" for the true one), then the body.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "check.h"
#include "core/form.h"
#include "core/utf8.h"
#include "threads/endpoints.h"

namespace {

std::string take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  std::string line(text.substr(0, end));
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

Request read_request(std::string_view text) {
  Request request;
  request.method = take_line(text);
  request.path = take_line(text);
  request.query = take_line(text);
  request.content_type = take_line(text);
  request.authorization = take_line(text);
  request.content_length = take_line(text);
  request.body = text;
  if (request.content_length == "=") request.content_length = std::to_string(text.size());
  request.host = request.authorization;  // any bytes will do
  return request;
}

void expect_field(const Fields& fields, std::string_view name, std::string_view value) {
  expect(count_field(fields, name) == 1, "a field is sent once");
  expect(*find_field(fields, name) == value, "a field is sent as it is meant");
}

void expect_sound(const Exchange& exchange, const Config& config) {
  const std::string& url = exchange.url.reveal();
  expect(url.starts_with(config.api_url + "/"), "an exchange goes to the API");
  const bool plain =
      std::all_of(url.begin(), url.end(), [](char c) { return c > 0x20 && c < 0x7F; });
  expect(plain, "a URL has no blank, control character or raw UTF-8");
  expect(std::count(url.begin(), url.end(), '?') == (exchange.post ? 0 : 1), "one query");
  expect(url.find('#') == std::string::npos, "no fragment");
  expect(exchange.post || exchange.form.empty(), "only a POST has a form");

  const std::string& credential = exchange.credential.reveal();
  expect(is_utf8(credential), "a credential is UTF-8");
  const auto fields =
      parse_form(exchange.post ? exchange.form.reveal() : url.substr(url.find('?') + 1));
  expect(fields.has_value(), "what is sent can be decoded");
  expect(exchange.post == (exchange.step == "exchange"), "only the code is sent by POST");
  expect_field(*fields, exchange.post ? "code" : "access_token", credential);
  if (exchange.post) {
    expect_field(*fields, "client_id", kAppId);
    expect_field(*fields, "client_secret", kAppSecret);
    expect_field(*fields, "grant_type", "authorization_code");
    const std::string* uri = find_field(*fields, "redirect_uri");
    expect(uri != nullptr, "a code is sent with its redirect_uri");
    expect(config.redirect_uris.empty() || *uri == config.redirect_uris.front(),
           "only an allowed redirect_uri is sent");
  } else {
    expect(!credential.empty(), "no empty token is sent");
  }
  const bool has_client_secret = count_field(*fields, "client_secret") != 0;
  expect(has_client_secret == (exchange.post || exchange.step == "long-lived"),
         "the secret is sent where Threads asks for it");
}

// A caller gets back some of what they sent, whatever it is, but learns nothing
// of the secrets: with others the reply is the same.
void expect_no_trace_of_secrets(const Request& request, Config config, const Reply& reply) {
  const bool depends_on_signature =
      request.path == "/data-deletion" || request.path == "/deauthorize";
  if (depends_on_signature) return expect_no_secret(reply);
  config.app_secret = Secret("other");
  config.client_secret = Secret("another");
  config.meta_secret = Secret("");
  const Outcome outcome = route(request, config);
  const auto* other = std::get_if<Reply>(&outcome);
  expect(other != nullptr &&
             to_cgi(*other, "0123456789abcdef", false) == to_cgi(reply, "0123456789abcdef", false),
         "a refusal tells nothing of the secrets");
}

void try_route(Request request, const Config& config) {
  const std::string_view loggable = loggable_path(request.path);
  expect(loggable == "-" || loggable == request.path, "a log shows an endpoint's path or none");

  const Outcome outcome = route(request, config);
  if (const auto* exchange = std::get_if<Exchange>(&outcome))
    return expect_sound(*exchange, config);
  const auto& reply = std::get<Reply>(outcome);
  expect_sound(reply);
  expect_no_trace_of_secrets(request, config, reply);
  const bool status_page = request.path == "/data-deletion";
  expect(status_page || reply.content_type == "application/json", "every refusal is JSON");
  if (request.method != "GET") return;
  request.method = "HEAD";
  const Outcome head = route(request, config);
  expect(std::get<Reply>(head).status == reply.status, "HEAD is answered as GET is");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Request request = read_request({reinterpret_cast<const char*>(data), size});
  static const Config open = canary_config();
  static const Config narrow = [] {
    Config config = canary_config();
    config.redirect_uris = {"https://a/auth"};
    return config;
  }();
  try_route(request, open);
  try_route(request, narrow);
  return 0;
}
