// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/toml_file.h"
#include "base/result.h"
#include "node/config.h"

namespace roost::app {

// Reading the one configuration file. All problems are told at once, each with its place, what
// would be right and what the option is for; only a syntax error hides those behind it.

inline constexpr size_t kConfigSizeMax = 1024 * 1024;  // The sample has 6 KiB.
inline constexpr size_t kProblemCountMax = 100;        // More are counted in a last one.
inline constexpr const char* kConfigPathDefault = "/etc/roost/roost.toml";

struct ConfigProblem {
  std::string file;
  TomlPlace at;         // Line 0: nowhere, as an option that is not set.
  std::string option;   // "section.name"; empty where it is about something else.
  std::string text;     // What is wrong, and what would be right.
  std::string meaning;  // Of the option; may be empty.
};

// `roost.toml:12:13: donate.bandwidth: "20 Mbits" is not a rate; write it like "20 Mbit/s" (bytes
// sent per second at most, headers included. 0: no limit)`, as compilers and editors know it.
std::string line_of(const ConfigProblem& problem);

// One line each.
std::string text_of(const std::vector<ConfigProblem>& problems);

struct ConfigFile {
  node::Config config;
  size_t options_set = 0;
};

Result<ConfigFile, std::vector<ConfigProblem>> parse_config(std::string_view text,
                                                            const std::string& file);
Result<ConfigFile, std::vector<ConfigProblem>> read_config(const std::string& path);

// What a command works with: the file that was named; else the file at `path_default` if there is
// one; else the defaults.
Result<ConfigFile, std::vector<ConfigProblem>> load_config(
    const std::optional<std::string>& path, const char* path_default = kConfigPathDefault);

}  // namespace roost::app
