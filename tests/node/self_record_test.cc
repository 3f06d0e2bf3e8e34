// SPDX-License-Identifier: MIT
//
// Goal: the node's record is signed, kept for an hour, and never goes back in sequence.
// Method: clocks of our own.
#include "node/self_record.h"

#include <gtest/gtest.h>

namespace roost::node {
namespace {

using namespace std::chrono_literals;

Now at(WallTime wall) {
  return {MonoTime(1h), wall};
}

TEST(SelfRecord, IsSignedRisesAndIsRenewed) {
  const SigningKey key(SigningKey::Seed{});
  SelfRecord record(key);
  const auto seq = [&](WallTime wall) {
    const auto item =
        wire::parse_signed_node_record(record.signed_bytes(at(wall), Config(), Role::kSupernode));
    EXPECT_TRUE(item && wire::signature_matches(*item));
    return item ? item->seq : 0;
  };
  const int64_t first = kWallTimeMin.time_since_epoch().count();
  EXPECT_EQ(first, seq(kWallTimeMin));
  EXPECT_EQ(first, seq(kWallTimeMin + 59min));
  EXPECT_EQ(first + 3600, seq(kWallTimeMin + 1h));
  record.forget();
  EXPECT_EQ(first + 3601, seq(kWallTimeMin + 59min));  // The clock was set back a little.
  EXPECT_EQ(first, seq(kWallTimeMin));                 // And by more than a reader forgives.
}

TEST(SelfRecord, IsNotMadeWithoutAClock) {
  const SigningKey key(SigningKey::Seed{});
  SelfRecord record(key);
  EXPECT_TRUE(record.signed_bytes({MonoTime(1h), {}}, Config(), Role::kLeaf).empty());
}

}  // namespace
}  // namespace roost::node
