// SPDX-License-Identifier: MIT
// Goal: credentials come from where the operator says, and whoever lacks some is told what to do.
#include "app/turn_login.h"

#include <gtest/gtest.h>

#include "environment_variable.h"
#include "text_file.h"

namespace roost::app {
namespace {

constexpr WallTime kNow{std::chrono::seconds(1'800'000'000)};
constexpr const char* kNoConfig = "/nonexistent/roost.toml";

std::string error(const TurnLoginSources& sources, bool is_on_this_machine = true,
                  std::optional<WallTime> now = kNow, const char* config = kNoConfig) {
  const auto login = find_turn_login(sources, is_on_this_machine, now, config);
  EXPECT_FALSE(login);
  return login ? "" : login.error();
}

void expect_login(const Result<TurnLogin, std::string>& login, std::string_view username,
                  std::string_view password, std::string_view source) {
  ASSERT_TRUE(login) << login.error();
  EXPECT_EQ(login->username, username);
  EXPECT_EQ(login->password, password);
  EXPECT_EQ(login->source, source);
}

TEST(TurnLogin, ReadsThePasswordFromTheFirstLineOfAFile) {
  for (const std::string text : {"open sesame", "open sesame\n", "open sesame\r\nand more\n"}) {
    const TextFile file(text);
    expect_login(find_turn_login({.user = "alice", .password_file = file.path()}, false, kNow),
                 "alice", "open sesame", file.path());
  }
}

TEST(TurnLogin, ReadsThePasswordFromTheEnvironment) {
  const EnvironmentVariable set(kPasswordVariable, "open sesame");
  expect_login(find_turn_login({.user = "alice"}, false, kNow), "alice", "open sesame",
               "ROOST_PASSWORD");
}

TEST(TurnLogin, MakesAPasswordThatExpiresFromASecret) {
  const TextFile file("north\n");
  // base64(HMAC-SHA1("north", "1800003600:probe")), by openssl.
  expect_login(find_turn_login({.secret_file = file.path()}, false, kNow), "1800003600:probe",
               "5PXLbkn6Gh2XS5Tu5k3TCCj8F0I=", file.path());
  expect_login(find_turn_login({.user = "carol", .secret_file = file.path()}, false, kNow),
               "1800003600:carol", "u7YfV7gmTmXvmL/YWFGgPw2NOtQ=", file.path());
}

TEST(TurnLogin, TakesTheFirstUserOfAConfigurationOrElseItsSecret) {
  const TextFile both(
      "[relay]\nusers = { alice = \"open sesame\", bob = \"x\" }\nshared_secret = \"north\"\n");
  expect_login(find_turn_login({.config_path = both.path()}, false, kNow), "alice", "open sesame",
               "relay.users of " + both.path());
  const TextFile secret("[relay]\nshared_secret = \"north\"\n");
  expect_login(find_turn_login({.config_path = secret.path()}, false, kNow), "1800003600:probe",
               "5PXLbkn6Gh2XS5Tu5k3TCCj8F0I=", "relay.shared_secret of " + secret.path());
}

// A server elsewhere could try passwords against what it is sent.
TEST(TurnLogin, ReadsTheNodesConfigurationUnaskedForThisMachineOnly) {
  const TextFile file("[relay]\nusers = { alice = \"open sesame\" }\n");
  expect_login(find_turn_login({}, true, kNow, file.path().c_str()), "alice", "open sesame",
               "relay.users of " + file.path());
  const std::string elsewhere = error({}, false, kNow, file.path().c_str());
  EXPECT_EQ(elsewhere.find("alice"), std::string::npos);
  EXPECT_NE(elsewhere.find("--user NAME"), std::string::npos);
}

TEST(TurnLogin, SaysWhatIsMissingAndWhatToDo) {
  const EnvironmentVariable unset(kPasswordVariable, {});
  struct Row {
    TurnLoginSources sources;
    std::string_view expect;  // A part of the message.
  };
  const Row rows[] = {
      {{}, "there is no /nonexistent/roost.toml to find out; give --user NAME"},
      {{.user = "alice"}, "the password of alice is missing; give --password-file FILE"},
      {{.user = "alice", .password_file = "/nonexistent/password"},
       "cannot read /nonexistent/password: No such file"},
      {{.secret_file = "/nonexistent/secret"}, "cannot read /nonexistent/secret"},
      {{.secret_file = "/"}, "cannot read /: Is a directory"},
      {{.config_path = "/nonexistent/other.toml"}, "or run this as who may read"},
  };
  for (const Row& row : rows) {
    EXPECT_NE(error(row.sources).find(row.expect), std::string::npos) << error(row.sources);
  }
}

TEST(TurnLogin, SaysWhyAFileDoesNotDo) {
  const auto with = [](const std::string& text, auto make) {
    const TextFile file(text);
    return error(make(file.path()));
  };
  const auto as_password = [](const std::string& path) {
    return TurnLoginSources{.user = "alice", .password_file = path};
  };
  const auto as_config = [](const std::string& path) {
    return TurnLoginSources{.config_path = path};
  };
  EXPECT_NE(with("", as_password).find("is empty"), std::string::npos);
  EXPECT_NE(with("\nlater", as_password).find("is empty"), std::string::npos);
  EXPECT_NE(with(std::string(5000, 'x'), as_password).find("too long"), std::string::npos);
  EXPECT_NE(with("", as_config).find("lets nobody use the relay; set relay.users"),
            std::string::npos);
  EXPECT_NE(with("[relay]\nenabled = false\n", as_config).find("relay.enabled is false"),
            std::string::npos);
  EXPECT_NE(with("[relay]\nusers = 7\n", as_config).find("relay.users"), std::string::npos);
}

TEST(TurnLogin, NeedsTheTimeForAPasswordThatExpires) {
  const TextFile file("north\n");
  EXPECT_NE(error({.secret_file = file.path()}, true, {}).find("clock"), std::string::npos);
}

}  // namespace
}  // namespace roost::app
