// The sandbox plays threads.net (the authorization window) and graph.threads.net (the API), so that
// login can be tried and tested without a Meta account. It has no I/O, no clock and no globals;
// bytes, time and randomness are the shell's. Not thread-safe: it lives in one worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/form.h"
#include "core/reply.h"
#include "core/request.h"
#include "core/secret.h"
#include "sandbox/control_page.h"

// The one app that the sandbox knows.
struct SandboxConfig {
  std::string app_id;
  Secret app_secret;
  Secret client_secret;                    // for th_exchange_token; empty: app_secret
  std::vector<std::string> redirect_uris;  // registered; empty: any
};

// What a request finds outside: when it comes, and a source of random bytes, as many as asked for.
struct Moment {
  std::int64_t now = 0;  // Unix time, seconds
  std::function<std::string(std::size_t)> random;
};

// Lifetimes, in seconds (Meta, "Get Access Tokens and Permissions", "Long-Lived Access Tokens").
constexpr std::int64_t kHour = 3600;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::int64_t kCodeLifetime = kHour;
constexpr std::int64_t kShortLifetime = kHour;
constexpr std::int64_t kLongLifetime = 60 * kDay;
constexpr std::int64_t kGrantLifetime = 90 * kDay;  // of the permissions
constexpr std::int64_t kRefreshableFrom = kDay;     // age of a long-lived token

constexpr std::int64_t kMaxPassed = 3650 * kDay;  // that a person may let pass

// What is remembered at most; beyond it the oldest are forgotten.
constexpr std::size_t kMaxCodes = 1000;
constexpr std::size_t kMaxTokens = 2000;
// How long a dead token is remembered, so that it can be called expired and not unknown.
constexpr std::int64_t kExpiredKept = 30 * kDay;

class Sandbox {
 public:
  explicit Sandbox(SandboxConfig config);

  // The reply to one request, whose path is relative to the sandbox's root. Remembers codes and
  // tokens from one request to the next.
  Reply handle(const Request& request, const Moment& real);

  // Whether the reply to this path of the API is to be held back until the program has given up. It
  // was made at once, as Threads would have: what it used up is used up.
  [[nodiscard]] bool is_late(std::string_view path) const;

  // The path if it is one of the sandbox's, else "-": what a log may show of it.
  static std::string_view loggable_path(std::string_view path);

 private:
  struct Code {
    std::string text;
    std::string redirect_uri;
    std::vector<std::string> scopes;
    std::int64_t expires = 0;
    bool used = false;
  };

  struct Token {
    std::string text;
    bool long_lived = false;
    std::string home;  // origin of the redirect_uri it was asked for from
    std::vector<std::string> scopes;
    std::int64_t issued = 0;
    std::int64_t expires = 0;
  };

  // One row of the table that names everything the sandbox answers. The fields are those of the
  // query for a GET, those of the body for a POST.
  struct Endpoint {
    std::string_view method;
    std::string_view path;
    Reply (Sandbox::*handler)(const Fields& fields, const Moment& moment);
    bool api = false;  // of graph.threads.net: a mode can spoil it
  };
  static const std::vector<Endpoint>& endpoints();

  // threads.net
  Reply show_window(const Fields& fields, const Moment& moment);
  Reply decide(const Fields& fields, const Moment& moment);

  // graph.threads.net
  Reply exchange_code(const Fields& fields, const Moment& moment);
  Reply app_token(const Fields& fields, const Moment& moment);
  Reply long_lived_token(const Fields& fields, const Moment& moment);
  Reply refreshed_token(const Fields& fields, const Moment& moment);
  Reply me(const Fields& fields, const Moment& moment);
  Reply debug_token(const Fields& fields, const Moment& moment);

  // the rehearsal
  Reply show_control(const Fields& fields, const Moment& moment);
  Reply pass_time(const Fields& fields, const Moment& moment);
  Reply choose_mode(const Fields& fields, const Moment& moment);

  // Why client_id and client_secret are not this app's, if so.
  std::optional<Reply> refuse_client(const Fields& fields, const Moment& moment) const;
  // Why access_token cannot be used, if so; otherwise find_token() has it.
  std::optional<Reply> refuse_token(const Fields& fields, const Moment& moment) const;
  const Token* find_token(const Fields& fields, std::string_view name) const;

  Reply long_lived_reply(const Token& from, const Moment& moment);
  const Code& add_code(Code code, std::int64_t now);
  const Token& add_token(Token token, std::int64_t now);

  SandboxConfig config_;
  std::int64_t passed_ = 0;  // seconds ahead of the real time
  Mode mode_ = Mode::kNormal;
  std::deque<Code> codes_;    // oldest first
  std::deque<Token> tokens_;  // oldest first
};
