// SPDX-License-Identifier: MIT
#pragma once

#include "base/random.h"

namespace roost::io {

// The kernel's random numbers (getrandom). Blocks at most once, early in boot; aborts if the kernel
// refuses, since nothing that follows would be safe.
class OsRandom final : public Random {
 public:
  void fill(MutableBytes bytes) override;
};

}  // namespace roost::io
