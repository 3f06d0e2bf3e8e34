// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "app/answer.h"
#include "app/stun_uri.h"
#include "app/turn_login.h"
#include "base/time.h"
#include "core/action.h"

namespace roost::app {

// What was asked for on the command line: one struct per command. Where a path of the configuration
// is empty, load_config() knows what that means.

struct ServeArguments {
  std::optional<std::string> config_path;
  std::optional<std::string> state_dir;  // Instead of node.state_dir.
};

struct StatusArguments {
  std::optional<std::string> config_path;  // Tells where the admin listener is.
  bool as_json = false;
};

struct PeersArguments {
  std::optional<std::string> config_path;  // As of `roost status`.
  bool as_json = false;
};

struct CheckConfigArguments {
  std::string config_path;
};

struct PrintConfigArguments {
  enum class What : uint8_t { kEffective, kDefaults, kSample, kManual };

  std::optional<std::string> config_path;  // For kEffective only.
  What what = What::kEffective;
  bool is_explained = false;
};

struct ProbeArguments {
  StunUri uri;
  Duration timeout = std::chrono::seconds(3);  // Per request, 1 ms to 1 min.
  // Of STUN: requests, 1 to 1000. Of TURN: packets through the relay, 10 if not told, 1 to 100.
  uint32_t count = 1;
  bool as_json = false;
  TurnLoginSources login;  // Of TURN only.
};

// `roost grant`: what the owner promises to friends.
struct GrantArguments {
  enum class What : uint8_t { kAdd, kList, kRevoke };

  std::optional<std::string> config_path;  // Tells where the state directory is.
  std::optional<std::string> state_dir;    // Instead of it.
  What what = What::kList;
  std::string name;  // kAdd: of the friend. kRevoke: that, or the id.
  core::Payer payer = core::Payer::kFriend;
  uint64_t bytes_max = 0;  // 0: no limit.
  std::optional<Duration> lifetime;
  bool as_json = false;
};

struct VersionArguments {};

// An Answer is all there is to say: help, or what is wrong with the command line.
using CommandLine =
    std::variant<Answer, ServeArguments, StatusArguments, PeersArguments, CheckConfigArguments,
                 PrintConfigArguments, ProbeArguments, GrantArguments, VersionArguments>;

// The one file that knows CLI11. `argv` as main() gets it.
CommandLine parse_command_line(int argc, const char* const* argv);

}  // namespace roost::app
