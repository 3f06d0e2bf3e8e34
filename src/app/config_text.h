// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

#include "node/config.h"

namespace roost::app {

enum class ConfigTextStyle : uint8_t {
  kBare,       // Section headers and values.
  kExplained,  // Each value with its meaning above it.
};

// The whole configuration as TOML, every option with its value: reads back as an equal one.
std::string config_text(const node::Config& config, ConfigTextStyle style);

// conf/roost.toml: a preface, then every option with its meaning and, commented out, its default.
std::string sample_config_text();

}  // namespace roost::app
