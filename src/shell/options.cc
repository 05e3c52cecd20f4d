#include "shell/options.h"

#include <charconv>
#include <optional>

namespace {

constexpr unsigned kMaxWorkers = 64;
constexpr std::size_t kMostInFlight = 1'000'000;

std::optional<std::size_t> to_number(std::string_view text, int base) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// What an option without a value sets, or nullptr if it is none.
bool* find_flag(Options& options, std::string_view name) {
  if (name == "--check") return &options.check;
  if (name == "--online") return &options.online;
  if (name == "--version") return &options.version;
  if (name == "--help" || name == "-h") return &options.help;
  return nullptr;
}

}  // namespace

std::variant<Options, std::string> parse_options(int argc, const char* const* argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    std::string_view name = argv[i];
    if (bool* const flag = find_flag(options, name)) {
      *flag = true;
      continue;
    }
    std::optional<std::string_view> value;
    if (const std::size_t equals = name.find('='); equals != std::string_view::npos) {
      value = name.substr(equals + 1);
      name = name.substr(0, equals);
    }
    const bool known = name == "--listen" || name == "--socket-mode" || name == "--env-file" ||
                       name == "--workers" || name == "--max-in-flight";
    if (!known) return "unknown option " + std::string(name);
    if (!value && i + 1 < argc) value = argv[++i];
    if (!value || value->empty()) return std::string(name) + " needs a value";

    if (name == "--listen") {
      options.listen = *value;
    } else if (name == "--env-file") {
      options.env_file = *value;
    } else if (name == "--socket-mode") {
      const auto mode = to_number(*value, 8);
      if (!mode || *mode > 0777U) return std::string("--socket-mode is an octal mode like 0660");
      options.socket_mode = static_cast<mode_t>(*mode);
    } else if (name == "--workers") {
      const auto workers = to_number(*value, 10);
      if (!workers || *workers < 1 || *workers > kMaxWorkers) {
        return "--workers is a number from 1 to " + std::to_string(kMaxWorkers);
      }
      options.workers = static_cast<unsigned>(*workers);
    } else {
      const auto most = to_number(*value, 10);
      if (!most || *most < 1 || *most > kMostInFlight) {
        return "--max-in-flight is a number from 1 to " + std::to_string(kMostInFlight);
      }
      options.max_in_flight = *most;
    }
  }
  if (options.online && !options.check) return std::string("--online goes with --check");
  return options;
}

std::string usage(std::string_view program, std::string_view purpose) {
  std::string text;
  text.append("Usage: ").append(program).append(" [OPTION]...\n").append(purpose);
  text.append(R"(

  --listen PATH|HOST:PORT  listen there for FastCGI; without it the program takes the sockets of
                           systemd (LISTEN_FDS), a listening socket at descriptor 0 (spawn-fcgi,
                           multiwatch, mod_fcgid), or one CGI request (GATEWAY_INTERFACE)
  --socket-mode MODE       mode of the socket file, 0660 if not given
  --env-file FILE          configuration; else $THREADS_ENV_FILE, else .env if there is one
  --workers N              threads that serve, 1 if not given
  --max-in-flight N        exchanges with Threads at once, in equal shares for the workers, beyond
                           which the answer is 503; as many as the descriptors allow if not given
  --check                  print the effective configuration, secrets masked, and exit
  --online                 with --check: tell by which of IPv4 and IPv6 Threads is reached, and ask
                           it whether the app's ID and secret belong together
  --version                print the version and exit
  --help                   print this and exit

Signals: SIGTERM and SIGINT finish what is in flight and end; SIGHUP reads the configuration again.
Exit status: 0, 1 cannot start (or --online found something wrong), 2 wrong usage, 78 wrong
configuration.
)");
  return text;
}
