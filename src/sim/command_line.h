// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "sim/profile.h"

namespace roost::sim {

// What roost-sim is asked to do.
struct CommandLine {
  uint64_t first_seed = 1;
  std::optional<uint64_t> seed_count;  // --seeds: closes with a line of totals.
  std::optional<Profile> profile;      // Empty: each seed has its own.
  Play wishes;                         // Counts and minutes.
  size_t lookup_count = 0;             // --lookups: instead of worlds, so many lookups.
  bool prints_trace = false;
  bool wants_help = false;

  // The world of one seed.
  Play play_of(uint64_t seed) const;
};

// The arguments without the program's name; `--option value` and `--option=value`. Fails with a
// sentence for the user.
Result<CommandLine, std::string> parse_command_line(std::span<const std::string_view> arguments);

std::string_view usage();

// The command that plays the world of one seed once more.
std::string replay_command(const CommandLine& command_line, uint64_t seed);

}  // namespace roost::sim
