// One HTTP request as a plain value, whichever shell it came through.
#pragma once

#include <functional>
#include <string>

struct Request {
  std::string method;         // as sent: methods are case-sensitive (RFC 9110 §9.1)
  std::string path;           // decoded and normalised by the web server, begins with '/'
  std::string query;          // raw, without '?'
  std::string content_type;   // raw, empty if absent
  std::string authorization;  // raw, empty if absent
  std::string host;           // the Host header, raw
  bool https = false;         // the client came by TLS
  std::string body;           // as much as arrived, at most kMaxBody + 1 bytes
  // What CONTENT_LENGTH promised, raw. A body of another length was cut off or lied about.
  std::string content_length;
  // What the shell has counted, as /metrics gives it. A shell that counts nothing leaves it empty.
  std::function<std::string()> metrics;
};

constexpr std::size_t kMaxBody = std::size_t{16} * 1024;  // bytes
constexpr std::size_t kMaxQuery = std::size_t{8} * 1024;  // bytes
