// SPDX-License-Identifier: MIT
// Goal: what TOML allows arrives as sections of options, each with its place; what it does not
// allow is one error with its place.
#include "app/toml_file.h"

#include <gtest/gtest.h>

namespace roost::app {
namespace {

constexpr std::string_view kText =
    "outside = 1\n"
    "[node]\n"
    "listen = [ \"::\", 5 ]  # A comment.\n"
    "  port = 3478\n"
    "[stun]\n"
    "enabled = true\n"
    "ratio = 0.5\n"
    "since = 2026-01-01\n"
    "more = { a = 1 }\n"
    "[[peers]]\n";

TEST(TomlFile, HasSectionsOfEntriesWithTheirPlaces) {
  const auto file = parse_toml(kText);
  ASSERT_TRUE(file);
  ASSERT_EQ(file->outside.size(), 2u);
  EXPECT_EQ(file->outside[0].name, "outside");
  EXPECT_EQ(file->outside[1].name, "peers");
  EXPECT_EQ(shown(file->outside[1].value), "a list of tables");

  ASSERT_EQ(file->sections.size(), 2u);
  const TomlSection& node = file->sections[0];
  EXPECT_EQ(node.name, "node");
  EXPECT_EQ(node.at.line, 2u);
  ASSERT_EQ(node.entries.size(), 2u);
  const TomlEntry& listen = node.entries[0];
  EXPECT_EQ(listen.name, "listen");
  EXPECT_EQ(listen.at.column, 1u);
  EXPECT_EQ(listen.value.at.column, 10u);
  const auto& elements = std::get<std::vector<TomlValue>>(listen.value.data);
  ASSERT_EQ(elements.size(), 2u);
  EXPECT_EQ(std::get<std::string>(elements[0].data), "::");
  EXPECT_EQ(std::get<int64_t>(elements[1].data), 5);
  EXPECT_EQ(elements[1].at.line, 3u);
  EXPECT_EQ(elements[1].at.column, 18u);
  const TomlEntry& port = node.entries[1];
  EXPECT_EQ(port.at.line, 4u);
  EXPECT_EQ(port.at.column, 3u);
  EXPECT_EQ(port.value.at.column, 10u);
}

TEST(TomlFile, NamesValuesThatNoOptionCanHave) {
  const auto file = parse_toml(kText);
  ASSERT_TRUE(file);
  std::vector<std::string> names;
  for (const TomlEntry& entry : file->sections[1].entries) names.push_back(shown(entry.value));
  EXPECT_EQ(names, (std::vector<std::string>{"true", "a table", "a number with a fraction",
                                             "a date or time"}));
}

TEST(TomlFile, DottedAndInlineTablesAreSectionsToo) {
  for (const std::string_view text : {"node.port = 1", "node = { port = 1 }", "[node]\nport = 1"}) {
    const auto file = parse_toml(text);
    ASSERT_TRUE(file);
    ASSERT_EQ(file->sections.size(), 1u) << text;
    EXPECT_EQ(file->sections[0].entries[0].name, "port");
  }
}

TEST(TomlFile, ASyntaxErrorHasItsPlace) {
  struct Row {
    std::string_view text;
    uint32_t line;
  };
  const Row rows[] = {
      {"[node]\nport 1\n", 2}, {"[node]\nport = 1\nport = 2\n", 3},
      {"[node]\n[node]\n", 2}, {"a = \"unterminated\nb = 1\n", 1},
      {"a = 20 Mbit/s\n", 1},  {"\n\na = \xff\n", 3},
      {"[node\n", 1},
  };
  for (const Row& row : rows) {
    const auto file = parse_toml(row.text);
    ASSERT_FALSE(file) << row.text;
    EXPECT_EQ(file.error().at.line, row.line) << row.text << file.error().text;
    EXPECT_NE(file.error().text, "");
    EXPECT_EQ(file.error().text.find('\n'), std::string::npos);
  }
}

TEST(TomlFile, DeepNestingIsBounded) {
  std::string key = "a";
  for (size_t i = 0; i < kTomlDotCountMax; ++i) key += ".a";
  EXPECT_TRUE(parse_toml(key + " = 1"));
  EXPECT_FALSE(parse_toml(key + ".a = 1"));
  EXPECT_FALSE(parse_toml("a = " + std::string(100'000, '[')));
}

// toml++ would end the process on some of these.
TEST(TomlFile, RefusesWhatIsBeyondAsciiOutsideQuotationMarks) {
  for (const std::string_view text :
       {"grün = 1\n", "[tls]\ncertificateportc.mƔes", " ", "a = \"x\" ü", "a = \"\\\"\" ü",
        "a = '\\' ü", "a = \"\"\"\n\"\"\"\nü = 1", "[ü]", "a = 1*[\"b\"ü"}) {
    EXPECT_FALSE(parse_toml(text)) << text;
  }
}

TEST(TomlFile, ReadsWhatIsBeyondAsciiInStringsAndComments) {
  for (const std::string_view text : {"a = \"grün\"  # schön\n", "a = 'grün'", "# \" ü\na = 1",
                                      "\xef\xbb\xbf"
                                      "a = 1"}) {
    EXPECT_TRUE(parse_toml(text)) << text;
  }
}

}  // namespace
}  // namespace roost::app
