// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "sim/trace.h"

namespace roost::sim {

// Kinds of worlds that a seed can be played in. In each, faults come first, under which the oracles
// must hold after every step; then the world is healed, and whoever asks must be served.
enum class Profile : uint8_t {
  kCalm,     // Good lines and honest clients: nothing may go wrong even before the healing.
  kLossy,    // Losses, doubles, disorder, splits; nodes lose power, NATs forget.
  kHostile,  // All of that, with liars, silent connections, floods, and donations soon used up.
  kFlood,    // Ten thousand prefixes flood on, also after the healing.
  kNatZoo,   // A client behind every kind of NAT finds out which kind it is.
  kClock,    // Wall clocks jump to and fro over the turn of months, donations run out, power fails.
  kSwarm,    // Hours or days of a DHT whose nodes come and go, and some of them lie.
};
inline constexpr size_t kProfileCount = 7;
std::string_view label(Profile profile);
std::optional<Profile> find_profile(std::string_view name);

// One world to play.
struct Play {
  uint64_t seed = 1;
  Profile profile = Profile::kCalm;
  // 0: as the seed has it.
  size_t node_count = 0;
  size_t client_count = 0;
  unsigned minutes = 0;  // Of faults, before the healing.
  // Of a swarm: addresses that lie, and the prefix of IPv4 that all of them are in (24, 16, or 1
  // for a /24 each, wherever).
  size_t hostile_count = 0;
  unsigned hostile_prefix = 0;
};

struct Outcome {
  uint64_t event_count = 0;
  uint64_t trace_hash = 0;
  uint64_t answer_count = 0;  // That honest clients got.
  uint64_t fault_count = 0;   // 0: all oracles held.
  std::string faults;         // One a line.
  std::string figures;        // For the reader; may be empty.
};

// Plays the world to its end. `listener`, when there is one, is told each event.
Outcome play(const Play& play, const Trace::Listener& listener = {});

}  // namespace roost::sim
