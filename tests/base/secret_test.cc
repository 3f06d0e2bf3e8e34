// SPDX-License-Identifier: MIT
//
// Goal: secret bytes are gone from memory once their owner is, or has given them away.
// Method: look at the memory afterwards; what must not compile is asked for at compile time.
#include "base/secret.h"

#include <gtest/gtest.h>
#include <memory>
#include <new>
#include <ostream>
#include <type_traits>
#include <utility>

namespace roost {
namespace {

constexpr std::array<uint8_t, 8> kBytes = {1, 2, 3, 4, 5, 6, 7, 8};
constexpr std::array<uint8_t, 8> kZeros = {};

using Eight = Secret<8>;

template <typename T>
concept Printable = requires(std::ostream& out, const T& value) {
  out << value;
};
template <typename T>
concept Comparable = requires(const T& a, const T& b) {
  a == b;
};

static_assert(!std::is_copy_constructible_v<Eight> && !std::is_copy_assignable_v<Eight>);
static_assert(std::is_nothrow_move_constructible_v<Eight>);
static_assert(std::is_nothrow_move_assignable_v<Eight>);
static_assert(!std::is_convertible_v<std::span<const uint8_t, 8>, Eight>);
static_assert(!Printable<Eight> && !Comparable<Eight>);

TEST(Secret, HoldsItsBytes) {
  Eight secret(kBytes);
  EXPECT_TRUE(same_bytes(secret.bytes(), kBytes));
  secret.mutable_bytes()[0] = 9;
  EXPECT_EQ(secret.bytes()[0], 9);
  EXPECT_TRUE(same_bytes(Eight().bytes(), kZeros));
}

TEST(Secret, IsWipedWhenItIsMovedFrom) {
  Eight first(kBytes);
  Eight second(std::move(first));
  EXPECT_TRUE(same_bytes(second.bytes(), kBytes));
  EXPECT_TRUE(same_bytes(first.bytes(), kZeros));

  Eight third;
  third = std::move(second);
  EXPECT_TRUE(same_bytes(third.bytes(), kBytes));
  EXPECT_TRUE(same_bytes(second.bytes(), kZeros));
}

TEST(Secret, SurvivesBeingMovedToItself) {
  Eight secret(kBytes);
  Eight& same = secret;
  secret = std::move(same);
  EXPECT_TRUE(same_bytes(secret.bytes(), kBytes));
}

TEST(Secret, IsClonedOnlyWhenAsked) {
  const Eight first(kBytes);
  const Eight second = first.clone();
  EXPECT_TRUE(same_bytes(first.bytes(), kBytes));
  EXPECT_TRUE(same_bytes(second.bytes(), kBytes));
}

TEST(Secret, IsWipedWhenItEnds) {
  alignas(Eight) std::array<uint8_t, sizeof(Eight)> memory{};
  Eight* const secret = ::new (static_cast<void*>(memory.data())) Eight(kBytes);
  EXPECT_TRUE(same_bytes(memory, kBytes));
  std::destroy_at(secret);
  EXPECT_TRUE(same_bytes(memory, kZeros));
}

TEST(Wipe, ClearsTheBytesAndNoOthers) {
  std::array<uint8_t, 8> bytes = kBytes;
  wipe(MutableBytes(bytes).subspan(2, 3));
  EXPECT_EQ(bytes, (std::array<uint8_t, 8>{1, 2, 0, 0, 0, 6, 7, 8}));
  wipe({});
}

}  // namespace
}  // namespace roost
