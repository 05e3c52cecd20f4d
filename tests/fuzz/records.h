// FastCGI requests read by the book, but for one rule, and in one piece
// (FastCGI 1.0 §3, §5), to compare the framing and libfcgi with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct WholeRequest {
  std::size_t length = 0;  // bytes with all its records
  std::uint16_t id = 0;
  bool keep_connection = false;
  std::size_t params = 0;              // bytes of all variables and their lengths
  std::vector<std::string> variables;  // "NAME=value"
  std::string body;
};

// The RESPONDER request that the bytes begin with, if it is here whole and
// well-formed.
std::optional<WholeRequest> read_whole_request(std::string_view bytes);

// One record, padded with `padding` bytes.
std::string make_record(unsigned char type, std::uint16_t id, std::string_view content,
                        std::size_t padding = 0);
