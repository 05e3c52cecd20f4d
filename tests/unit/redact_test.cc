// What somebody else's text says when our secrets are taken out of it.
#include "threads/redact.h"

#include <doctest/doctest.h>

#include <string>

namespace {

const std::string kSecret = "AQBx/top +secret=&%-1";
const std::string kApi = "https://graph.threads.net";

std::string clean(const std::string& text) {
  return redact(text, {kSecret, "0123456789abcdef"}, kApi);
}

}  // namespace

TEST_CASE("a secret goes, however it is encoded") {
  const char* const spellings[] = {
      "AQBx/top +secret=&%-1",
      "AQBx%2Ftop%20%2Bsecret%3D%26%25-1",
      "AQBx%2ftop%20%2bsecret%3d%26%25-1",              // lower case
      "AQBx%2Ftop+%2Bsecret%3D%26%25-1",                // a form
      "%41QB%78/top %2Bsecret=&%25-1",                  // some of it
      "AQBx%252Ftop%2520%252Bsecret%253D%2526%2525-1",  // twice
      "AQBx%25252ftop%252520%25252bsecret%25253d%252526%252525-1",
  };
  for (const std::string spelling : spellings) {
    CAPTURE(spelling);
    CHECK(clean("Code " + spelling + " is bad") == "Code [redacted] is bad");
    CHECK(clean(spelling) == "[redacted]");
    CHECK(clean(spelling + spelling) == "[redacted][redacted]");
  }
}

TEST_CASE("what is no secret stays") {
  for (const std::string text :
       {"", "%", "%4", "AQBx/top", "100% sure", "AQBx%2ftop%20%2bsecret%3d%26%25-2"}) {
    CAPTURE(text);
    CHECK(clean(text) == text);
  }
}

TEST_CASE("the longest secret first, and short ones are left alone") {
  CHECK(redact("abcdefghij abcdefgh abc", {"abcdefgh", "abcdefghij", "abc"}, kApi) ==
        "[redacted] [redacted] abc");
}

TEST_CASE("an address below the API's goes whole, in any case and encoded") {
  for (const std::string url :
       {"https://graph.threads.net/me?a=b", "graph.threads.net/me", "HTTPS://Graph.Threads.NET/me",
        "https%3A%2F%2Fgraph.threads.net%2Fme"}) {
    CAPTURE(url);
    CHECK(clean("In " + url + " here") == "In [redacted] here");
    CHECK(clean("In \"" + url + "\" here") == "In \"[redacted]\" here");
  }
  CHECK(redact("In https%3A%2F%2F[::1]%3a8080%2Fx here", {}, "http://[::1]:8080") ==
        "In [redacted] here");
}

TEST_CASE("a long text is no burden") {
  const std::string text(60'000, '%');
  CHECK(redact(text, {std::string(1'000, '%'), std::string(900, 'x')}, kApi).size() <= text.size());
  CHECK(clean(std::string(60'000, 'A')).empty());
}

TEST_CASE("of a long text the beginning is shown, cut where no secret is") {
  const std::string secret(1500, 's');
  CHECK(redact(std::string(600, 'a') + " " + secret, {secret}, "") == std::string(600, 'a'));
  CHECK(redact(std::string(70'000, 'a'), {secret}, "https://x").empty());
  CHECK(redact("short", {secret}, "https://x") == "short");
}
