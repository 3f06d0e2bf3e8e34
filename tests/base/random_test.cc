// SPDX-License-Identifier: MIT
//
// Goal: draws are fair, and a seed always gives the same ones: simulated runs depend on it.
// Method: golden values of the published generators; counts of draws; a source that is not random
// at all, to see which draws are thrown away.
#include "base/random.h"

#include <algorithm>
#include <cstring>
#include <gtest/gtest.h>
#include <vector>

namespace roost {
namespace {

TEST(SeededRandom, GivesThePublishedNumbersForASeed) {
  struct Row {
    uint64_t seed;
    std::array<uint64_t, 4> expect;
  };
  // xoshiro256** 1.0 from a state that splitmix64 makes of the seed, computed by another
  // implementation.
  constexpr Row kRows[] = {
      {0, {0x99ec5f36cb75f2b4, 0xbf6e1f784956452a, 0x1a5f849d4933e6e0, 0x6aa594f1262d2d2c}},
      {1, {0xb3f2af6d0fc710c5, 0x853b559647364cea, 0x92f89756082a4514, 0x642e1c7bc266a3a7}},
      {42, {0x15780b2e0c2ec716, 0x6104d9866d113a7e, 0xae17533239e499a1, 0xecb8ad4703b360a1}},
      {~uint64_t{0},
       {0x8f5520d52a7ead08, 0xc476a018caa1802d, 0x81de31c0d260469e, 0xbf658d7e065f3c2f}},
  };
  for (const Row& row : kRows) {
    SeededRandom random(row.seed);
    for (const uint64_t expected : row.expect) EXPECT_EQ(random.next(), expected) << row.seed;
  }
}

TEST(SeededRandom, FillsAnySizeWithTheSameBytesInOrder) {
  const std::array<uint8_t, 16> expected = {0x99, 0xec, 0x5f, 0x36, 0xcb, 0x75, 0xf2, 0xb4,
                                            0xbf, 0x6e, 0x1f, 0x78, 0x49, 0x56, 0x45, 0x2a};
  for (size_t size = 0; size <= expected.size(); ++size) {
    SeededRandom random(0);
    std::vector<uint8_t> bytes(size);
    random.fill(bytes);
    EXPECT_TRUE(same_bytes(bytes, Bytes(expected).first(size))) << size;
  }
  SeededRandom random(0);
  EXPECT_EQ(random.bytes<16>(), expected);
}

TEST(Random, BelowIsWithinTheBoundAndUniform) {
  SeededRandom random(1);
  for (const uint64_t bound : {1u, 2u, 3u, 6u, 10u, 64u, 100u}) {
    std::vector<unsigned> counts(bound);
    const unsigned rounds = 2000 * static_cast<unsigned>(bound);
    for (unsigned i = 0; i < rounds; ++i) {
      const uint64_t value = random.below(bound);
      ASSERT_LT(value, bound);
      ++counts[value];
    }
    // Seven standard deviations (of at most √2000) to either side of the 2000 that each is due.
    for (const unsigned count : counts) EXPECT_NEAR(count, 2000, 7 * 45) << bound;
  }
}

// Yields the numbers that it is given.
class Scripted final : public Random {
 public:
  explicit Scripted(std::vector<uint64_t> numbers) : numbers_(std::move(numbers)) {}
  void fill(MutableBytes bytes) override {
    ASSERT_EQ(bytes.size(), sizeof(uint64_t));
    ASSERT_LT(used_, numbers_.size());
    std::memcpy(bytes.data(), &numbers_[used_++], sizeof(uint64_t));
  }
  size_t used() const { return used_; }

 private:
  std::vector<uint64_t> numbers_;
  size_t used_ = 0;
};

TEST(Random, BelowThrowsAwayWhatWouldMakeSomeResultsLikelier) {
  struct Row {
    uint64_t bound;
    std::vector<uint64_t> drawn;
    uint64_t expect;
  };
  constexpr uint64_t kTop = uint64_t{1} << 63;
  const Row kRows[] = {
      {1, {7}, 0},
      {2, {0}, 0},  // A power of two throws nothing away.
      {uint64_t{1} << 32, {0}, 0},
      {3, {0, 1}, 1},      // 2^64 = 1 modulo 3: one number too many, the 0.
      {10, {0, 5, 6}, 6},  // 2^64 = 6 modulo 10.
      {kTop + 1, {0, kTop - 2, kTop - 1}, kTop - 1},  // Nearly half of all draws.
      {~uint64_t{0}, {0, 1}, 1},
      {~uint64_t{0}, {~uint64_t{0}}, 0},
  };
  for (const Row& row : kRows) {
    Scripted random(row.drawn);
    EXPECT_EQ(random.below(row.bound), row.expect) << row.bound;
    EXPECT_EQ(random.used(), row.drawn.size()) << row.bound;
  }
}

TEST(RandomDeathTest, BelowNothingThereIsNoNumber) {
  SeededRandom random(1);
  EXPECT_DEATH(static_cast<void>(random.below(0)), "broken invariant");
}

}  // namespace
}  // namespace roost
