// The 422 answers, in the shape that FastAPI (pydantic 2) gives them, so that its clients go on
// working. What is echoed as "input" never holds a code or a token.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/reply.h"

// Builds {"detail":[…]}, one entry for each mistake.
class ValidationErrors {
 public:
  void json_invalid(const JsonError& error);
  void not_an_object(const rapidjson::Value& body);
  void body_field_missing(std::string_view field, const rapidjson::Value& body);
  void body_field_not_a_string(std::string_view field, const rapidjson::Value& value);
  void body_field_repeated(std::string_view field);
  void query_field_missing(std::string_view field);
  void query_field_repeated(std::string_view field);

  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] Reply reply() const;

 private:
  std::vector<std::string> entries_;
};
