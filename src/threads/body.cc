#include "threads/body.h"

#include <charconv>

#include "core/text.h"
#include "core/utf8.h"

namespace {

std::optional<Reply> check_length(const Request& request) {
  std::size_t promised = request.body.size();
  if (!request.content_length.empty()) {
    const char* const end = request.content_length.data() + request.content_length.size();
    const auto [stop, error] = std::from_chars(request.content_length.data(), end, promised);
    if (error == std::errc::result_out_of_range) promised = kMaxBody + 1;
    if (stop != end || error == std::errc::invalid_argument) {
      return detail_reply(400, "Content-Length is not a number.");
    }
  }
  if (promised > kMaxBody || request.body.size() > kMaxBody) {
    return detail_reply(413, "The body is longer than 16 KiB.");
  }
  if (promised != request.body.size()) {
    return detail_reply(400, "The body is not as long as Content-Length says.");
  }
  return std::nullopt;
}

}  // namespace

std::optional<Reply> check_body(const Request& request, std::string_view media_type) {
  if (auto refusal = check_length(request)) return refusal;
  const std::string_view type = request.content_type;
  if (!equals_ignoring_case(trimmed(type.substr(0, type.find(';'))), media_type)) {
    return detail_reply(415, "Send the body as Content-Type: " + std::string(media_type) + ".");
  }
  if (!is_utf8(request.body)) return detail_reply(400, "The body is not UTF-8.");
  return std::nullopt;
}
