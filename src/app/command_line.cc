// SPDX-License-Identifier: MIT
#include "app/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <string_view>
#include <utility>
#include <vector>

#include "app/grant_file.h"
#include "app/quantity.h"
#include "app/quoted.h"
#include "app/spelling.h"

namespace roost::app {
namespace {

constexpr std::string_view kGeneralHelp = R"(Roost: a supernode for serverless messengers.

Usage: roost COMMAND [ARGUMENTS]

  serve          run the node
  status         ask a running node how it is
  peers          list the supernodes that a running node knows
  grant          let a friend use the relay, list who may, or revoke it
  probe          test any STUN or TURN server from end to end
  check-config   tell everything that is wrong with a configuration file
  print-config   print the configuration that the node would work with
  version        print the version

"roost COMMAND --help" tells about each. Start with:

  roost serve

Exit codes: 0 it worked; 1 it did not; 2 the command line or the configuration has to change.
)";

constexpr std::string_view kServeHelp = R"(Run the node until SIGTERM or SIGINT.

Usage: roost serve [--config FILE] [--state-dir DIR]

  --config FILE     the configuration; without it /etc/roost/roost.toml if there is such a file,
                    else the defaults
  --state-dir DIR   where to keep the node's key and counters, instead of node.state_dir
  -h, --help        print this

SIGHUP reads the configuration again and takes over what can change while running.

Example: roost serve --config roost.toml --state-dir ./var

Exit codes: 0 it was told to stop; 1 it could not go on; 2 the configuration has to change.
)";

constexpr std::string_view kStatusHelp = R"(Ask the node that runs on this machine how it is.

Usage: roost status [--config FILE] [--json]

  --config FILE   the configuration it runs with, to find its admin listener; without it
                  /etc/roost/roost.toml if there is such a file, else the defaults
  --json          print what it says as JSON
  -h, --help      print this

Example: roost status --json

Exit codes: 0 it answered; 1 it did not; 2 the command line or the configuration has to change.
)";

constexpr std::string_view kPeersHelp =
    R"(List the supernodes that the node on this machine knows, and what speaks for each.

Usage: roost peers [--config FILE] [--json]

  --config FILE   the configuration it runs with, to find its admin listener; without it
                  /etc/roost/roost.toml if there is such a file, else the defaults
  --json          print what it says as JSON
  -h, --help      print this

Example: roost peers --json

Exit codes: 0 it answered; 1 it did not; 2 the command line or the configuration has to change.
)";

constexpr std::string_view kCheckConfigHelp =
    R"(Tell everything that is wrong with a configuration file, with line and column.

Usage: roost check-config FILE

  -h, --help   print this

Example: roost check-config /etc/roost/roost.toml

Exit codes: 0 the file is fine; 2 it is not, or cannot be read.
)";

constexpr std::string_view kPrintConfigHelp =
    R"(Print the configuration that the node would work with: every option with its value, as TOML.

Usage: roost print-config [FILE] [--explain]
       roost print-config --defaults [--explain]
       roost print-config --sample

  FILE         the configuration; without it /etc/roost/roost.toml if there is such a file, else
               the defaults
  --defaults   print the defaults, whatever files there are
  --sample     print a file to start from: every option explained and commented out
  --explain    say above each option what it means
  -h, --help   print this

Example: roost print-config --sample > roost.toml

Exit codes: 0 it was printed; 1 it could not be written; 2 the file has to change.
)";

constexpr std::string_view kProbeHelp =
    R"(Test a STUN or a TURN server.

Usage: roost probe STUN-URI [--timeout MS] [--count N] [--json]
       roost probe TURN-URI [--user NAME] [--password-file FILE | --secret-file FILE]
                            [--config FILE] [--timeout MS] [--count N] [--json]

  STUN-URI       asks for the address and port that the server sees us from: stun:host[:port] for
                 UDP, stun:host[:port]?transport=tcp for TCP, stuns:host[:port] for TLS
  TURN-URI       allocates, sends packets to itself through the relay, and gives back what it took:
                 turn:host[:port], turn:host[:port]?transport=tcp, turns:host[:port]
  --user NAME    who asks for a relay; the password comes from
  --password-file FILE
                 its first line, of standard input where FILE is "-"; or from the environment
                 variable ROOST_PASSWORD
  --secret-file FILE
                 the secret that makes passwords which expire (relay.shared_secret; coturn's
                 use-auth-secret); NAME is then what follows the time
  --config FILE  without any of these: the first of relay.users of this configuration, or its
                 relay.shared_secret; for a server on this machine /etc/roost/roost.toml is read
  --timeout MS   how long to wait for each answer, 1 to 60000 (3000); "2 s" is understood too
  --count N      STUN: how many times to ask, 1 to 1000 (1); TURN: how many packets to send through
                 the relay, 1 to 100 (10)
  --json         print the result as JSON
  -h, --help     print this

A test of a TURN server takes 20 seconds at most. Certificates are not checked.

Example: roost probe stun:127.0.0.1:3478 --count 3
Example: roost probe turn:localhost

Exit codes: 0 every request was answered, the relay works; 1 not; 2 the command line has to change.
)";

constexpr std::string_view kGrantHelp =
    R"(Let a friend use the relay; list who may; revoke it.

Usage: roost grant add NAME [--class CLASS] [--bytes SIZE] [--expires TIME]
       roost grant list [--json]
       roost grant revoke NAME|ID

  NAME             of the friend: for you, nobody else sees it
  --class CLASS    friend, or friend-of-friend: whose share of donate.bandwidth pays (friend)
  --bytes SIZE     relayed in all at most, both directions, such as "50 GB"; without it no limit
  --expires TIME   valid for so long, such as "90 d"; without it until it is revoked
  --config FILE    the configuration, to find the node's state directory; without it
                   /etc/roost/roost.toml if there is such a file, else the defaults
  --state-dir DIR  the state directory, instead of node.state_dir
  --json           print the list as JSON
  -h, --help       print this

"add" prints a token, once. A program shows it at /v1/turn of the node and gets a user name and a
password for the relay. "revoke" ends what it holds at once. The node need not run.

Example: roost grant add Anna --bytes "50 GB" --expires "90 d" --state-dir ./var

Exit codes: 0 it worked; 1 it did not; 2 the command line or the configuration has to change.
)";

constexpr std::string_view kVersionHelp = R"(Print the version.

Usage: roost version

Example: roost version

Exit codes: 0.
)";

using Words = std::vector<std::string>;

Answer usage_error(std::string_view command, const std::string& text) {
  const std::string name = command.empty() ? "roost" : "roost " + std::string(command);
  return {kExitUsage, "roost: " + text + " Try " + name + " --help\n"};
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates) {
  const auto near = nearest(word, candidates);
  return near ? "; did you mean " + std::string(*near) + "?" : ".";
}

// The arguments of one command while they are being read.
class Parsing {
 public:
  Parsing(std::string_view command, std::string_view help, Words words)
      : command_(command), help_(help), words_(std::move(words)) {
    app_.set_help_flag("-h,--help");
    app_.allow_extras();
  }

  // Of options that are given twice the last one counts.
  void option(std::string name, std::string argument, std::optional<std::string>& out) {
    app_.add_option(std::move(name), out)->type_name(std::move(argument))->take_last();
  }
  // A name without dashes is a positional argument.
  void required(std::string name, std::string& out) {
    app_.add_option(std::move(name), out)->required();
  }
  void flag(std::string name, bool& out) {
    app_.add_flag(std::move(name), out)->disable_flag_override()->take_last();
  }

  // Reads the words; an Answer if that is the end of it.
  std::optional<Answer> finish() {
    try {
      std::reverse(words_.begin(), words_.end());  // As CLI11 wants them.
      app_.parse(std::move(words_));
    } catch (const CLI::CallForHelp&) {
      return Answer{kExitOk, std::string(help_)};
    } catch (const CLI::ArgumentMismatch& mismatch) {
      return error(explain(mismatch));
    } catch (const CLI::Error& other) {
      // A mistyped option explains best why something seems to be missing.
      if (auto unknown = unknown_word()) return unknown;
      return error(std::string(other.what()) + ".");
    }
    return unknown_word();
  }

  Answer error(const std::string& text) const {
    return usage_error(command_, std::string(command_) + ": " + text);
  }

 private:
  // CLI11 tells which option it is about at the front of its message only: "--config: 1 required
  // FILE missing", and without dashes for flags.
  std::string explain(const CLI::ArgumentMismatch& mismatch) const {
    const std::string what = mismatch.what();
    std::string name = what.substr(0, what.find_first_of(": "));
    if (!name.starts_with('-')) name.insert(0, "--");
    const CLI::Option* const option = app_.get_option_no_throw(name);
    if (option == nullptr) return what + '.';
    if (option->get_expected_max() == 0) return name + " takes no value.";
    return name + " needs a " + option->get_type_name() + '.';
  }

  std::optional<Answer> unknown_word() const {
    Words extras = app_.remaining();
    std::erase(extras, "--");
    if (extras.empty()) return {};
    const std::string& word = extras.front();
    if (!word.starts_with('-')) return error("unexpected argument " + quoted_briefly(word) + ".");
    Words names;
    for (const CLI::Option* const known : app_.get_options()) {
      for (const std::string& name : known->get_lnames()) names.push_back("--" + name);
    }
    const std::vector<std::string_view> candidates(names.begin(), names.end());
    return error("unknown option " + quoted_briefly(word) +
                 did_you_mean(word.substr(0, word.find('=')), candidates));
  }

  std::string_view command_;
  std::string_view help_;
  Words words_;
  CLI::App app_;
};

CommandLine serve(Parsing& parsing) {
  ServeArguments arguments;
  parsing.option("--config", "FILE", arguments.config_path);
  parsing.option("--state-dir", "DIR", arguments.state_dir);
  if (auto answer = parsing.finish()) return *std::move(answer);
  if (arguments.state_dir && arguments.state_dir->empty()) {
    return parsing.error("--state-dir is empty; name a directory.");
  }
  return arguments;
}

CommandLine status(Parsing& parsing) {
  StatusArguments arguments;
  parsing.option("--config", "FILE", arguments.config_path);
  parsing.flag("--json", arguments.as_json);
  if (auto answer = parsing.finish()) return *std::move(answer);
  return arguments;
}

CommandLine peers(Parsing& parsing) {
  PeersArguments arguments;
  parsing.option("--config", "FILE", arguments.config_path);
  parsing.flag("--json", arguments.as_json);
  if (auto answer = parsing.finish()) return *std::move(answer);
  return arguments;
}

CommandLine check_config(Parsing& parsing) {
  CheckConfigArguments arguments;
  parsing.required("FILE", arguments.config_path);
  if (auto answer = parsing.finish()) return *std::move(answer);
  return arguments;
}

CommandLine print_config(Parsing& parsing) {
  using What = PrintConfigArguments::What;
  PrintConfigArguments arguments;
  bool defaults = false;
  bool sample = false;
  bool manual = false;  // Not in the help: for whoever changes the table of options.
  parsing.option("FILE", "FILE", arguments.config_path);
  parsing.flag("--defaults", defaults);
  parsing.flag("--sample", sample);
  parsing.flag("--manual", manual);
  parsing.flag("--explain", arguments.is_explained);
  if (auto answer = parsing.finish()) return *std::move(answer);
  if (arguments.config_path.has_value() + defaults + sample + manual > 1) {
    return parsing.error("FILE, --defaults and --sample exclude each other; write one of them.");
  }
  if (defaults) arguments.what = What::kDefaults;
  if (sample) arguments.what = What::kSample;
  if (manual) arguments.what = What::kManual;
  return arguments;
}

std::optional<uint32_t> parse_number(std::string_view text) {
  uint32_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped_at, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stopped_at != end) return {};
  return number;
}

std::optional<Duration> parse_timeout(std::string_view text) {
  if (const auto milliseconds = parse_number(text)) return std::chrono::milliseconds(*milliseconds);
  const auto duration = parse_duration(text);
  return duration ? std::optional(*duration) : std::nullopt;
}

CommandLine probe(Parsing& parsing) {
  ProbeArguments arguments;
  std::string uri_text;
  std::optional<std::string> timeout_text;
  std::optional<std::string> count_text;
  parsing.required("URI", uri_text);
  parsing.option("--timeout", "MS", timeout_text);
  parsing.option("--count", "N", count_text);
  parsing.flag("--json", arguments.as_json);
  parsing.option("--user", "NAME", arguments.login.user);
  parsing.option("--password-file", "FILE", arguments.login.password_file);
  parsing.option("--secret-file", "FILE", arguments.login.secret_file);
  parsing.option("--config", "FILE", arguments.login.config_path);
  if (auto answer = parsing.finish()) return *std::move(answer);

  const auto uri = StunUri::parse(uri_text);
  if (!uri) return parsing.error(uri.error() + ".");
  arguments.uri = *uri;
  if (timeout_text) {
    const auto timeout = parse_timeout(*timeout_text);
    if (!timeout || *timeout < std::chrono::milliseconds(1) || *timeout > std::chrono::minutes(1)) {
      return parsing.error("--timeout " + quoted_briefly(*timeout_text) +
                           " is not a number of milliseconds from 1 to 60000.");
    }
    arguments.timeout = *timeout;
  }
  const bool is_turn = arguments.uri.is_turn;
  if (is_turn) arguments.count = 10;
  if (count_text) {
    const uint32_t count_max = is_turn ? 100 : 1000;
    const auto count = parse_number(*count_text);
    if (!count || *count < 1 || *count > count_max) {
      return parsing.error("--count " + quoted_briefly(*count_text) +
                           " is not a number from 1 to " + std::to_string(count_max) + '.');
    }
    arguments.count = *count;
  }
  const TurnLoginSources& login = arguments.login;
  if (!is_turn && login != TurnLoginSources()) {
    return parsing.error("a STUN server wants no credentials; for a TURN server write turn:host.");
  }
  if (login.password_file && login.secret_file) {
    return parsing.error("--password-file and --secret-file exclude each other.");
  }
  if (login.password_file && !login.user) {
    return parsing.error("--password-file needs --user NAME.");
  }
  if (login.config_path && (login.user || login.secret_file)) {
    return parsing.error("--config names credentials too; leave it or the others out.");
  }
  return arguments;
}

CommandLine grant(Parsing& parsing) {
  using What = GrantArguments::What;
  GrantArguments arguments;
  std::string what;
  std::optional<std::string> name;
  std::optional<std::string> class_name;
  std::optional<std::string> bytes;
  std::optional<std::string> expires;
  parsing.required("add|list|revoke", what);
  parsing.option("NAME", "NAME", name);
  parsing.option("--class", "CLASS", class_name);
  parsing.option("--bytes", "SIZE", bytes);
  parsing.option("--expires", "TIME", expires);
  parsing.option("--config", "FILE", arguments.config_path);
  parsing.option("--state-dir", "DIR", arguments.state_dir);
  parsing.flag("--json", arguments.as_json);
  if (auto answer = parsing.finish()) return *std::move(answer);

  if (what != "add" && what != "list" && what != "revoke") {
    return parsing.error(quoted_briefly(what) + " is none of add, list and revoke.");
  }
  arguments.what = what == "add" ? What::kAdd : what == "list" ? What::kList : What::kRevoke;
  if (arguments.what == What::kList && name) {
    return parsing.error("list takes no name.");
  }
  if (arguments.what != What::kList && (!name || name->empty())) {
    return parsing.error(what + " needs the name of a friend.");
  }
  if (arguments.what != What::kAdd && (class_name || bytes || expires)) {
    return parsing.error("--class, --bytes and --expires belong to add.");
  }
  arguments.name = name.value_or("");
  if (arguments.name.size() > kGrantNameSizeMax) {
    return parsing.error("NAME is longer than " + std::to_string(kGrantNameSizeMax) + " bytes.");
  }
  if (class_name) {
    const auto payer = parse_class(*class_name);
    if (!payer) {
      return parsing.error("--class " + quoted_briefly(*class_name) +
                           " is neither friend nor friend-of-friend.");
    }
    arguments.payer = *payer;
  }
  if (bytes) {
    const auto size = parse_size(*bytes);
    if (!size) return parsing.error("--bytes " + size.error() + '.');
    arguments.bytes_max = *size;
  }
  if (expires) {
    const auto lifetime = parse_duration(*expires);
    if (!lifetime) return parsing.error("--expires " + lifetime.error() + '.');
    if (*lifetime < std::chrono::minutes(1) || *lifetime > std::chrono::hours(24 * 36'500)) {
      return parsing.error("--expires " + quoted_briefly(*expires) +
                           " is not between a minute and a hundred years.");
    }
    arguments.lifetime = *lifetime;
  }
  return arguments;
}

CommandLine version(Parsing& parsing) {
  if (auto answer = parsing.finish()) return *std::move(answer);
  return VersionArguments();
}

struct Command {
  std::string_view name;
  std::string_view help;
  CommandLine (*parse)(Parsing& parsing);
};

constexpr Command kCommands[] = {
    {"serve", kServeHelp, serve},
    {"status", kStatusHelp, status},
    {"peers", kPeersHelp, peers},
    {"probe", kProbeHelp, probe},
    {"grant", kGrantHelp, grant},
    {"check-config", kCheckConfigHelp, check_config},
    {"print-config", kPrintConfigHelp, print_config},
    {"version", kVersionHelp, version},
};

const Command* find_command(std::string_view name) {
  const auto* const found =
      std::find_if(std::begin(kCommands), std::end(kCommands),
                   [&](const Command& command) { return command.name == name; });
  return found == std::end(kCommands) ? nullptr : found;
}

Answer unknown_command(const std::string& word) {
  if (word.starts_with('-')) {
    return usage_error("", "unknown option " + quoted_briefly(word) + "; a command comes first.");
  }
  std::vector<std::string_view> names;
  for (const Command& command : kCommands) names.push_back(command.name);
  return usage_error("", "unknown command " + quoted_briefly(word) + did_you_mean(word, names));
}

CommandLine help(const Words& words) {
  if (words.size() < 2) return Answer{kExitOk, std::string(kGeneralHelp)};
  const Command* const command = find_command(words[1]);
  if (command == nullptr) return unknown_command(words[1]);
  return Answer{kExitOk, std::string(command->help)};
}

}  // namespace

CommandLine parse_command_line(int argc, const char* const* argv) {
  Words words(argv + std::min(argc, 1), argv + argc);
  if (words.empty()) return Answer{kExitUsage, std::string(kGeneralHelp)};
  const std::string first = words.front();
  if (first == "help" || first == "--help" || first == "-h") return help(words);
  if (first == "--version") return VersionArguments();
  const Command* const command = find_command(first);
  if (command == nullptr) return unknown_command(first);
  words.erase(words.begin());
  Parsing parsing(command->name, command->help, std::move(words));
  return command->parse(parsing);
}

}  // namespace roost::app
