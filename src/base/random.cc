// SPDX-License-Identifier: MIT
#include "base/random.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.h"

namespace roost {

uint64_t Random::below(uint64_t bound) {
  CHECK(bound > 0);
  // Values under 2^64 mod bound would make the low results likelier: draw again.
  const uint64_t unfair_below = -bound % bound;
  for (;;) {
    uint64_t value;
    fill({reinterpret_cast<uint8_t*>(&value), sizeof value});
    if (value >= unfair_below) return value % bound;
  }
}

SeededRandom::SeededRandom(uint64_t seed) {
  for (uint64_t& word : state_) {
    seed += 0x9e3779b97f4a7c15;
    uint64_t mixed = seed;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    word = mixed ^ (mixed >> 31);
  }
}

uint64_t SeededRandom::next() {
  const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

void SeededRandom::fill(MutableBytes bytes) {
  while (!bytes.empty()) {
    uint8_t word[8];
    store_u64(word, next());
    const size_t taken = std::min(bytes.size(), sizeof word);
    std::memcpy(bytes.data(), word, taken);
    bytes = bytes.subspan(taken);
  }
}

}  // namespace roost
