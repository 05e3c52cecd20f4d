#include "records.h"

namespace {

constexpr std::size_t kHeader = 8;

std::size_t byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

struct Record {
  std::size_t type = 0;
  std::size_t id = 0;
  std::string_view content;
  std::size_t length = 0;  // with header and padding
};

std::optional<Record> read_record(std::string_view bytes) {
  if (bytes.size() < kHeader || bytes[0] != 1) return std::nullopt;
  Record record;
  record.type = byte_at(bytes, 1);
  record.id = byte_at(bytes, 2) * 256 + byte_at(bytes, 3);
  const std::size_t content = byte_at(bytes, 4) * 256 + byte_at(bytes, 5);
  record.length = kHeader + content + byte_at(bytes, 6);
  if (bytes.size() < record.length) return std::nullopt;
  record.content = bytes.substr(kHeader, content);
  // The one rule that is not the book's: libfcgi takes padding for a record
  // behind BEGIN_REQUEST and behind the empty record that ends a stream. No web
  // server pads them, for they need none.
  const bool padded = bytes[6] != 0;
  if (padded && (record.type == 1 || content == 0)) return std::nullopt;
  return record;
}

// A name's or value's length (§3.4).
std::optional<std::size_t> take_length(std::string_view& text) {
  if (text.empty()) return std::nullopt;
  std::size_t length = byte_at(text, 0);
  std::size_t used = 1;
  if (length >= 128) {
    if (text.size() < 4) return std::nullopt;
    length = (length & 127U) << 24U | byte_at(text, 1) << 16U | byte_at(text, 2) << 8U |
             byte_at(text, 3);
    used = 4;
  }
  text.remove_prefix(used);
  return length;
}

std::optional<std::vector<std::string>> read_pairs(std::string_view text) {
  std::vector<std::string> variables;
  while (!text.empty()) {
    const auto name = take_length(text);
    const auto value = take_length(text);
    if (!name || !value || text.size() < *name + *value) return std::nullopt;
    variables.push_back(std::string(text.substr(0, *name)) + '=' +
                        std::string(text.substr(*name, *value)));
    text.remove_prefix(*name + *value);
  }
  return variables;
}

}  // namespace

std::optional<WholeRequest> read_whole_request(std::string_view bytes) {
  const auto begin = read_record(bytes);
  if (!begin || begin->type != 1 || begin->id == 0 || begin->content.size() != 8)
    return std::nullopt;
  if (begin->content[0] != 0 || begin->content[1] != 1) return std::nullopt;
  WholeRequest request;
  request.id = static_cast<std::uint16_t>(begin->id);
  request.keep_connection = (byte_at(begin->content, 2) & 1U) != 0;
  request.length = begin->length;
  std::string params;
  for (const std::size_t type : {4U, 5U}) {
    for (bool open = true; open;) {
      const auto record = read_record(bytes.substr(request.length));
      if (!record || record->type != type || record->id != begin->id) return std::nullopt;
      (type == 4 ? params : request.body) += record->content;
      request.length += record->length;
      open = !record->content.empty();
    }
  }
  auto variables = read_pairs(params);
  if (!variables) return std::nullopt;
  request.params = params.size();
  request.variables = std::move(*variables);
  return request;
}

std::string make_record(unsigned char type, std::uint16_t id, std::string_view content,
                        std::size_t padding) {
  std::string out;
  for (const std::size_t byte :
       {std::size_t{1}, std::size_t{type}, id / std::size_t{256}, id % std::size_t{256},
        content.size() / 256, content.size() % 256, padding, std::size_t{0}}) {
    out += static_cast<char>(byte);
  }
  out += content;
  out.append(padding, 'p');
  return out;
}
