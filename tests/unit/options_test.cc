// The command line.
#include "shell/options.h"

#include <doctest/doctest.h>

#include <vector>

namespace {
std::variant<Options, std::string> parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "program");
  return parse_options(static_cast<int>(arguments.size()), arguments.data());
}
}  // namespace

TEST_CASE("options with their values, in both spellings") {
  const auto parsed = parse({"--listen", "/run/x.sock", "--socket-mode=0600", "--env-file=/etc/env",
                             "--workers", "4", "--max-in-flight=100"});
  const auto& options = std::get<Options>(parsed);
  CHECK(options.listen == "/run/x.sock");
  CHECK(options.socket_mode == 0600);
  CHECK(options.env_file == "/etc/env");
  CHECK(options.workers == 4);
  CHECK(options.max_in_flight == 100);
  CHECK(std::get<Options>(parse({})).socket_mode == 0660);
  CHECK(std::get<Options>(parse({"--check"})).check);
  CHECK(std::get<Options>(parse({"--help"})).help);
  CHECK(std::get<Options>(parse({"--version"})).version);
}

TEST_CASE("mistakes are told by the option's name") {
  const std::vector<std::vector<const char*>> cases = {{"--nope"},
                                                       {"x"},
                                                       {"--listen"},
                                                       {"--listen="},
                                                       {"--workers", "0"},
                                                       {"--workers", "65"},
                                                       {"--workers", "two"},
                                                       {"--workers", "1x"},
                                                       {"--socket-mode", "8"},
                                                       {"--socket-mode", "01000"},
                                                       {"--env-file"},
                                                       {"--max-in-flight", "0"}};
  for (const auto& arguments : cases) {
    CAPTURE(arguments.front());
    const auto parsed = parse(arguments);
    REQUIRE(std::holds_alternative<std::string>(parsed));
    const std::string option = std::string(arguments.front()).substr(0, 7);
    CHECK(std::get<std::string>(parsed).find(option.substr(0, option.find('='))) !=
          std::string::npos);
  }
}
