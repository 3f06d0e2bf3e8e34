// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/time.h"

namespace roost::sim {

// Lookups as our node makes them (core/dht/lookup, beginning with a core/dht/routing_table), in a
// swarm of which many are gone or behind NATs. No packets travel: an answer comes after a while, or
// never.
//
// Every member has a public /24 of its own and a routing table of BEP 5 from the time when all were
// there, so that it names the dead and those behind NATs like all others. Of those that live, who
// is behind a NAT answers only those whom it has in its own table.
struct LookupTrial {
  uint64_t seed = 1;
  size_t member_count = 10'000;
  unsigned dead_percent = 30;
  // Of all, and none of them dead: so with the default 45 % of the swarm answer a stranger.
  unsigned nat_percent = 25;
  size_t lookup_count = 1'000;
};

struct LookupFigures {
  size_t lookup_count = 0;
  // The first node of the result is the nearest of all that would answer,
  size_t nearest_found = 0;
  // and so many of the eight nearest of them are in the result, of all lookups together.
  size_t near_found = 0;
  // What one node puts where its lookup ends (BEP 44) is got by another's lookup.
  size_t items_found = 0;
  uint64_t query_count = 0;
  Duration time{};  // Of all lookups together.
};

// Two lookups for each target: of whoever puts an item, and of whoever gets it. `lookup_count`
// counts targets.
LookupFigures play(const LookupTrial& trial);

// A line for the reader.
std::string text(const LookupFigures& figures);

}  // namespace roost::sim
