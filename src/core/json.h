// JSON by RapidJSON with the limits that outside bytes need, and the little writing that we do.
#pragma once

// RapidJSON's own switches. It takes std::string.
#define RAPIDJSON_HAS_STDSTRING 1
// Of memory for a document's values: 64 KiB, the default, go back to the system each time.
#define RAPIDJSON_ALLOCATOR_DEFAULT_CHUNK_CAPACITY 2048
#include <rapidjson/document.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

constexpr std::size_t kMaxJsonDepth = 64;  // nested arrays and objects

// Why a text is not JSON, and where: the offset is in characters, as Python counts them.
struct JsonError {
  std::string message;
  std::size_t offset = 0;
};

// The one JSON value that the text holds. Refuses what RFC 8259 refuses, invalid UTF-8, lone
// surrogates, and nesting deeper than kMaxJsonDepth. Never recurses.
std::variant<rapidjson::Document, JsonError> parse_json(std::string_view text);

// A member of an object, or nullptr (also when the value is no object).
const rapidjson::Value* find_member(const rapidjson::Value& object, std::string_view name);

// The text of a string value with its whole length: a \u0000 does not end it.
std::string_view text_of(const rapidjson::Value& string);

// The value as compact JSON text.
std::string to_json(const rapidjson::Value& value);

// A UTF-8 text as a JSON string with its quotes.
std::string quote_json(std::string_view text);
