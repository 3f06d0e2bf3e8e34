// SPDX-License-Identifier: MIT
// Goal: every kind of value is read, refused with a reason, and written as it can be read again.
// Method: rows of {option, TOML value, what is written back or complained}, over the real table.
#include "app/option_kind.h"

#include <gtest/gtest.h>

#include "app/options.h"

namespace roost::app {
namespace {

// Reads `toml` as the option's value; the first complaint, or what is written back.
std::string outcome(std::string_view full_name, const std::string& toml) {
  const Option* const option = find_option(full_name);
  if (option == nullptr) return "no such option";
  const auto file = parse_toml("s.v = " + toml);
  if (!file) return "no TOML: " + file.error().text;
  node::Config config;
  const auto problems = read_value(option->kind, file->sections[0].entries[0].value, config);
  if (problems.empty()) return value_text(option->kind, config);
  EXPECT_EQ(value_text(option->kind, config), value_text(option->kind, node::Config()));
  return problems.front().text;
}

TEST(OptionKind, ValuesAreWrittenAsTheyCanBeReadAgain) {
  struct Row {
    std::string_view option;
    std::string toml;
    std::string_view expect;
  };
  const std::string longest = '"' + std::string(127, 'x') + '"';
  const Row rows[] = {
      {"stun.enabled", "true", "true"},
      {"stun.enabled", "false", "false"},
      {"donate.connections", "0x10", "16"},
      {"donate.connections", "1", "1"},
      {"donate.connections", "1_000_000", "1000000"},
      {"admission.packets_per_second_per_prefix", "0", "0"},
      {"node.port", "0", "0"},
      {"node.port", "65535", "65535"},
      {"stun.discovery_port", "1", "1"},
      {"donate.monthly", "0", "0"},
      {"donate.monthly", "\"0\"", "0"},
      {"donate.monthly", "\"1500 MB\"", "\"1.5 GB\""},
      {"donate.monthly", "\"100 PB\"", "\"100 PB\""},
      {"donate.memory", "\"1024 KiB\"", "\"1 MiB\""},
      {"donate.bandwidth", "\"2.5 MB/s\"", "\"20 Mbit/s\""},
      {"donate.bandwidth", "0", "0"},
      {"stun.software", "\"\"", "\"\""},
      {"stun.software", "'say \"hi\" \\ ~'", R"("say \"hi\" \\ ~")"},

      {"stun.software", longest, longest},
      {"node.state_dir", "\"/var/lib/größe\"", "\"/var/lib/größe\""},
      {"node.listen", "[]", "[]"},
      {"node.listen", "[\"::\"]", "[\"::\"]"},
      {"node.listen", "[\"::ffff:192.0.2.1\", \"2001:DB8:0::1\"]",
       R"(["192.0.2.1", "2001:db8::1"])"},
      {"node.role", "\"supernode\"", "\"supernode\""},
      {"log.level", "\"error\"", "\"error\""},
      {"log.format", "\"journal\"", "\"journal\""},
      {"metrics.listen", "\"\"", "\"\""},
      {"metrics.listen", "\"[::1]:9478\"", "\"[::1]:9478\""},
      {"metrics.listen", "\"192.0.2.1:1\"", "\"192.0.2.1:1\""},
      {"metrics.listen", "\"unix:/run/r.sock\"", "\"unix:/run/r.sock\""},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.option) + " = " + row.toml);
    EXPECT_EQ(outcome(row.option, row.toml), row.expect);
  }
}

TEST(OptionKind, WhatDoesNotFitIsRefusedWithWhatWould) {
  struct Row {
    std::string_view option;
    std::string toml;
    std::string_view expect;
  };
  const Row rows[] = {
      {"stun.enabled", "\"yes\"",
       R"("yes" is not true or false; write one of those, without quotes)"},
      {"stun.enabled", "1", "1 is not true or false; write one of those, without quotes"},
      {"donate.connections", "0", "0 is too small; write a whole number from 1 to 1000000"},
      {"donate.connections", "-1", "-1 is too small; write a whole number from 1 to 1000000"},
      {"donate.connections", "1000001",
       "1000001 is too large; write a whole number from 1 to 1000000"},
      {"donate.connections", "9223372036854775807",
       "9223372036854775807 is too large; write a whole number from 1 to 1000000"},
      {"donate.connections", "\"16\"", R"("16" is not a whole number; write it without quotes)"},
      {"donate.connections", "\"many\"",
       R"("many" is not a whole number; write a whole number from 1 to 1000000)"},
      {"donate.connections", "1.5",
       "a number with a fraction is not a whole number; write a whole number from 1 to 1000000"},
      {"node.port", "65536", "65536 is too large; write a whole number from 0 to 65535"},
      {"node.port", "\"3478\"", R"("3478" is not a port; write it without quotes)"},
      {"stun.discovery_port", "0", "0 is too small; write a whole number from 1 to 65535"},
      {"donate.monthly", "500", R"("500" has no unit; write it like "500 GB")"},
      {"donate.monthly", "-500", R"("-500" is not a size; write it like "500 GB")"},
      {"donate.monthly", "true", R"(true is not a size; write it like "500 GB")"},
      {"donate.monthly", "\"101 PB\"", R"("101 PB" is too large; write at most "100 PB")"},
      {"donate.memory", "\"1 kB\"", R"("1 kB" is too small; write at least "1 MiB")"},
      {"donate.memory", "0", R"(0 is too small; write at least "1 MiB")"},
      {"donate.bandwidth", "\"20 Mbits\"",
       R"("20 Mbits" is not a rate; write it like "20 Mbit/s")"},
      {"donate.bandwidth", "[]", R"(a list is not a rate; write it like "20 Mbit/s")"},
      {"stun.software", "5", "5 is not a text; write it in quotes"},
      {"stun.software", "\"ö\"",
       "\"ö\" has characters that are not printable ASCII; write letters, digits, blanks and "
       "punctuation"},
      {"stun.software", '"' + std::string(128, 'x') + '"',
       "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\" is too long; write at "
       "most 127 characters"},
      {"node.state_dir", "true", "true is not a path; write it in quotes"},
      {"node.state_dir", "\"a\\u0000b\"",
       R"("a\u0000b" is not a path; write it without control characters)"},
      {"node.listen", "\"::\"", R"("::" is not a list; write ["::"])"},
      {"node.listen", "true",
       R"(true is not a list; write addresses like ["192.0.2.1", "2001:db8::1"])"},
      {"node.listen", "[\"eth0\"]",
       R"("eth0" is not an IP address; write it like "192.0.2.1" or "2001:db8::1")"},
      {"node.listen", "[\"192.0.2.1:3478\"]",
       R"("192.0.2.1:3478" is not an IP address; write it without a port)"},
      {"node.listen", "[\"10.0.0.0/8\"]",
       R"("10.0.0.0/8" is not an IP address; write it without "/" and a length)"},
      {"node.listen", "[[]]",
       R"(a list is not an IP address; write it like "192.0.2.1" or "2001:db8::1")"},
      {"node.role", "\"leav\"",
       "\"leav\" is not one of the choices; write \"auto\", \"leaf\" or \"supernode\"; did you "
       "mean "
       "\"leaf\"?"},
      {"node.role", "1", R"(1 is not one of the choices; write "auto", "leaf" or "supernode")"},
      {"metrics.listen", "9478",
       "9478 is not an address and port or a socket's path; write it like \"127.0.0.1:9478\", "
       "\"[::1]:9478\", \"unix:/run/roost/admin.sock\", or \"\" for none"},
      {"metrics.listen", "\"unix:admin.sock\"",
       "\"unix:admin.sock\" is not \"unix:\" and a path; write a path that begins with \"/\" and "
       "has at most 107 bytes"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.option) + " = " + row.toml);
    EXPECT_EQ(outcome(row.option, row.toml), row.expect);
  }
}

TEST(OptionKind, ChoicesMeanWhatTheirNamesSay) {
  const auto read = [](std::string_view full_name, const std::string& name) {
    node::Config config;
    const auto file = parse_toml("s.v = \"" + name + '"');
    EXPECT_TRUE(read_value(find_option(full_name)->kind, file->sections[0].entries[0].value, config)
                    .empty());
    return config;
  };
  EXPECT_EQ(read("node.role", "auto").node.role, node::RoleChoice::kAuto);
  EXPECT_EQ(read("node.role", "leaf").node.role, node::RoleChoice::kLeaf);
  EXPECT_EQ(read("node.role", "supernode").node.role, node::RoleChoice::kSupernode);
  EXPECT_EQ(read("log.level", "debug").log.level, node::LogLevel::kDebug);
  EXPECT_EQ(read("log.level", "info").log.level, node::LogLevel::kInfo);
  EXPECT_EQ(read("log.level", "warn").log.level, node::LogLevel::kWarn);
  EXPECT_EQ(read("log.level", "error").log.level, node::LogLevel::kError);
  EXPECT_EQ(read("log.format", "auto").log.format, node::LogFormat::kAuto);
  EXPECT_EQ(read("log.format", "human").log.format, node::LogFormat::kHuman);
  EXPECT_EQ(read("log.format", "journal").log.format, node::LogFormat::kJournal);
}

TEST(OptionKind, AnAdminEndpointNeedsAPortAndAPathThatFits) {
  for (const std::string text : {"127.0.0.1", "127.0.0.1:0", "localhost:9478", ":9478",
                                 "unix:", "unix:/\\u0007", "/run/admin.sock"}) {
    EXPECT_NE(outcome("metrics.listen", '"' + text + '"').find("is not"), std::string::npos)
        << text;
  }
  const std::string longest = "unix:/" + std::string(kUnixPathSizeMax - 1, 'x');
  EXPECT_EQ(outcome("metrics.listen", '"' + longest + '"'), '"' + longest + '"');
  EXPECT_NE(outcome("metrics.listen", '"' + longest + "x\"").find("at most 107"),
            std::string::npos);
}

TEST(OptionKind, AListNamesEachBadElementAtItsPlaceAndIsBounded) {
  const Option& listen = *find_option("node.listen");
  node::Config config;
  auto file = parse_toml("s.v = [\"a\", \"::1\",\n \"b\"]");
  auto problems = read_value(listen.kind, file->sections[0].entries[0].value, config);
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_EQ(problems[0].at.line, 1u);
  EXPECT_EQ(problems[0].at.column, 8u);
  EXPECT_EQ(problems[1].at.line, 2u);
  EXPECT_EQ(config.node.listen, node::Config().node.listen);

  std::string many = "s.v = [";
  for (size_t i = 0; i <= kAddressCountMax; ++i) many += "\"::\",";
  file = parse_toml(many + "]");
  problems = read_value(listen.kind, file->sections[0].entries[0].value, config);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].text, "has 65 addresses; write at most 64");
}

TEST(OptionKind, CopiesOneValueAndNoOther) {
  node::Config from;
  for (const Option& option : options()) {
    if (const auto* const count = std::get_if<Count>(&option.kind)) count->field.in(from) += 1;
    if (const auto* const flag = std::get_if<Flag>(&option.kind)) flag->field.in(from) ^= true;
  }
  from.metrics.listen.reset();
  from.metrics.listen_path = "/run/x";
  from.log.level = node::LogLevel::kError;
  for (const Option& copied : options()) {
    node::Config to;
    copy_value(copied.kind, from, to);
    for (const Option& option : options()) {
      const node::Config& like = &option == &copied ? from : node::Config();
      EXPECT_EQ(value_text(option.kind, to), value_text(option.kind, like)) << option.full_name;
    }
  }
}

}  // namespace
}  // namespace roost::app
