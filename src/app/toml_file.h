// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace roost::app {

// TOML 1.0 as far as a configuration needs it: sections of options, each with its place in the
// text, so that a message can point at it. The one file that knows toml++.

struct TomlPlace {
  uint32_t line = 0;    // From 1; 0 is nowhere.
  uint32_t column = 0;  // From 1, in characters.
};

// A value that no option can have, by what it is: "a table", "a date".
struct TomlOther {
  std::string_view what;
};

struct TomlEntry;
using TomlTable = std::vector<TomlEntry>;  // By name.

struct TomlValue {
  TomlPlace at;
  std::variant<TomlOther, bool, int64_t, std::string, std::vector<TomlValue>, TomlTable> data;
};

// The value as a message names it: 12, "text", true, a list, a table.
std::string shown(const TomlValue& value);

struct TomlEntry {
  std::string name;
  TomlPlace at;  // Of the name.
  TomlValue value;
};

struct TomlSection {
  std::string name;
  TomlPlace at;
  TomlTable entries;
};

struct TomlFile {
  std::vector<TomlEntry> outside;  // Before the first section, in order of their names.
  std::vector<TomlSection> sections;
};

struct TomlError {
  TomlPlace at;
  std::string text;  // One line, from the parser, which stops at the first error.
};

// A key of a million dots makes as many tables, which are freed by as many nested calls. A text
// with more dots than this is refused; no configuration comes near.
inline constexpr size_t kTomlDotCountMax = 4096;

Result<TomlFile, TomlError> parse_toml(std::string_view text);

}  // namespace roost::app
