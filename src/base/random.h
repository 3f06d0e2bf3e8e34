// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace roost {

// Where random bytes come from: the kernel in the daemon, a seeded generator in the simulator.
// Whatever needs randomness takes one of these as an argument.
class Random {
 public:
  virtual ~Random() = default;

  virtual void fill(MutableBytes bytes) = 0;

  template <size_t kSize>
  std::array<uint8_t, kSize> bytes() {
    std::array<uint8_t, kSize> result;
    fill(result);
    return result;
  }

  // Uniform in [0, bound). Requires bound > 0.
  uint64_t below(uint64_t bound);
};

// Deterministic for a seed, fast, and not for secrets: for simulations, tests and benchmarks
// (splitmix64 feeding xoshiro256**, Blackman and Vigna 2018).
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed);

  void fill(MutableBytes bytes) override;
  uint64_t next();

 private:
  std::array<uint64_t, 4> state_;
};

}  // namespace roost
