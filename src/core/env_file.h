// The .env format, by python-dotenv's rules but without interpolation: a secret may hold '$'.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <variant>

using Environment = std::map<std::string, std::string, std::less<>>;

// A line that is not of the format. The line's text is not kept: it may hold a secret.
struct EnvFileError {
  std::size_t line = 0;  // counted from 1
};

// The variables that a file's text sets; of a name given twice the last counts. A name without '='
// sets nothing.
std::variant<Environment, EnvFileError> parse_env_file(std::string_view text);
