// The consent page: one card. All that comes from outside goes through escape_html().
#include "sandbox/consent_page.h"

#include <algorithm>
#include <array>
#include <utility>

#include "sandbox/page.h"
#include "sandbox/window_errors.h"

namespace {

struct Permission {
  std::string_view scope;
  std::string_view line;
};

// Meta, "Get Access Tokens and Permissions", in our words. More may come: a scope that is not here
// is shown by its name.
constexpr std::array<Permission, 11> kPermissions = {{
    {"threads_basic", "See your profile and your posts"},
    {"threads_content_publish", "Publish posts for you"},
    {"threads_read_replies", "Read the replies to your posts"},
    {"threads_manage_replies", "Reply for you, and hide or show replies"},
    {"threads_manage_insights", "See how your posts and profile perform"},
    {"threads_keyword_search", "Search public posts by keyword"},
    {"threads_profile_discovery", "Look up public profiles"},
    {"threads_manage_mentions", "See the posts that mention you"},
    {"threads_delete", "Delete your posts"},
    {"threads_location_tagging", "Add locations to your posts"},
    {"threads_share_to_instagram", "Share your posts to Instagram stories"},
}};

std::string permission_item(const std::string& scope) {
  const auto* known = std::find_if(kPermissions.begin(), kPermissions.end(),
                                   [&](const Permission& p) { return p.scope == scope; });
  std::string item = "<li>";
  if (known != kPermissions.end()) item.append(known->line).append(" ");
  return item + "<code>" + escape_html(scope) + "</code></li>\n";
}

std::string hidden_field(const std::string& name, const std::string& value) {
  return "<input type=\"hidden\" name=\"" + escape_html(name) + "\" value=\"" + escape_html(value) +
         "\">\n";
}

// What never comes back to the app: Meta shows it on its own page.
std::string error_choice() {
  std::string html =
      "<details>\n<summary>Rehearse an error</summary>\n"
      "<p class=\"quiet\">Threads shows these on its own page, as raw JSON: nobody returns to the "
      "app.</p>\n<div class=\"errors\">\n";
  for (const WindowError& error : window_errors()) {
    html.append("<button form=\"window\" name=\"decision\" value=\"").append(error.decision);
    html.append("\">").append(escape_html(error.line));
    if (error.code != 0) html += " <code>" + std::to_string(error.code) + "</code>";
    html += "</button>\n";
  }
  return html + "</div>\n</details>\n";
}

}  // namespace

Reply consent_page(const Consent& consent) {
  std::string html = "<div class=\"card\">\n<h1>Allow this app to use your account?</h1>\n";
  html +=
      "<p class=\"who\"><span class=\"face\" aria-hidden=\"true\">S</span>"
      "<span><b>" +
      escape_html(consent.username) + "</b> <span class=\"quiet\">is asked by app " +
      escape_html(consent.app_id) + "</span></span></p>\n";
  html += "<h2>The app would be able to</h2>\n<ul>\n";
  for (const std::string& scope : consent.scopes) html += permission_item(scope);
  html += "</ul>\n<form method=\"post\" action=\"authorize\" id=\"window\">\n";
  for (const auto& [name, value] : consent.request) html += hidden_field(name, value);
  html +=
      "<div class=\"choice\">\n"
      "<button class=\"allow\" name=\"decision\" value=\"allow\">Allow</button>\n"
      "<button name=\"decision\" value=\"deny\">Deny</button>\n"
      "</div>\n</form>\n";
  html += "<p class=\"back quiet\">Either way you return to <b>" +
          escape_html(consent.destination) + "</b></p>\n" + error_choice() + "</div>\n";
  html +=
      "<p class=\"more quiet\"><a href=\"../sandbox\">Let time pass, or let the API fail</a></p>\n";
  return html_page("Allow access?", html);
}
