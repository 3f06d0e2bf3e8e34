// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "app/option_kind.h"

namespace roost::app {

// What a change of the option in the file does to a daemon that is told to reload.
enum class Reload : uint8_t {
  kTakenOver,
  kUpToStart,  // Taken over, but not above what it was at start: tables do not grow.
  kRestart,    // Needs a restart.
};

// What to tell the owner about it; empty for kTakenOver.
std::string_view reload_note(Reload reload);

struct Option {
  std::string_view full_name;  // "section.name".
  std::string_view meaning;    // One or two sentences that a person can act on.
  Reload reload;
  OptionKind kind;

  constexpr std::string_view section() const { return full_name.substr(0, full_name.find('.')); }
  constexpr std::string_view name() const { return full_name.substr(full_name.find('.') + 1); }
};

// All options there are, in the order of node/config.h, section by section. Reading a file,
// conf/roost.toml, the man page, print-config and the reload all follow from this table; defaults
// are those of a fresh node::Config.
std::span<const Option> options();

// Null if there is no such option.
const Option* find_option(std::string_view full_name);

// In order, each once.
std::vector<std::string_view> section_names();

}  // namespace roost::app
