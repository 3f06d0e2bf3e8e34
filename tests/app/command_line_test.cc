// SPDX-License-Identifier: MIT
// Goal: each command line means one thing, or says what would be right and exits with 2.
// Method: rows of words, and the struct or the message that they must become.
#include "app/command_line.h"

#include <gtest/gtest.h>
#include <vector>

namespace roost::app {
namespace {

using namespace std::chrono_literals;

CommandLine parse(std::vector<const char*> words) {
  words.insert(words.begin(), "roost");
  return parse_command_line(static_cast<int>(words.size()), words.data());
}

// What parse() must have returned.
template <typename T>
T as(const CommandLine& command_line) {
  if (const auto* const wanted = std::get_if<T>(&command_line)) return *wanted;
  const auto* const answer = std::get_if<Answer>(&command_line);
  ADD_FAILURE() << (answer != nullptr ? answer->text : "another command");
  return T();
}

std::string error(std::vector<const char*> words) {
  const auto answer = as<Answer>(parse(std::move(words)));
  EXPECT_EQ(answer.exit_code, kExitUsage);
  return answer.text;
}

TEST(CommandLine, ServeTakesAConfigurationAndAStateDirectory) {
  EXPECT_FALSE(as<ServeArguments>(parse({"serve"})).config_path);
  EXPECT_FALSE(as<ServeArguments>(parse({"serve"})).state_dir);
  for (const auto& words : {std::vector<const char*>{"serve", "--config", "a", "--state-dir", "b"},
                            {"serve", "--state-dir=b", "--config=a"}}) {
    const auto serve = as<ServeArguments>(parse(words));
    EXPECT_EQ(serve.config_path, "a");
    EXPECT_EQ(serve.state_dir, "b");
  }
  EXPECT_EQ(as<ServeArguments>(parse({"serve", "--config=a", "--config=b"})).config_path, "b");
}

TEST(CommandLine, StatusTakesAConfigurationAndAFormat) {
  EXPECT_FALSE(as<StatusArguments>(parse({"status"})).as_json);
  EXPECT_FALSE(as<PeersArguments>(parse({"peers"})).as_json);
  const auto peers = as<PeersArguments>(parse({"peers", "--json", "--config", "a"}));
  EXPECT_TRUE(peers.as_json);
  EXPECT_EQ(peers.config_path, "a");
  const auto status = as<StatusArguments>(parse({"status", "--json", "--config", "a"}));
  EXPECT_TRUE(status.as_json);
  EXPECT_EQ(status.config_path, "a");
}

TEST(CommandLine, CheckConfigTakesAFile) {
  EXPECT_EQ(as<CheckConfigArguments>(parse({"check-config", "a"})).config_path, "a");
  EXPECT_EQ(as<CheckConfigArguments>(parse({"check-config", "serve"})).config_path, "serve");
  EXPECT_EQ(as<CheckConfigArguments>(parse({"check-config", "--", "-a"})).config_path, "-a");
}

TEST(CommandLine, PrintConfigTakesAFileOrOneOfItsTexts) {
  using What = PrintConfigArguments::What;
  struct Row {
    std::vector<const char*> words;
    What what;
    bool is_explained;
  };
  const Row rows[] = {
      {{"print-config"}, What::kEffective, false},
      {{"print-config", "--explain"}, What::kEffective, true},
      {{"print-config", "--defaults"}, What::kDefaults, false},
      {{"print-config", "--sample"}, What::kSample, false},
      {{"print-config", "--manual"}, What::kManual, false},
  };
  for (const Row& row : rows) {
    const auto print = as<PrintConfigArguments>(parse(row.words));
    EXPECT_EQ(print.what, row.what);
    EXPECT_EQ(print.is_explained, row.is_explained);
    EXPECT_FALSE(print.config_path);
  }
  EXPECT_EQ(as<PrintConfigArguments>(parse({"print-config", "a"})).config_path, "a");
}

TEST(CommandLine, ProbeTakesAUriATimeoutAndACount) {
  const auto plain = as<ProbeArguments>(parse({"probe", "stun:example.org"}));
  EXPECT_EQ(plain.uri, (StunUri{"example.org", 3478, StunUri::Transport::kUdp}));
  EXPECT_EQ(plain.timeout, 3s);
  EXPECT_EQ(plain.count, 1u);
  EXPECT_FALSE(plain.as_json);
  const auto full = as<ProbeArguments>(
      parse({"probe", "--timeout", "250", "stuns:[::1]:443", "--count", "1000", "--json"}));
  EXPECT_EQ(full.uri, (StunUri{"::1", 443, StunUri::Transport::kTls}));
  EXPECT_EQ(full.timeout, 250ms);
  EXPECT_EQ(full.count, 1000u);
  EXPECT_TRUE(full.as_json);
  EXPECT_EQ(as<ProbeArguments>(parse({"probe", "stun:a", "--timeout", "2 s"})).timeout, 2s);
}

TEST(CommandLine, GrantTakesWhatToDoAndForWhom) {
  using What = GrantArguments::What;
  const auto plain = as<GrantArguments>(parse({"grant", "add", "Anna"}));
  EXPECT_EQ(plain.what, What::kAdd);
  EXPECT_EQ(plain.name, "Anna");
  EXPECT_EQ(plain.payer, core::Payer::kFriend);
  EXPECT_EQ(plain.bytes_max, 0u);
  EXPECT_FALSE(plain.lifetime);
  const auto full =
      as<GrantArguments>(parse({"grant", "add", "B", "--class", "friend-of-friend", "--bytes",
                                "50 GB", "--expires", "90 d", "--state-dir", "s"}));
  EXPECT_EQ(full.payer, core::Payer::kFriendOfFriend);
  EXPECT_EQ(full.bytes_max, 50'000'000'000u);
  EXPECT_EQ(full.lifetime, Duration(24h * 90));
  EXPECT_EQ(full.state_dir, "s");
  const auto list = as<GrantArguments>(parse({"grant", "list", "--json", "--config", "c"}));
  EXPECT_EQ(list.what, What::kList);
  EXPECT_TRUE(list.as_json);
  EXPECT_EQ(list.config_path, "c");
  const auto revoke = as<GrantArguments>(parse({"grant", "revoke", "Anna"}));
  EXPECT_EQ(revoke.what, What::kRevoke);
  EXPECT_EQ(revoke.name, "Anna");
}

TEST(CommandLine, GrantSaysWhatWouldBeRight) {
  const std::string long_name(101, 'x');
  struct Row {
    std::vector<const char*> words;
    const char* says;
  };
  const Row rows[] = {
      {{"grant"}, "add|list|revoke"},
      {{"grant", "give", "Anna"}, "none of add, list and revoke"},
      {{"grant", "add"}, "needs the name"},
      {{"grant", "add", ""}, "needs the name"},
      {{"grant", "revoke"}, "needs the name"},
      {{"grant", "list", "Anna"}, "takes no name"},
      {{"grant", "revoke", "Anna", "--bytes", "1 GB"}, "belong to add"},
      {{"grant", "add", "Anna", "--class", "stranger"}, "neither friend nor friend-of-friend"},
      {{"grant", "add", "Anna", "--bytes", "many"}, "--bytes"},
      {{"grant", "add", "Anna", "--expires", "never"}, "--expires"},
      {{"grant", "add", "Anna", "--expires", "1 s"}, "between a minute and a hundred years"},
      {{"grant", "add", long_name.c_str()}, "longer than 100 bytes"},
  };
  for (const Row& row : rows) {
    const std::string text = error(row.words);
    EXPECT_NE(text.find(row.says), std::string::npos) << text;
  }
}

TEST(CommandLine, ProbeOfATurnServerTakesCredentials) {
  const auto plain = as<ProbeArguments>(parse({"probe", "turn:example.org"}));
  EXPECT_TRUE(plain.uri.is_turn);
  EXPECT_EQ(plain.count, 10u);
  EXPECT_EQ(plain.login, TurnLoginSources());
  const auto named = as<ProbeArguments>(parse(
      {"probe", "turns:a", "--user", "alice", "--password-file", "-", "--count", "100", "--json"}));
  EXPECT_EQ(named.login, (TurnLoginSources{.user = "alice", .password_file = "-"}));
  EXPECT_EQ(named.count, 100u);
  const auto secret =
      as<ProbeArguments>(parse({"probe", "turn:a", "--user", "alice", "--secret-file", "f"}));
  EXPECT_EQ(secret.login, (TurnLoginSources{.user = "alice", .secret_file = "f"}));
  const auto config = as<ProbeArguments>(parse({"probe", "turn:a", "--config", "c"}));
  EXPECT_EQ(config.login, (TurnLoginSources{.config_path = "c"}));

  for (const auto& wrong : std::vector<std::vector<const char*>>{
           {"probe", "stun:a", "--user", "alice"},
           {"probe", "stun:a", "--config", "c"},
           {"probe", "turn:a", "--password-file", "f"},
           {"probe", "turn:a", "--user", "alice", "--password", "open sesame"},
           {"probe", "turn:a", "--user", "a", "--password-file", "f", "--secret-file", "f"},
           {"probe", "turn:a", "--user", "a", "--config", "c"},
           {"probe", "turn:a", "--count", "101"},
           {"probe", "turns:a?transport=udp"}}) {
    EXPECT_NE(error(wrong), "") << wrong.back();
  }
}

TEST(CommandLine, VersionIsACommandAndAnOption) {
  as<VersionArguments>(parse({"version"}));
  as<VersionArguments>(parse({"--version"}));
}

TEST(CommandLine, HelpExplainsEachCommandWithAnExampleAndExitCodes) {
  const auto general = as<Answer>(parse({"--help"}));
  EXPECT_EQ(general.exit_code, kExitOk);
  EXPECT_EQ(as<Answer>(parse({"help"})).text, general.text);
  EXPECT_EQ(as<Answer>(parse({"-h"})).text, general.text);
  for (const char* const name :
       {"serve", "status", "peers", "grant", "probe", "check-config", "print-config", "version"}) {
    SCOPED_TRACE(name);
    EXPECT_NE(general.text.find("\n  " + std::string(name) + ' '), std::string::npos);
    const auto help = as<Answer>(parse({name, "--help"}));
    EXPECT_EQ(help.exit_code, kExitOk);
    for (const std::string part : {"Usage: roost ", "Example: roost ", "Exit codes: 0"}) {
      EXPECT_NE(help.text.find(part), std::string::npos) << part;
    }
    EXPECT_EQ(as<Answer>(parse({name, "-h"})).text, help.text);
    EXPECT_EQ(as<Answer>(parse({"help", name})).text, help.text);
    EXPECT_EQ(as<Answer>(parse({name, "--json", "--help"})).text, help.text);
  }
}

TEST(CommandLine, ExamplesInTheHelpAreUnderstood) {
  as<ServeArguments>(parse({"serve", "--config", "roost.toml", "--state-dir", "./var"}));
  as<StatusArguments>(parse({"status", "--json"}));
  as<CheckConfigArguments>(parse({"check-config", "/etc/roost/roost.toml"}));
  as<PrintConfigArguments>(parse({"print-config", "--sample"}));
  as<ProbeArguments>(parse({"probe", "stun:127.0.0.1:3478", "--count", "3"}));
}

TEST(CommandLine, WithoutACommandSaysWhatThereIs) {
  const auto answer = as<Answer>(parse({}));
  EXPECT_EQ(answer.exit_code, kExitUsage);
  EXPECT_NE(answer.text.find("Usage: roost COMMAND"), std::string::npos);
  const char* const* const no_words = nullptr;
  EXPECT_EQ(as<Answer>(parse_command_line(0, no_words)).exit_code, kExitUsage);
}

TEST(CommandLine, ThatIsWrongSaysWhatWouldBeRight) {
  struct Row {
    std::vector<const char*> words;
    std::string_view expect;
  };
  const Row rows[] = {
      {{"sevre"}, "roost: unknown command \"sevre\"; did you mean serve? Try roost --help\n"},
      {{"dance"}, "roost: unknown command \"dance\". Try roost --help\n"},
      {{"help", "dance"}, "roost: unknown command \"dance\". Try roost --help\n"},
      {{"--config", "a", "serve"},
       "roost: unknown option \"--config\"; a command comes first. Try roost --help\n"},
      {{"serve", "--confg", "a"},
       "roost: serve: unknown option \"--confg\"; did you mean --config? Try roost serve --help\n"},
      {{"serve", "--confg=a"},
       "roost: serve: unknown option \"--confg=a\"; did you mean --config? Try roost serve "
       "--help\n"},
      {{"serve", "now"}, "roost: serve: unexpected argument \"now\". Try roost serve --help\n"},
      {{"serve", "--config"}, "roost: serve: --config needs a FILE. Try roost serve --help\n"},
      {{"serve", "--state-dir", ""},
       "roost: serve: --state-dir is empty; name a directory. Try roost serve --help\n"},
      {{"status", "--json=maybe"},
       "roost: status: --json takes no value. Try roost status --help\n"},
      {{"check-config"}, "roost: check-config: FILE is required. Try roost check-config --help\n"},
      {{"check-config", "a", "b"},
       "roost: check-config: unexpected argument \"b\". Try roost check-config --help\n"},
      {{"check-config", "--jsn"},
       "roost: check-config: unknown option \"--jsn\". Try roost check-config --help\n"},
      {{"print-config", "a", "--defaults"},
       "roost: print-config: FILE, --defaults and --sample exclude each other; write one of them. "
       "Try roost print-config --help\n"},
      {{"probe"}, "roost: probe: URI is required. Try roost probe --help\n"},
      {{"probe", "example.org"},
       "roost: probe: \"example.org\" is not a STUN or TURN URI; write it like "
       "\"stun:stun.example.org:3478\". Try roost probe --help\n"},
      {{"probe", "stun:a", "--timeout", "0"},
       "roost: probe: --timeout \"0\" is not a number of milliseconds from 1 to 60000. Try roost "
       "probe --help\n"},
      {{"probe", "stun:a", "--count", "many"},
       "roost: probe: --count \"many\" is not a number from 1 to 1000. Try roost probe --help\n"},
      {{"version", "now"},
       "roost: version: unexpected argument \"now\". Try roost version --help\n"},
  };
  for (const Row& row : rows) EXPECT_EQ(error(row.words), row.expect);
  for (const char* const timeout : {"60001", "-1", "1.5", "2 min", "", "99999999999999999999"}) {
    EXPECT_NE(error({"probe", "stun:a", "--timeout", timeout}), "") << timeout;
  }
  for (const char* const count : {"0", "1001", "-1", "1.5", ""}) {
    EXPECT_NE(error({"probe", "stun:a", "--count", count}), "") << count;
  }
}

}  // namespace
}  // namespace roost::app
