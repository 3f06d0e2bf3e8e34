// SPDX-License-Identifier: MIT
//
// Goal: whoever shows a token finds the grant that it was made for, and no other, as long as it is
// in force; what a grant has relayed is never forgotten while it is.
// Method: a few grants made of their tokens, replaced in each way.
#include "core/turn/grants.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace roost::core::turn {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr WallTime kNow = kWallTimeMin;

Grant grant_for(std::string_view token) {
  Grant grant;
  grant.token_hash = sha256(as_bytes(token));
  grant.id = load_u64(grant.token_hash.data());
  return grant;
}

TEST(Grant, ExpiresWithTheSecondThatItNames) {
  Grant grant;
  EXPECT_FALSE(grant.has_expired(kNow));
  EXPECT_EQ(grant.time_left(kNow), hours(24 * 365));
  grant.expires_at = kNow + seconds(1);
  EXPECT_FALSE(grant.has_expired(kNow));
  EXPECT_EQ(grant.time_left(kNow), seconds(1));
  EXPECT_TRUE(grant.has_expired(kNow + seconds(1)));
  EXPECT_EQ(grant.time_left(kNow + seconds(1)), seconds(0));
  // Whatever an owner writes: what is left is never below nothing, nor too much for a Duration.
  for (const WallTime extreme : {WallTime::min(), WallTime(), WallTime::max()}) {
    grant.expires_at = extreme;
    EXPECT_EQ(grant.has_expired(kNow), extreme != WallTime::max());
    EXPECT_EQ(grant.time_left(kNow), extreme == WallTime::max() ? hours(24 * 365) : hours(0));
  }
}

TEST(Grant, IsUsedUpWithItsLastByte) {
  Grant grant;
  grant.relayed_bytes = ~uint64_t{0};
  EXPECT_FALSE(grant.is_used_up());  // 0: no limit.
  grant.bytes_max = 100;
  grant.relayed_bytes = 99;
  EXPECT_FALSE(grant.is_used_up());
  grant.relayed_bytes = 100;
  EXPECT_TRUE(grant.is_used_up());
}

TEST(Grants, AreFoundByIdAndByTokenAlone) {
  Grants grants;
  EXPECT_EQ(grants.find(0), nullptr);
  EXPECT_EQ(grants.find_by_token(""), nullptr);
  std::vector<Grant> made;
  for (int i = 0; i < 50; ++i) made.push_back(grant_for("token " + std::to_string(i)));
  grants.set(made);
  for (int i = 0; i < 50; ++i) {
    const std::string token = "token " + std::to_string(i);
    const Grant* const found = grants.find_by_token(token);
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->token_hash, sha256(as_bytes(token)));
    EXPECT_EQ(grants.find(found->id), found);
    EXPECT_EQ(grants.find(found->id + 1), nullptr);
  }
  for (const std::string_view token : {"token 50", "token 4 ", "Token 4", "token", ""}) {
    EXPECT_EQ(grants.find_by_token(token), nullptr) << token;
  }
}

TEST(Grants, AreNotFoundByATokenWhoseHashOnlyBeginsAlike) {
  Grants grants;
  Grant grant = grant_for("token");
  grant.token_hash.back() ^= 1;
  grants.set({grant});
  EXPECT_NE(grants.find(grant.id), nullptr);
  EXPECT_EQ(grants.find_by_token("token"), nullptr);
}

TEST(Grants, AreReplacedTogetherAndKeepWhatTheyHaveRelayed) {
  Grants grants;
  grants.set({grant_for("a"), grant_for("b")});
  const uint64_t a = grant_for("a").id;
  const uint64_t b = grant_for("b").id;
  grants.note_relayed(a, 500);
  grants.note_relayed(a, 400);  // A sum does not fall.
  grants.note_relayed(a + 1, 600);
  EXPECT_EQ(grants.find(a)->relayed_bytes, 500u);
  EXPECT_EQ(grants.find(b)->relayed_bytes, 0u);

  Grant changed = grant_for("a");
  changed.bytes_max = 1000;
  changed.relayed_bytes = 300;  // An older state of it.
  Grant more = grant_for("c");
  more.relayed_bytes = 70;  // What an earlier run has counted.
  grants.set({changed, more});
  ASSERT_EQ(grants.all().size(), 2u);
  EXPECT_EQ(grants.find(a)->relayed_bytes, 500u);
  EXPECT_EQ(grants.find(a)->bytes_max, 1000u);
  EXPECT_EQ(grants.find(more.id)->relayed_bytes, 70u);
  EXPECT_EQ(grants.find(b), nullptr);
  EXPECT_EQ(grants.find_by_token("b"), nullptr);
  // One that was revoked and is given again begins with what its owner says.
  grants.set({});
  grants.set({changed});
  EXPECT_EQ(grants.find(a)->relayed_bytes, 300u);
}

}  // namespace
}  // namespace roost::core::turn
