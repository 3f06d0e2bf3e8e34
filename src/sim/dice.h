// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "base/random.h"
#include "base/time.h"

namespace roost::sim {

// Chance in the shapes that a simulated world needs, all of it from one seed.
//
// Integers only, so that the same seed draws the same on every machine. For the same reason each
// draw is a statement of its own: in which order a compiler evaluates arguments is its own choice.
class Dice {
 public:
  explicit Dice(uint64_t seed) : random_(seed) {}

  uint64_t any() { return random_.next(); }
  // Uniform in [0, bound). Requires bound > 0.
  uint64_t below(uint64_t bound);
  // Uniform in [least, most]. Requires least <= most.
  uint64_t between(uint64_t least, uint64_t most) { return least + below(most - least + 1); }
  Duration between(Duration least, Duration most);
  bool happens(uint32_t parts_per_million) { return below(1'000'000) < parts_per_million; }

  // Dice of their own for a part of the world, so that its draws do not shift those of others.
  Dice fork() { return Dice(any()); }
  // For what takes a Random.
  Random& random() { return random_; }

 private:
  SeededRandom random_;
};

}  // namespace roost::sim
