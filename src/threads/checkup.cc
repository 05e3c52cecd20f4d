#include "threads/checkup.h"

#include "core/form.h"
#include "core/json.h"
#include "threads/conclude.h"
#include "threads/url.h"

namespace {

std::string_view advice(Failure failure) {
  switch (failure) {
    case Failure::kResolve:
      return "Look at this machine's DNS (/etc/resolv.conf), and at THREADS_API_URL.";
    case Failure::kConnect:
      return "This machine must be allowed to connect there: look at firewall and proxy.";
    case Failure::kTls:
      return "Is the clock right, is ca-certificates installed? A proxy with a CA of its own needs "
             "THREADS_CA_FILE.";
    case Failure::kTimeout: return "Try again, or set a longer THREADS_TIMEOUT.";
    case Failure::kBroken:
    case Failure::kTooLarge: return "Is that Threads' API, at THREADS_API_URL?";
  }
  return {};
}

std::string text_member(const rapidjson::Value& object, std::string_view name) {
  const auto* text = find_member(object, name);
  return text != nullptr && text->IsString() ? std::string(text_of(*text)) : std::string();
}

// Why Meta's dashboard or window would refuse the redirect URI, empty if it would not.
std::string_view refused_by_meta(const Url& uri) {
  const bool is_local = is_loopback(uri.host) || uri.host == "localhost.";
  if (is_local) return "points to this machine: use a public host name, or a tunnel";
  if (uri.scheme != "https") return "is not https: get a certificate";
  return is_address(uri.host) ? "has an IP address: use a host name" : "";
}

}  // namespace

std::vector<std::string> warnings(const Config& config) {
  std::vector<std::string> found;
  if (config.client_secret.reveal() != config.app_secret.reveal()) {
    found.emplace_back(
        "THREADS_CLIENT_SECRET is not THREADS_APP_SECRET: in the dashboard they are the same one.");
  }
  if (config.sandbox) return found;
  for (const std::string& text : config.redirect_uris) {
    const auto uri = read_url(text);
    const auto reason = uri ? refused_by_meta(*uri) : "";
    if (reason.empty()) continue;
    found.push_back("THREADS_REDIRECT_URIS: Meta refuses " + text + ", which " +
                    std::string(reason) + ".");
  }
  return found;
}

Exchange ask_for_app_token(const Config& config, const Secret& secret) {
  Exchange exchange;
  exchange.step = "app-token";
  exchange.url = Secret(config.api_url + "/oauth/access_token?" +
                        build_form({{"client_id", config.app_id},
                                    {"client_secret", secret.reveal()},
                                    {"grant_type", "client_credentials"}}));
  exchange.credential = secret;
  return exchange;
}

Finding judge_app_token(std::string_view secret_name, const Exchange& exchange,
                        const Answer& answer, const Config& config) {
  const std::string both = "THREADS_APP_ID and " + std::string(secret_name);
  // The reply that a caller would get: it has nothing secret in it, but for the token on success.
  const Reply reply = conclude(exchange, answer, config);
  const auto parsed = parse_json(reply.body);
  const auto& told = std::get<rapidjson::Document>(parsed);
  const std::string detail = text_member(told, "detail");
  if (answer.failure) {
    return {false, config.api_url + ": " + detail + " " + std::string(advice(*answer.failure))};
  }
  if (!text_member(told, "access_token").empty()) return {true, both + " belong together."};
  // Only a refusal that we know has a hint.
  if (find_member(told, "hint") != nullptr) {
    return {false, both + ": Threads says \"" + detail + "\" " + text_member(told, "hint")};
  }
  return {false, config.api_url + ": " +
                     (reply.status == 200 ? "Threads answered without a token." : detail) +
                     " If that is not Threads' API: look at THREADS_API_URL."};
}
