// SPDX-License-Identifier: MIT
#include "sim/dice.h"

#include "base/check.h"

namespace roost::sim {

uint64_t Dice::below(uint64_t bound) {
  CHECK(bound > 0);
  // Values under 2^64 mod bound would make the low results likelier: draw again.
  const uint64_t unfair_below = -bound % bound;
  for (;;) {
    const uint64_t value = any();
    if (value >= unfair_below) return value % bound;
  }
}

Duration Dice::between(Duration least, Duration most) {
  CHECK(least <= most);
  return least +
         Duration(static_cast<int64_t>(below(static_cast<uint64_t>((most - least).count()) + 1)));
}

}  // namespace roost::sim
