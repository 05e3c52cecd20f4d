// Meta's signed_request, which its two callbacks send, and the confirmation code that one of them
// wants back (Meta, "Data Deletion Request Callback"). HMAC-SHA256 by libcrypto.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The user id that a signed_request is about, if one of the secrets has signed it, its algorithm is
// HMAC-SHA256 and its payload names a user. Which of the app's two secrets signs for Threads is not
// documented: any configured one may. Empty secrets are passed over.
std::optional<std::string> read_signed_request(std::string_view signed_request,
                                               const std::vector<std::string_view>& secrets);

// base64url with or without its padding (RFC 4648 §5), or nothing if it is anything else.
std::optional<std::string> decode_base64url(std::string_view text);

// The same code for the same user each time, so that nothing needs to be stored. Lower-case hex;
// does not tell who the user is.
std::string confirmation_code(std::string_view user_id, std::string_view secret);

// Whether confirmation_code() made it with this secret.
bool is_confirmation_code(std::string_view code, std::string_view secret);
