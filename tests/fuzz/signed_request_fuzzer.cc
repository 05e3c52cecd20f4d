// Meta's signed_request and base64url. The input is a signed_request; behind an
// 'S' a payload that is signed here, as nothing else would get past the
// signature.
#include "threads/signed_request.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "check.h"

namespace {

std::string encode_base64url(std::string_view bytes) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::string_view group = bytes.substr(i, 3);
    unsigned bits = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      bits = bits << 8U | (k < group.size() ? static_cast<unsigned char>(group[k]) : 0U);
    }
    for (std::size_t k = 0; k <= group.size(); ++k) out += kAlphabet[bits >> (18U - 6U * k) & 63U];
  }
  return out;
}

std::string sign(std::string_view payload, std::string_view secret) {
  const std::string encoded = encode_base64url(payload);
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned length = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(encoded.data()), encoded.size(), mac.data(), &length);
  return encode_base64url({reinterpret_cast<const char*>(mac.data()), length}) + '.' + encoded;
}

void try_base64url(std::string_view text) {
  expect(decode_base64url(encode_base64url(text)) == text, "what is encoded can be decoded");
  const auto bytes = decode_base64url(text);
  if (!bytes) return;
  std::string unpadded(text);
  while (unpadded.ends_with('=')) unpadded.pop_back();
  expect(encode_base64url(*bytes) == unpadded, "one text stands for one sequence of bytes");
}

void try_payload(std::string_view payload) {
  std::string text = sign(payload, kAppSecret);
  const auto user = read_signed_request(text, {kMetaSecret, "", kAppSecret});
  if (user) {
    expect(is_json(payload), "a payload is JSON");
    expect(!user->empty() && user->size() <= 64, "a user's id has a sensible length");
    const std::string code = confirmation_code(*user, kAppSecret);
    expect(code.find_first_not_of("0123456789abcdef") == std::string::npos,
           "a code is lower-case hex");
    expect(is_confirmation_code(code, kAppSecret), "a code of ours is known");
    expect(!is_confirmation_code(code, kMetaSecret), "a code of another secret is not");
  }
  expect(!read_signed_request(text, {kMetaSecret, ""}), "another secret has not signed it");
  expect(!read_signed_request(text, {}), "without a secret nothing is genuine");
  const std::size_t at = payload.size() % text.size();
  text[at] = text[at] == 'A' ? 'B' : 'A';
  expect(!read_signed_request(text, {kAppSecret}), "what was changed is not genuine");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try_base64url(text);
  if (text.starts_with('S')) {
    try_payload(text.substr(1));
  } else {
    expect(!read_signed_request(text, {kClientSecret}), "nobody guesses a signature");
    expect(!is_confirmation_code(text, kClientSecret), "nobody guesses a code");
  }
  return 0;
}
