#include "threads/validation.h"

#include <cmath>

#include "threads/redact.h"

namespace {

std::string location(std::string_view part, std::string_view field) {
  return "[" + quote_json(part) + "," + quote_json(field) + "]";
}

std::string entry(std::string_view type, const std::string& loc, std::string_view msg) {
  return "{\"type\":" + quote_json(type) + ",\"loc\":" + loc + ",\"msg\":" + quote_json(msg);
}

constexpr std::size_t kLongestName = 15;  // characters of a member's name that is shown

// Masks what could be a code, a token or a secret.
void mask_strings(rapidjson::Value& value, rapidjson::Document::AllocatorType& allocator) {
  if (value.IsDouble() && !std::isfinite(value.GetDouble())) {
    value.SetNull();  // RapidJSON reads some numbers as infinite, and writes nothing for them
  } else if (value.IsString() && value.GetStringLength() >= kShortestSecret) {
    value.SetString(kRedacted.data(), static_cast<rapidjson::SizeType>(kRedacted.size()),
                    allocator);
  } else if (value.IsArray()) {
    for (auto& item : value.GetArray()) mask_strings(item, allocator);
  } else if (value.IsObject()) {
    for (auto& member : value.GetObject()) {
      mask_strings(member.value, allocator);
      if (text_of(member.name).size() > kLongestName) mask_strings(member.name, allocator);
    }
  }
}

std::string masked_value(const rapidjson::Value& value) {
  rapidjson::Document::AllocatorType allocator;
  rapidjson::Value copy(value, allocator);
  mask_strings(copy, allocator);
  return to_json(copy);
}

// The body as the caller may see it again. A redirect URI is no secret, but what stands behind its
// '?' may be: people paste the callback's whole address.
std::string masked_body(const rapidjson::Value& body) {
  rapidjson::Document::AllocatorType allocator;
  rapidjson::Value copy(body, allocator);
  mask_strings(copy, allocator);
  const rapidjson::Value* uri = find_member(body, "redirect_uri");
  if (uri != nullptr && uri->IsString()) {
    const std::string_view text = text_of(*uri);
    const std::string shown(text.substr(0, text.find_first_of("?#")));
    copy["redirect_uri"].SetString(shown, allocator);
  }
  return to_json(copy);
}

}  // namespace

void ValidationErrors::json_invalid(const JsonError& error) {
  entries_.push_back(entry("json_invalid", "[\"body\"," + std::to_string(error.offset) + "]",
                           "JSON decode error") +
                     ",\"input\":{},\"ctx\":{\"error\":" + quote_json(error.message) + "}}");
}

void ValidationErrors::not_an_object(const rapidjson::Value& body) {
  entries_.push_back(entry("model_attributes_type", "[\"body\"]",
                           "Input should be a valid dictionary or object to extract fields from") +
                     ",\"input\":" + masked_value(body) + "}");
}

void ValidationErrors::body_field_missing(std::string_view field, const rapidjson::Value& body) {
  entries_.push_back(entry("missing", location("body", field), "Field required") +
                     ",\"input\":" + masked_body(body) + "}");
}

void ValidationErrors::body_field_not_a_string(std::string_view field,
                                               const rapidjson::Value& value) {
  entries_.push_back(
      entry("string_type", location("body", field), "Input should be a valid string") +
      ",\"input\":" + masked_value(value) + "}");
}

void ValidationErrors::body_field_repeated(std::string_view field) {
  entries_.push_back(
      entry("value_error", location("body", field), "Value error, given more than once") + "}");
}

void ValidationErrors::query_field_missing(std::string_view field) {
  entries_.push_back(entry("missing", location("query", field), "Field required") +
                     ",\"input\":null}");
}

void ValidationErrors::query_field_repeated(std::string_view field) {
  entries_.push_back(
      entry("value_error", location("query", field), "Value error, given more than once") + "}");
}

Reply ValidationErrors::reply() const {
  std::string json = "{\"detail\":[";
  for (const std::string& one : entries_) {
    if (&one != &entries_.front()) json += ',';
    json += one;
  }
  return json_reply(422, json + "]}");
}
