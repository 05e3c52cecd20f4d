#include "threads/checkup.h"

#include "core/form.h"
#include "core/json.h"
#include "threads/conclude.h"

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

}  // namespace

Exchange ask_for_app_token(const Config& config, const Secret& secret) {
  Exchange exchange;
  exchange.step = Step::kAppToken;
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
  // The reply that a caller would get says the same, and nothing secret.
  const Reply reply = conclude(exchange, answer, config);
  if (reply.status == 200) return {true, both + " belong together."};
  const auto parsed = parse_json(reply.body);
  const auto& document = std::get<rapidjson::Document>(parsed);
  const std::string detail = text_member(document, "detail");
  if (answer.failure) {
    return {false, config.api_url + ": " + detail + " " + std::string(advice(*answer.failure))};
  }
  if (reply.status != 400) return {false, config.api_url + ": " + detail};
  return {false, both + ": Threads says \"" + detail + "\". " + text_member(document, "hint")};
}
