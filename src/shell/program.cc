#include "shell/program.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <system_error>

#include "shell/cgi.h"
#include "shell/families.h"
#include "shell/listen.h"
#include "shell/log.h"
#include "shell/log_writer.h"
#include "shell/options.h"
#include "shell/server.h"
#include "shell/transfer.h"
#include "shell/version.h"

namespace {

constexpr int kCannotStart = 1;
constexpr int kUsage = 2;
constexpr int kConfig = 78;  // EX_CONFIG

constexpr auto kEnvFile = ".env";

using Configuration = std::variant<Configured, std::vector<std::string>>;

// No core file and no ptrace by the same user: the memory holds secrets.
void forbid_core_files() {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0);
}

Environment process_environment() {
  Environment variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos) {
      variables.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return variables;
}

// The configuration file that was asked for, empty if none was.
std::string named_env_file(const Options& options) {
  if (!options.env_file.empty()) return options.env_file;
  const char* const named = std::getenv("THREADS_ENV_FILE");
  return named == nullptr ? std::string() : std::string(named);
}

// The environment with what the configuration file says on top of it, or what is wrong with the
// file.
std::variant<Environment, std::string> read_variables(std::string path) {
  Environment variables = process_environment();
  const bool must_exist = !path.empty();
  if (path.empty()) path = kEnvFile;
  std::ifstream file(path, std::ios::binary);
  std::error_code unknown;
  if (!file || std::filesystem::is_directory(path, unknown)) {
    if (!must_exist && access(path.c_str(), F_OK) != 0) return variables;
    return "The configuration file " + path + " cannot be read.";
  }
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (file.bad()) return "The configuration file " + path + " cannot be read.";
  auto parsed = parse_env_file(text);
  if (const auto* error = std::get_if<EnvFileError>(&parsed)) {
    return "The configuration file " + path + " has a mistake in line " +
           std::to_string(error->line) + ": write NAME=value.";
  }
  for (auto& [name, value] : std::get<Environment>(parsed)) variables[name] = std::move(value);
  return variables;
}

Configuration configure(const Program& program, const Options& options) {
  auto variables = read_variables(named_env_file(options));
  if (auto* mistake = std::get_if<std::string>(&variables)) {
    return std::vector<std::string>{std::move(*mistake)};
  }
  return program.configure(std::get<Environment>(variables));
}

// A line for stderr.
std::string complaint(const Program& program, std::string_view sentence) {
  return journal_prefix(Level::kError).append(program.name).append(": ").append(sentence) + '\n';
}

void complain(const Program& program, std::string_view sentence) {
  std::cerr << complaint(program, sentence);
}

int complain_all(const Program& program, const std::vector<std::string>& mistakes) {
  for (const std::string& mistake : mistakes) complain(program, mistake);
  return kConfig;
}

// Secrets are for the program's own user, and for a group at most.
std::optional<std::string> open_file_warning(const Options& options) {
  const std::string named = named_env_file(options);
  const std::string path = named.empty() ? kEnvFile : named;
  struct stat file {};
  if (stat(path.c_str(), &file) != 0 || (file.st_mode & (S_IROTH | S_IWOTH)) == 0) {
    return std::nullopt;
  }
  return "everybody on this machine can read or change the secrets in " + path +
         ": chmod o= " + path;
}

// Tells how Threads is reached, then asks each question in turn, until there is no way to Threads.
// Gives the exit status.
int ask(const Program& program, const Configured& configured) {
  const CurlLibrary curl;
  if (!configured.host.empty()) {
    const auto [reached, warning] = look_at_families(configured.host, configured.service);
    if (!reached.empty()) std::cout << reached << '\n';
    if (!warning.empty()) complain(program, "warning: " + warning);
  }
  int status = 0;
  for (const auto& [exchange, judge] : configured.questions) {
    const Answer answer = exchange_now(exchange, configured.service);
    const auto [good, sentence] = judge(answer);
    if (good) {
      std::cout << sentence << '\n';
    } else {
      complain(program, sentence);
      status = kCannotStart;
    }
    if (answer.failure) break;
  }
  return status;
}

int check(const Program& program, const Options& options) {
  const auto configuration = configure(program, options);
  if (const auto* mistakes = std::get_if<std::vector<std::string>>(&configuration)) {
    return complain_all(program, *mistakes);
  }
  const auto& configured = std::get<Configured>(configuration);
  if (options.online && configured.questions.empty()) {
    complain(program, "there is nothing that --online could ask");
    return kUsage;
  }
  std::cout << configured.description << std::flush;
  if (const auto warning = open_file_warning(options)) complain(program, "warning: " + *warning);
  for (const auto& sentence : configured.warnings) complain(program, "warning: " + sentence);
  const int status = options.online ? ask(program, configured) : 0;
  if (!std::cout.flush()) {
    complain(program, "standard output cannot be written");
    return kCannotStart;
  }
  return status;
}

int run_cgi(const Program& program) {
  // Of a query without '=' a web server makes arguments (RFC 3875 §4.4): a caller's text. They are
  // not looked at.
  const auto configuration = configure(program, Options{});
  if (const auto* mistakes = std::get_if<std::vector<std::string>>(&configuration)) {
    refuse_cgi("The server's configuration is wrong; its log says why.");
    for (const std::string& mistake : *mistakes) write_log_at_once(complaint(program, mistake));
    return kConfig;
  }
  serve_cgi(std::get<Configured>(configuration).service);
  return 0;
}

int serve_fastcgi(const Program& program, const Options& options) {
  // Blocked from here on: libfcgi does not read on after an interrupted call.
  const sigset_t signals = server_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  const auto service = [&]() -> std::variant<ServicePtr, std::vector<std::string>> {
    auto configuration = configure(program, options);
    if (auto* configured = std::get_if<Configured>(&configuration)) return configured->service;
    return std::get<std::vector<std::string>>(std::move(configuration));
  };
  const auto first = service();
  if (const auto* mistakes = std::get_if<std::vector<std::string>>(&first)) {
    return complain_all(program, *mistakes);
  }
  std::optional<ListeningSocket> own;
  if (!options.listen.empty()) own.emplace(options.listen, options.socket_mode);
  ServerPlan plan;
  plan.name = program.name;
  plan.listeners = own ? std::vector{own->get()} : inherited_sockets();
  plan.own = own ? &*own : nullptr;
  plan.workers = options.workers;
  plan.max_in_flight = options.max_in_flight;
  plan.service = std::get<ServicePtr>(first);
  if (const auto warning = open_file_warning(options)) plan.warnings.push_back(*warning);
  plan.configure = service;
  return serve(plan);
}

}  // namespace

int run_program(const Program& program, int argc, char** argv) {
  forbid_core_files();
  try {
    const bool handed_over = !inherited_sockets().empty();
    if (is_cgi() && !handed_over) return run_cgi(program);

    const auto parsed = parse_options(argc, argv);
    if (const auto* mistake = std::get_if<std::string>(&parsed)) {
      complain(program, *mistake);
      std::cerr << usage(program.name, program.purpose);
      return kUsage;
    }
    const auto& options = std::get<Options>(parsed);
    if (options.help) {
      std::cout << usage(program.name, program.purpose);
      return 0;
    }
    if (options.version) {
      std::cout << program.name << ' ' << kVersion << '\n';
      return 0;
    }
    if (options.check) return check(program, options);
    if (options.listen.empty() && !handed_over) {
      std::cerr << usage(program.name, program.purpose);
      return kUsage;
    }
    return serve_fastcgi(program, options);
  } catch (const std::exception& error) {
    complain(program, error.what());
    return kCannotStart;
  }
}
