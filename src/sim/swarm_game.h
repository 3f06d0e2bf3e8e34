// SPDX-License-Identifier: MIT
#pragma once

#include "sim/profile.h"

namespace roost::sim {

// Plays a world of Profile::kSwarm: a few of our nodes in a DHT of some hundred others, of which
// many are away or behind NATs, some answer nobody, and some lie. Clients are the others;
// Play::minutes are simulated at whatever speed, so that they may be days.
Outcome play_swarm(const Play& play, const Trace::Listener& listener);

}  // namespace roost::sim
