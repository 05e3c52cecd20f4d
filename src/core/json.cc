#include "core/json.h"

#include <rapidjson/error/en.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <optional>

#include "core/text.h"
#include "core/utf8.h"

namespace {

std::size_t characters_before(std::string_view text, std::size_t offset) {
  const std::string_view head = text.substr(0, offset);
  return static_cast<std::size_t>(std::count_if(head.begin(), head.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

// What RapidJSON 1.1 lets pass: bytes that are no UTF-8 (it can look itself, but takes longer),
// nesting without end (what reads or writes a deep document later would recurse), a lone low
// surrogate, a byte order mark or a part of one, and a NUL, which it takes for the end.
std::optional<JsonError> find_mistake(std::string_view text) {
  if (!is_utf8(text)) return JsonError{"Not UTF-8.", 0};
  const bool is_ascii = text.empty() || static_cast<unsigned char>(text.front()) < 0x80;
  if (!is_ascii) return JsonError{"Unexpected byte order mark or other character.", 0};
  const auto mistake = [&](const char* message, std::size_t at) {
    return JsonError{message, characters_before(text, at)};
  };
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\0') return mistake("Unexpected NUL.", i);
    if (in_string && c == '\\') {
      const bool escaped_unit = text.substr(i + 1).starts_with('u');
      const unsigned unit = escaped_unit ? read_hex(text.substr(i + 2), 4).value_or(0) : 0;
      if (unit >= 0xDC00 && unit <= 0xDFFF) return mistake("Lone low surrogate.", i);
      const bool is_high = unit >= 0xD800 && unit <= 0xDBFF;
      i += is_high ? 7 : 1;  // over "uXXXX\\u" or the escaped character: RapidJSON checks the pair
    } else if (c == '"') {
      in_string = !in_string;
    } else if (!in_string && (c == '[' || c == '{')) {
      if (++depth > kMaxJsonDepth) return mistake("Nested too deeply.", i);
    } else if (!in_string && (c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return std::nullopt;
}

}  // namespace

std::variant<rapidjson::Document, JsonError> parse_json(std::string_view text) {
  if (auto mistake = find_mistake(text)) return *std::move(mistake);
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(text.data(), text.size());
  if (document.HasParseError()) {
    return JsonError{rapidjson::GetParseError_En(document.GetParseError()),
                     characters_before(text, document.GetErrorOffset())};
  }
  return document;
}

const rapidjson::Value* find_member(const rapidjson::Value& object, std::string_view name) {
  if (!object.IsObject()) return nullptr;
  for (const auto& member : object.GetObject()) {
    if (text_of(member.name) == name) return &member.value;
  }
  return nullptr;
}

std::string_view text_of(const rapidjson::Value& string) {
  return {string.GetString(), string.GetStringLength()};
}

std::string to_json(const rapidjson::Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

std::string quote_json(std::string_view text) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  return {buffer.GetString(), buffer.GetSize()};
}
