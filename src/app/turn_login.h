// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "app/config_file.h"
#include "base/result.h"
#include "base/time.h"

namespace roost::app {

// Where the operator's probe finds the credentials for a TURN server. Never on the command line,
// which everybody on the machine can read.
struct TurnLoginSources {
  std::optional<std::string> user{};
  std::optional<std::string> password_file{};  // "-" is standard input.
  std::optional<std::string> secret_file{};    // Of ephemeral credentials.
  std::optional<std::string> config_path{};    // Of a node whose credentials are to be used.

  friend bool operator==(const TurnLoginSources&, const TurnLoginSources&) = default;
};

struct TurnLogin {
  std::string username;
  std::string password;
  std::string source;  // "relay.users of /etc/roost/roost.toml", for the report.
};

inline constexpr size_t kPasswordSizeMax = 4096;
inline constexpr const char* kPasswordVariable = "ROOST_PASSWORD";
// How long an ephemeral password that we make is good: far longer than a probe takes, and enough
// for a clock that is a few minutes off.
inline constexpr std::chrono::seconds kEphemeralLifetime = std::chrono::hours(1);

// The error is one or more sentences, without a full stop: what is missing, and what to do.
//
// Without a word about credentials the configuration at `config_path_default` is read, but only
// where the server is on this machine: a foreign one could try passwords against what it is sent.
Result<TurnLogin, std::string> find_turn_login(
    const TurnLoginSources& sources, bool is_on_this_machine, std::optional<WallTime> now,
    const char* config_path_default = kConfigPathDefault);

}  // namespace roost::app
