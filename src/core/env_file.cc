#include "core/env_file.h"

#include <algorithm>
#include <optional>

namespace {

bool is_newline(char c) { return c == '\n' || c == '\r'; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\v' || c == '\f'; }

// Walks the text as python-dotenv's parser.py does, one rule a function.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  [[nodiscard]] char peek() const { return rest_.empty() ? '\n' : rest_.front(); }
  [[nodiscard]] std::size_t line() const { return line_; }

  std::string_view take(std::size_t length) {
    const std::string_view taken = rest_.substr(0, length);
    for (std::size_t i = 0; i < taken.size(); ++i) {
      const bool crlf_continues = taken[i] == '\n' && last_ == '\r';
      if (is_newline(taken[i]) && !crlf_continues) ++line_;
      last_ = taken[i];
    }
    rest_.remove_prefix(taken.size());
    return taken;
  }

  template <typename Predicate>
  std::string_view take_while(Predicate matches) {
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), matches);
    return take(static_cast<std::size_t>(end - rest_.begin()));
  }

  // The text between quotes, the escapes of python-dotenv decoded; nothing if no quote closes it.
  std::optional<std::string> take_quoted(std::string_view escapable) {
    const char quote = rest_.front();
    std::string value;
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      const char c = rest_[i];
      if (c == quote) {
        take(i + 1);
        return value;
      }
      if (c == '\\' && i + 1 < rest_.size() &&
          escapable.find(rest_[i + 1]) != std::string_view::npos) {
        value += unescaped(rest_[++i]);
      } else {
        value += c;
      }
    }
    return std::nullopt;
  }

 private:
  static char unescaped(char c) {
    switch (c) {
      case 'a': return '\a';
      case 'b': return '\b';
      case 'f': return '\f';
      case 'n': return '\n';
      case 'r': return '\r';
      case 't': return '\t';
      case 'v': return '\v';
      default: return c;
    }
  }

  std::string_view rest_;
  std::size_t line_ = 1;
  char last_ = '\0';
};

std::optional<std::string> read_key(Reader& reader) {
  if (reader.peek() == '\'') return reader.take_quoted("");
  const std::string_view key = reader.take_while(
      [](char c) { return c != '=' && c != '#' && !is_blank(c) && !is_newline(c); });
  if (key.empty()) return std::nullopt;
  return std::string(key);
}

std::string read_unquoted_value(Reader& reader) {
  std::string_view value = reader.take_while([](char c) { return !is_newline(c); });
  // A comment begins at a '#' behind a blank; "a#b" is a value.
  for (std::size_t i = 1; i < value.size(); ++i) {
    if (value[i] == '#' && is_blank(value[i - 1])) {
      value = value.substr(0, i);
      break;
    }
  }
  while (!value.empty() && is_blank(value.back())) value.remove_suffix(1);
  return std::string(value);
}

}  // namespace

std::variant<Environment, EnvFileError> parse_env_file(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());

  Environment variables;
  Reader reader(text);
  for (;;) {
    reader.take_while([](char c) { return is_blank(c) || is_newline(c); });
    if (reader.at_end()) return variables;
    const EnvFileError error{reader.line()};

    if (reader.peek() != '#') {
      std::optional<std::string> key = read_key(reader);
      const bool exported = key == "export" && is_blank(reader.peek());
      reader.take_while(is_blank);
      if (exported && reader.peek() != '=') {
        key = read_key(reader);
        reader.take_while(is_blank);
      }
      if (!key || key->empty()) return error;
      if (reader.peek() == '=') {
        reader.take(1);
        reader.take_while(is_blank);
        std::optional<std::string> value;
        if (reader.peek() == '\'') {
          value = reader.take_quoted("\\'");
        } else if (reader.peek() == '"') {
          value = reader.take_quoted("\\'\"abfnrtv");
        } else {
          value = read_unquoted_value(reader);
        }
        if (!value) return error;
        variables[*key] = std::move(*value);
      }
    }
    reader.take_while(is_blank);
    if (reader.peek() == '#') reader.take_while([](char c) { return !is_newline(c); });
    if (!reader.at_end() && !is_newline(reader.peek())) return error;
  }
}
