#include "threads/hints.h"

#include <algorithm>
#include <array>

namespace {

struct Cause {
  std::optional<Step> step;      // only there
  std::optional<long> code;      // must be equal where given
  std::optional<long> subcode;   // likewise
  std::string_view text;         // must be part of the message, in lower case
  std::string_view hint;
};

constexpr std::string_view kCodeSpent =
    "An authorization code works once, for one hour. Log in again to get a new one; if this "
    "happens at every login, something sends the same code twice (a reload, a link preview).";
constexpr std::string_view kRedirectDiffers =
    "redirect_uri must be, byte for byte, the one of the authorization window and one registered "
    "in the app's settings: a trailing slash, http for https or a port is enough to differ.";
constexpr std::string_view kWrongAppId =
    "THREADS_APP_ID must be the Threads app ID, which is not the Meta app's ID at the top of the "
    "dashboard: see Use cases, Access the Threads API, Settings.";
constexpr std::string_view kWrongSecret =
    "THREADS_APP_SECRET must be the Threads app secret, which is not the Meta app's: see Use cases, "
    "Access the Threads API, Settings.";
constexpr std::string_view kInvitation =
    "This person was invited as a tester but has not accepted yet: in a browser, Threads, Settings, "
    "Account, Website permissions, Invites.";
constexpr std::string_view kLongLivedAlready =
    "This token is not a short-lived one of this app; one made by the dashboard's generator is "
    "long-lived already. Refresh it instead.";
constexpr std::string_view kExpired =
    "The token has expired. A short-lived one lives one hour, a long-lived one 60 days from its "
    "last refresh; after that only a new login helps.";
constexpr std::string_view kRevoked =
    "The person has removed the app or changed the password. Only a new login helps.";
constexpr std::string_view kRefreshWindow =
    "Only a long-lived token can be refreshed, and only when it is at least 24 hours old and not "
    "older than 60 days.";
constexpr std::string_view kInvalidToken =
    "Threads does not know this token. Copy it again, whole, or log in again.";
constexpr std::string_view kRate = "Too many requests for this app or person. Wait, then try again.";
constexpr std::string_view kPermission =
    "The token lacks a permission, or the app may not use it yet: people without a role on the app "
    "need App Review first.";
constexpr std::string_view kPassing = "Trouble on Threads' side that usually passes. Try again.";

// The first match counts: from the particular to the general.
constexpr auto kAny = std::nullopt;
constexpr std::array kCauses = {
    Cause{kAny, kAny, 36009, "", kCodeSpent},
    Cause{kAny, kAny, kAny, "code was not found", kCodeSpent},
    Cause{kAny, kAny, kAny, "code has been used", kCodeSpent},
    Cause{kAny, kAny, kAny, "code has expired", kCodeSpent},
    Cause{kAny, kAny, 36008, "", kRedirectDiffers},
    Cause{kAny, kAny, kAny, "redirect", kRedirectDiffers},
    Cause{kAny, 1349168, kAny, "", kRedirectDiffers},
    Cause{kAny, kAny, kAny, "client secret", kWrongSecret},
    Cause{kAny, kAny, kAny, "client_secret", kWrongSecret},
    Cause{kAny, kAny, kAny, "accepted the invite", kInvitation},
    Cause{kAny, 1349245, kAny, "", kInvitation},
    Cause{kAny, kAny, kAny, "th__application", kWrongAppId},
    Cause{kAny, kAny, kAny, "validating application", kWrongAppId},
    Cause{kAny, kAny, kAny, "client_id", kWrongAppId},
    Cause{kAny, kAny, kAny, "client id", kWrongAppId},
    Cause{kAny, 101, kAny, "", kWrongAppId},
    Cause{Step::kLongLived, kAny, kAny, "session key invalid", kLongLivedAlready},
    Cause{kAny, kAny, 463, "", kExpired},
    Cause{kAny, kAny, kAny, "session has expired", kExpired},
    Cause{kAny, kAny, kAny, "token has expired", kExpired},
    Cause{kAny, kAny, 458, "", kRevoked},
    Cause{kAny, kAny, 460, "", kRevoked},
    Cause{kAny, 4, kAny, "", kRate},
    Cause{kAny, 17, kAny, "", kRate},
    Cause{kAny, 32, kAny, "", kRate},
    Cause{kAny, 613, kAny, "", kRate},
    Cause{Step::kRefresh, kAny, kAny, "", kRefreshWindow},
    Cause{kAny, 190, kAny, "", kInvalidToken},
    Cause{kAny, 10, kAny, "", kPermission},
    Cause{kAny, 1, kAny, "", kPassing},
    Cause{kAny, 2, kAny, "", kPassing},
};

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return out;
}

}  // namespace

std::string_view find_hint(Step step, int status, const ThreadsError& error) {
  if (status == 429) return kRate;
  const std::string message = lower(error.message);
  for (const Cause& cause : kCauses) {
    if (cause.step && *cause.step != step) continue;
    if (cause.code && cause.code != error.code) continue;
    if (cause.subcode && cause.subcode != error.subcode) continue;
    if (message.find(cause.text) == std::string::npos) continue;
    return cause.hint;
  }
  if (error.code && *error.code >= 200 && *error.code <= 299) return kPermission;
  return {};
}
