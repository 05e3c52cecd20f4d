#include "threads/signed_request.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <stdexcept>

#include "core/json.h"

namespace {

constexpr std::size_t kMacLength = 32;      // bytes of an HMAC-SHA256
constexpr std::size_t kUserPart = 24;       // hex digits that stand for the user
constexpr std::size_t kCheckPart = 16;      // hex digits that prove where the code is from
constexpr std::size_t kLongestUserId = 64;  // characters; real ones have 17

std::string hmac_sha256(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned int length = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes, text.size(), mac.data(),
           &length) == nullptr) {
    throw std::runtime_error("libcrypto has no HMAC-SHA256");
  }
  return {reinterpret_cast<const char*>(mac.data()), length};
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
  return out;
}

std::string check_part(std::string_view user_part, std::string_view secret) {
  return hex(hmac_sha256(secret, "confirmation-code:" + std::string(user_part)))
      .substr(0, kCheckPart);
}

// The user id of a payload that was found genuine: a string or a number (Meta documents the one and
// sends the other).
std::optional<std::string> user_of(std::string_view payload) {
  const auto parsed = parse_json(payload);
  const auto* document = std::get_if<rapidjson::Document>(&parsed);
  if (document == nullptr) return std::nullopt;
  const rapidjson::Value* algorithm = find_member(*document, "algorithm");
  if (algorithm == nullptr || !algorithm->IsString()) return std::nullopt;
  const std::string_view name = text_of(*algorithm);
  if (name != "HMAC-SHA256" && name != "hmac-sha256") return std::nullopt;
  const rapidjson::Value* user = find_member(*document, "user_id");
  if (user == nullptr) return std::nullopt;
  if (user->IsUint64()) return std::to_string(user->GetUint64());
  if (!user->IsString()) return std::nullopt;
  const std::string_view id = text_of(*user);
  if (id.empty() || id.size() > kLongestUserId) return std::nullopt;
  return std::string(id);
}

}  // namespace

std::optional<std::string> read_signed_request(std::string_view signed_request,
                                               const std::vector<std::string_view>& secrets) {
  const std::size_t dot = signed_request.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string_view encoded_payload = signed_request.substr(dot + 1);
  const auto signature = decode_base64url(signed_request.substr(0, dot));
  const auto payload = decode_base64url(encoded_payload);
  if (!signature || !payload || signature->size() != kMacLength) return std::nullopt;
  for (const std::string_view secret : secrets) {
    if (secret.empty()) continue;
    if (equal_in_constant_time(*signature, hmac_sha256(secret, encoded_payload))) {
      return user_of(*payload);
    }
  }
  return std::nullopt;
}

std::optional<std::string> decode_base64url(std::string_view text) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  if (text.ends_with("==")) {
    if (text.size() % 4 != 0) return std::nullopt;
    text.remove_suffix(2);
  } else if (text.ends_with('=')) {
    if (text.size() % 4 != 0) return std::nullopt;
    text.remove_suffix(1);
  }
  if (text.size() % 4 == 1) return std::nullopt;
  std::string out;
  unsigned bits = 0;
  unsigned count = 0;  // of bits not yet written
  for (const char c : text) {
    const std::size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = (bits << 6U | static_cast<unsigned>(value)) & 0xFFFFU;
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>(bits >> count & 0xFFU);
    }
  }
  const bool leftover = (bits & ((1U << count) - 1U)) != 0;
  if (leftover) return std::nullopt;  // two texts must not stand for the same bytes
  return out;
}

std::string confirmation_code(std::string_view user_id, std::string_view secret) {
  const std::string user_part =
      hex(hmac_sha256(secret, "user:" + std::string(user_id))).substr(0, kUserPart);
  return user_part + check_part(user_part, secret);
}

bool is_confirmation_code(std::string_view code, std::string_view secret) {
  if (code.size() != kUserPart + kCheckPart) return false;
  return equal_in_constant_time(code.substr(kUserPart),
                                check_part(code.substr(0, kUserPart), secret));
}
