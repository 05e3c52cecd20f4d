// Threads' answers: conclude() passes a good one on byte for byte and makes a
// clean error of the rest. The input is one line ("STEP STATUS", like "0 400"),
// then the body, in which $1 … $6 stand for what must not come back.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>

#include "check.h"
#include "core/form.h"
#include "threads/conclude.h"

namespace {

constexpr std::string_view kCredential = "canary+code/AQBx-0123456789abcdef#x";

// The body with the placeholders filled in.
std::string fill(std::string_view text) {
  const std::string url = std::string(kApiUrl) + "/access_token?access_token=THQV";
  std::string body;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char kind = text[i] == '$' && i + 1 < text.size() ? text[i + 1] : '\0';
    switch (kind) {
      case '1': body += kCredential; break;
      case '2': body += percent_encode(kCredential); break;
      case '3': body += kAppSecret; break;
      case '4': body += percent_encode(kClientSecret); break;
      case '5': body += kMetaSecret; break;
      case '6': body += url; break;
      default: body += text[i]; continue;
    }
    ++i;
  }
  return body;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));

  Exchange exchange;
  constexpr std::array<std::string_view, 5> kSteps = {"exchange", "long-lived", "refresh",
                                                      "profile", "inspect"};
  const unsigned char step = line.empty() ? 0 : static_cast<unsigned char>(line.front());
  exchange.step = kSteps.at(step % kSteps.size());
  exchange.credential = Secret(std::string(kCredential));
  Answer answer;
  if (line.size() > 2) std::from_chars(line.data() + 2, line.data() + line.size(), answer.status);
  answer.body = fill(text);
  answer.retry_after = answer.status;

  static const Config config = canary_config();
  const Reply reply = conclude(exchange, answer, config);
  expect(reply.content_type == "application/json", "a conclusion is JSON");
  if (reply.status == 200) {
    expect(answer.status >= 200 && answer.status <= 299, "only a success is passed on");
    expect(reply.body == answer.body, "a success is passed on byte for byte");
    expect(is_json(reply.body), "what is passed on is JSON");
    expect(reply.headers.empty(), "nothing of Threads' headers is passed on");
    return 0;
  }
  expect_sound(reply);
  expect_no_secret(reply);
  for (const std::string& secret :
       {std::string(kCredential), percent_encode(kCredential), std::string(kApiUrl)}) {
    expect(reply.body.find(secret) == std::string::npos, "an error shows no code, token or URL");
  }
  for (int failure = 0; failure <= static_cast<int>(Failure::kTooLarge); ++failure) {
    answer.failure = static_cast<Failure>(failure);
    expect_sound(conclude(exchange, answer, config));
  }
  return 0;
}
