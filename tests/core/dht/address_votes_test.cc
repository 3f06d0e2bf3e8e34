// SPDX-License-Identifier: MIT
//
// Goal: an address is believed when enough networks agree on it, and liars cannot change it.
#include "core/dht/address_votes.h"

#include <gtest/gtest.h>

namespace roost::core::dht {
namespace {

using namespace std::chrono_literals;

constexpr IpAddress kUs = IpAddress::v4(0x05060708);
constexpr IpAddress kOther = IpAddress::v4(0x09090909);

IpAddress voter(uint32_t prefix, uint32_t host = 1) {
  return IpAddress::v4(0x08000000 + (prefix << 8) + host);
}

TEST(AddressVotes, BelievesWhatFourNetworksSay) {
  AddressVotes votes;
  for (uint32_t i = 0; i < 3; ++i) EXPECT_FALSE(votes.vote(MonoTime(1h), voter(i), kUs));
  EXPECT_FALSE(votes.address());
  EXPECT_TRUE(votes.vote(MonoTime(1h), voter(3), kUs));
  EXPECT_EQ(kUs, votes.address());
  EXPECT_FALSE(votes.vote(MonoTime(1h), voter(4), kUs)) << "nothing has changed";
}

TEST(AddressVotes, CountsANetworkOnce) {
  AddressVotes votes;
  for (uint32_t host = 1; host < 100; ++host) {
    EXPECT_FALSE(votes.vote(MonoTime(1h), voter(7, host), kUs));
  }
  EXPECT_FALSE(votes.address());
}

TEST(AddressVotes, KeepsItsAddressWhileAMinorityLies) {
  AddressVotes votes;
  for (uint32_t i = 0; i < 9; ++i) (void)votes.vote(MonoTime(1h), voter(i), kUs);
  for (uint32_t i = 9; i < 16; ++i) EXPECT_FALSE(votes.vote(MonoTime(1h), voter(i), kOther));
  EXPECT_EQ(kUs, votes.address());
}

TEST(AddressVotes, FollowsWhenTheMajorityMoves) {
  AddressVotes votes;
  for (uint32_t i = 0; i < 5; ++i) (void)votes.vote(MonoTime(1h), voter(i), kUs);
  bool has_changed = false;
  for (uint32_t i = 0; i < 5; ++i) has_changed |= votes.vote(MonoTime(1h), voter(i), kOther);
  EXPECT_TRUE(has_changed) << "the same voters say something else now";
  EXPECT_EQ(kOther, votes.address());
}

TEST(AddressVotes, ForgetsWhatWasSaidLongAgo) {
  AddressVotes votes;
  for (uint32_t i = 0; i < 3; ++i) (void)votes.vote(MonoTime(1h), voter(i), kUs);
  EXPECT_FALSE(votes.vote(MonoTime(1h) + AddressVotes::kRemembered, voter(3), kUs));
  EXPECT_FALSE(votes.address());
}

TEST(AddressVotes, GivesTheOldestPlaceToANewcomer) {
  AddressVotes votes;
  for (uint32_t i = 0; i < AddressVotes::kVotersMax; ++i) {
    (void)votes.vote(MonoTime(1h + std::chrono::seconds(i)), voter(i), kUs);
  }
  // Eight of the sixteen oldest are gone, and those that say so are no majority.
  for (uint32_t i = 0; i < 8; ++i) {
    EXPECT_FALSE(votes.vote(MonoTime(1h + 60s), voter(100 + i), kOther));
  }
  EXPECT_TRUE(votes.vote(MonoTime(1h + 61s), voter(108), kOther));
}

}  // namespace
}  // namespace roost::core::dht
