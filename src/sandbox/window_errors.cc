#include "sandbox/window_errors.h"

#include <array>

// The texts are those that people report.
std::span<const WindowError> window_errors() {
  static constexpr std::array<WindowError, 7> kErrors = {{
      {"error-1349245", kNotATester,
       "Invalid Request: The user has not accepted the invite to test the app",
       "The tester has not accepted"},
      {"error-1349168", kRedirectNotRegistered,
       "URL Blocked: This redirect failed because the redirect URI is not whitelisted in the "
       "app's Client OAuth Settings. Make sure Client and Web OAuth Login are on and add all your "
       "app domains as Valid OAuth Redirect URIs.",
       "The redirect URI is not registered"},
      {"error-1349187", kRedirectInsecure,
       "Insecure Login Blocked: You can't get an access token or log in to this app from an "
       "insecure page. Try re-loading the page as https://",
       "The redirect URI is http"},
      {"error-1349026", kWrongAppId,
       "No application data was given: There was a problem getting data for an application. The "
       "application may not be valid or there is a temporary glitch. Please try again later.",
       "The Meta app’s ID for the Threads app’s"},
      {"error-4476002", kNoAppId, "No app ID was provided in the request.", "No app ID"},
      {"error-1", kUnknown, "An unknown error has occurred.", "An unknown error"},
      {"error-application", 0,
       "Attempted to load Ent with ID 1234567890123456 as a TH__APPLICATION, but it is an "
       "APPLICATION",
       "The wrong app ID, in Meta’s own words"},
  }};
  return kErrors;
}
