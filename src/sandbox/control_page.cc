#include "sandbox/control_page.h"

#include <string>
#include <string_view>

#include "sandbox/page.h"

namespace {

constexpr std::int64_t kSecondsOfHour = 3600;
constexpr std::int64_t kSecondsOfDay = 24 * kSecondsOfHour;

void append_amount(std::string& text, std::int64_t count, std::string_view unit) {
  if (count == 0) return;
  if (!text.empty()) text += ", ";
  text.append(std::to_string(count)).append(" ").append(unit).append(count == 1 ? "" : "s");
}

std::string duration(std::int64_t seconds) {
  std::string text;
  append_amount(text, seconds / kSecondsOfDay, "day");
  append_amount(text, seconds % kSecondsOfDay / kSecondsOfHour, "hour");
  append_amount(text, seconds % kSecondsOfHour, "second");
  return text;
}

std::string button(std::string_view name, std::string_view value, std::string_view text) {
  return std::string("<button name=\"")
      .append(name)
      .append("\" value=\"")
      .append(value)
      .append("\">")
      .append(text)
      .append("</button>\n");
}

// One of several that exclude each other.
std::string mode_button(Mode mode, Mode chosen, std::string_view value, std::string_view text) {
  std::string html = button("mode", value, text);
  return html.insert(html.find('>'),
                     mode == chosen ? " aria-pressed=\"true\"" : " aria-pressed=\"false\"");
}

}  // namespace

Reply control_page(const Control& control) {
  std::string html = "<div class=\"card\">\n<h1>Time and trouble</h1>\n<p class=\"state\">";
  html += control.passed == 0 ? "The sandbox lives in the present."
                              : "<b>" + duration(control.passed) +
                                    "</b> passed: every code and token is that much older.";
  html +=
      "</p>\n<h2>Let time pass</h2>\n<form method=\"post\" action=\"sandbox/clock\">\n"
      "<div class=\"row\">\n";
  html += button("pass", "1d", "A day") + button("pass", "59d", "59 days") +
          button("pass", "61d", "61 days") + button("pass", "none", "Back to now");
  html +=
      "</div>\n<p class=\"quiet\">A code and a short-lived token live for an hour. A long-lived "
      "token "
      "lives for 60 days, and can be refreshed once it is 24 hours old.</p>\n</form>\n";
  html +=
      "<h2>The API answers</h2>\n<form method=\"post\" action=\"sandbox/mode\">\n"
      "<div class=\"row\">\n";
  html += mode_button(Mode::kNormal, control.mode, "normal", "As it should") +
          mode_button(Mode::kSlow, control.mode, "slow", "Too late") +
          mode_button(Mode::kError, control.mode, "error", "With error 500") +
          mode_button(Mode::kBroken, control.mode, "broken", "With half of it");
  html +=
      "</div>\n<p class=\"quiet\">What is too late or cut off was done all the same: a code that "
      "it "
      "answered is used up.</p>\n</form>\n</div>\n";
  return html_page("Time and trouble", html);
}
