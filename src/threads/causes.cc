#include "threads/causes.h"

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

#include "core/json.h"
#include "core/text.h"

namespace {

// www/causes.json as it was when the program was built.
constexpr std::string_view kCatalogue =
#include "causes.inc"
    ;

// An entry matches where its steps allow (none: everywhere) if one of its marks is there.
struct Cause {
  std::vector<std::string> steps;
  std::vector<std::string> texts;            // parts of the message, in lower case
  std::vector<std::pair<long, long>> codes;  // from, to
  std::vector<long> subcodes;
  std::vector<long> statuses;
  std::string hint;
};

std::vector<long> numbers(const rapidjson::Value& entry, std::string_view name) {
  std::vector<long> out;
  if (const auto* list = find_member(entry, name)) {
    for (const auto& number : list->GetArray()) out.push_back(number.GetInt64());
  }
  return out;
}

std::vector<std::string> texts(const rapidjson::Value& entry, std::string_view name) {
  std::vector<std::string> out;
  if (const auto* list = find_member(entry, name)) {
    for (const auto& text : list->GetArray()) out.emplace_back(text_of(text));
  }
  return out;
}

// The catalogue is ours and is tested: it is read without doubting it.
std::vector<Cause> read_catalogue() {
  const auto parsed = parse_json(kCatalogue);
  const auto* catalogue = std::get_if<rapidjson::Document>(&parsed);
  if (catalogue == nullptr) throw std::logic_error("causes.json is no JSON");
  std::vector<Cause> causes;
  for (const auto& entry : catalogue->GetArray()) {
    Cause cause;
    cause.steps = texts(entry, "steps");
    cause.texts = texts(entry, "texts");
    for (const long code : numbers(entry, "codes")) cause.codes.emplace_back(code, code);
    if (const auto* ranges = find_member(entry, "code_ranges")) {
      for (const auto& range : ranges->GetArray()) {
        cause.codes.emplace_back(range[0].GetInt64(), range[1].GetInt64());
      }
    }
    cause.subcodes = numbers(entry, "subcodes");
    cause.statuses = numbers(entry, "statuses");
    const rapidjson::Value& words = *find_member(entry, "en");
    cause.hint.append(text_of(*find_member(words, "why"))).append(" ");
    cause.hint.append(text_of(*find_member(words, "do")));
    causes.push_back(std::move(cause));
  }
  return causes;
}

bool contains(const std::vector<long>& list, std::optional<long> value) {
  return value && std::find(list.begin(), list.end(), *value) != list.end();
}

bool matches(const Cause& cause, std::string_view step, int status, const ThreadsError& error,
             const std::string& message) {
  if (!cause.steps.empty() &&
      std::find(cause.steps.begin(), cause.steps.end(), step) == cause.steps.end()) {
    return false;
  }
  const auto in_message = [&](const std::string& text) {
    return message.find(text) != std::string::npos;
  };
  const auto is_code = [&](const std::pair<long, long>& range) {
    return error.code && range.first <= *error.code && *error.code <= range.second;
  };
  return contains(cause.subcodes, error.subcode) || contains(cause.statuses, status) ||
         std::any_of(cause.codes.begin(), cause.codes.end(), is_code) ||
         std::any_of(cause.texts.begin(), cause.texts.end(), in_message);
}

}  // namespace

std::string_view find_hint(std::string_view step, int status, const ThreadsError& error) {
  static const std::vector<Cause> kCauses = read_catalogue();
  const std::string message = lower_case(error.message);
  const auto found = std::find_if(kCauses.begin(), kCauses.end(), [&](const Cause& cause) {
    return matches(cause, step, status, error, message);
  });
  return found == kCauses.end() ? std::string_view() : found->hint;
}
