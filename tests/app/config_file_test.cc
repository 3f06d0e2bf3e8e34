// SPDX-License-Identifier: MIT
// Goal: whoever gets a file wrong learns everything at once, where it is and what would be right.
// Method: files with mistakes and the exact lines that they must cause.
#include "app/config_file.h"

#include <gtest/gtest.h>

#include "text_file.h"

namespace roost::app {
namespace {

std::string complaints(std::string_view text) {
  const auto file = parse_config(text, "f.toml");
  return file ? "" : text_of(file.error());
}

TEST(ConfigFile, IsReadOverTheDefaults) {
  const auto file = parse_config(
      "# My node.\n"
      "[donate]\n"
      "bandwidth = \"10 Mbit/s\"\n"
      "[node]\n"
      "role = \"leaf\"\n",
      "f.toml");
  ASSERT_TRUE(file) << text_of(file.error());
  EXPECT_EQ(file->options_set, 2u);
  EXPECT_EQ(file->config.donate.bandwidth_bytes_per_second, 1'250'000u);
  EXPECT_EQ(file->config.node.role, node::RoleChoice::kLeaf);
  EXPECT_EQ(file->config.donate.monthly_bytes, node::Config().donate.monthly_bytes);
}

TEST(ConfigFile, MayBeEmpty) {
  for (const std::string_view text : {"", "\n", "# Nothing.", "[donate]\n", "\xef\xbb\xbf"}) {
    EXPECT_EQ(complaints(text), "");
  }
}

TEST(ConfigFile, AProblemHasItsPlaceItsReasonAndTheMeaningOfTheOption) {
  EXPECT_EQ(
      complaints("[donate]\nbandwidth = \"20 Mbits\"\n"),
      "f.toml:2:13: donate.bandwidth: \"20 Mbits\" is not a rate; write it like \"20 Mbit/s\" "
      "(bytes sent per second at most, headers included. 0: no limit)\n");
}

TEST(ConfigFile, AbbreviationsKeepTheirCaseInAMeaning) {
  const std::string line = complaints("[tls]\nkey = 5\n");
  EXPECT_NE(line.find("(PEM file of"), std::string::npos) << line;
}

TEST(ConfigFile, AllProblemsAreToldInTheOrderOfTheFile) {
  const auto file = parse_config(
      "[stun]\n"
      "enabled = 1\n"
      "[donate]\n"
      "bandwith = \"1 Mbit/s\"\n"
      "memory = 5\n"
      "[node]\n"
      "listen = [\"a\", \"b\"]\n",
      "f.toml");
  ASSERT_FALSE(file);
  std::vector<std::pair<uint32_t, std::string>> found;
  for (const ConfigProblem& problem : file.error())
    found.emplace_back(problem.at.line, problem.option);
  EXPECT_EQ(found, (std::vector<std::pair<uint32_t, std::string>>{{2, "stun.enabled"},
                                                                  {4, "donate.bandwith"},
                                                                  {5, "donate.memory"},
                                                                  {7, "node.listen"},
                                                                  {7, "node.listen"}}));
}

TEST(ConfigFile, NamesThatDoNotExistAreErrorsWithAProposal) {
  struct Row {
    std::string_view text;
    std::string_view expect;
  };
  const Row rows[] = {
      {"[donate]\nbandwith = 0\n",
       "f.toml:2:1: donate.bandwith: is not an option; did you mean donate.bandwidth?\n"},
      {"[node]\nbandwidth = 0\n",
       "f.toml:2:1: node.bandwidth: is not an option; did you mean donate.bandwidth?\n"},
      {"[node]\nzzz = 0\n", "f.toml:2:1: node.zzz: is not an option\n"},
      {"[donation]\nbandwidth = 0\n", "f.toml:1:2: [donation] is not a section\n"},
      {"[donatee]\nbandwidth = 0\n",
       "f.toml:1:2: [donatee] is not a section; did you mean [donate]?\n"},
      {"port = 1\n", "f.toml:1:1: \"port\" stands outside any section; did you mean node.port?\n"},
      {"[node]\n\"a\\nb\" = 1\n", "f.toml:2:1: node.\"a\\nb\": is not an option\n"},
      {"[\"\\u001b[31m\"]\n", "f.toml:1:2: [\"\\u001B[31m\"] is not a section\n"},
      {"zzz = 1\n", "f.toml:1:1: \"zzz\" stands outside any section, and is no option\n"},
      {"node = 1\n", "f.toml:1:1: node: is a section, not an option; write [node]\n"},
      {"[[node]]\nport = 1\n", "f.toml:1:3: node: is a section, not an option; write [node]\n"},
      {"[node.port]\nx = 1\n",
       "f.toml:1:1: node.port: a table is not a port; write a whole number from 0 to 65535 (port "
       "to "
       "listen on, for UDP and TCP: the one to forward on a home router. 0: the system chooses)\n"},
  };
  for (const Row& row : rows) EXPECT_EQ(complaints(row.text), row.expect);
}

TEST(ConfigFile, ASyntaxErrorSaysThatTheRestWasNotRead) {
  const std::string line = complaints("[node]\nport = 1\nport = 2\nlisten = 5\n");
  EXPECT_TRUE(line.starts_with("f.toml:3:")) << line;
  EXPECT_TRUE(line.find(" (what follows was not read") != std::string::npos) << line;
}

TEST(ConfigFile, WhatTheNodeFindsWrongIsToldAtTheOptionsPlace) {
  EXPECT_EQ(complaints("[stun]\ndiscovery_port = 3478\ndiscovery_addresses = [\"192.0.2.1\", "
                       "\"192.0.2.2\"]\n"),
            "f.toml:2:18: stun.discovery_port: must differ from node.port (the second port of NAT "
            "behaviour discovery; the first is node.port)\n");
}

TEST(ConfigFile, WhatTheNodeMissesIsToldAsNotSet) {
  EXPECT_EQ(
      complaints("[tls]\ncertificate = \"c.pem\"\n"),
      "f.toml: tls.key (not set): is missing: a certificate and its key go together (PEM file "
      "of the certificate's private key; read again when it changes)\n");
}

TEST(ConfigFile, AnUnreadableValueIsNotJudgedByTheDefaultInItsPlace) {
  // The default of donate.memory is too small for so many connections, but that is not the mistake.
  const auto file =
      parse_config("[donate]\nmemory = \"4 GB RAM\"\nconnections = 20000\n", "f.toml");
  ASSERT_FALSE(file);
  ASSERT_EQ(file.error().size(), 1u) << text_of(file.error());
  EXPECT_EQ(file.error()[0].at.line, 2u);
}

TEST(ConfigFile, ManyProblemsAreCounted) {
  std::string text = "[node]\n";
  for (int i = 0; i < 150; ++i) text += "zzz" + std::to_string(i) + " = 1\n";
  const auto file = parse_config(text, "f.toml");
  ASSERT_FALSE(file);
  ASSERT_EQ(file.error().size(), kProblemCountMax + 1);
  EXPECT_EQ(line_of(file.error().back()), "f.toml: has 50 more problems");
}

TEST(ConfigFile, IsReadFromDisk) {
  const TextFile on_disk("[node]\nport = 5000\n");
  const auto file = read_config(on_disk.path());
  ASSERT_TRUE(file);
  EXPECT_EQ(file->config.node.port, 5000);
}

TEST(ConfigFile, OfOneMebibyteIsReadAndLargerIsNot) {
  const std::string largest(kConfigSizeMax, '#');
  EXPECT_TRUE(read_config(TextFile(largest).path()));
  const TextFile larger(largest + '#');
  const auto file = read_config(larger.path());
  ASSERT_FALSE(file);
  EXPECT_EQ(text_of(file.error()),
            larger.path() + ": has more than 1 MiB; is it the right file?\n");
}

TEST(ConfigFile, ThatCannotBeReadSaysWhyAndWhatToDo) {
  const std::string missing = testing::TempDir() + "roost_there_is_no_such_file.toml";
  EXPECT_EQ(text_of(read_config(missing).error()),
            missing +
                ": cannot be opened: No such file or directory; to make one: roost "
                "print-config --sample > roost.toml\n");
  EXPECT_EQ(text_of(read_config("/").error()), "/: cannot be read: Is a directory\n");
}

TEST(ConfigFile, IsTheNamedOneElseTheDefaultOneElseNone) {
  const TextFile at_default("[node]\nport = 5000\n");
  const std::string missing = testing::TempDir() + "roost_there_is_no_such_file.toml";
  EXPECT_EQ(load_config({}, at_default.path().c_str())->config.node.port, 5000);
  EXPECT_EQ(load_config({}, missing.c_str())->config.node.port, node::Config().node.port);
  EXPECT_FALSE(load_config(missing, at_default.path().c_str()));
  EXPECT_EQ(load_config(at_default.path(), missing.c_str())->config.node.port, 5000);
}

}  // namespace
}  // namespace roost::app
