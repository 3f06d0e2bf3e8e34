// SPDX-License-Identifier: MIT
//
// Goal: whoever has been silent for a quarter of an hour comes out once, and nobody else; strangers
// fill no more than their places.
#include "core/dht/candidates.h"

#include <gtest/gtest.h>
#include <map>

#include "base/random.h"

namespace roost::core::dht {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime kStart{1h};
constexpr SipHashKey kSecret{4, 5, 6};

Endpoint endpoint(std::string_view text) {
  return *Endpoint::parse(text);
}

TEST(Candidates, ComeOutOnceTheyHaveBeenSilent) {
  Candidates candidates(100, kSecret);
  EXPECT_FALSE(candidates.next_deadline());
  EXPECT_EQ(Candidates::Outcome::kWaits, candidates.heard(kStart, endpoint("192.0.2.1:1")));
  EXPECT_EQ(kStart + 15min, candidates.next_deadline());
  EXPECT_FALSE(candidates.pop_silent(kStart + 15min - 1us));
  EXPECT_EQ(endpoint("192.0.2.1:1"), candidates.pop_silent(kStart + 15min));
  EXPECT_FALSE(candidates.pop_silent(kStart + 15min));
  EXPECT_EQ(0u, candidates.size());
}

TEST(Candidates, WaitAnewWheneverTheyAreHeard) {
  Candidates candidates(100, kSecret);
  (void)candidates.heard(kStart, endpoint("192.0.2.1:1"));
  EXPECT_EQ(Candidates::Outcome::kWaitsAnew,
            candidates.heard(kStart + 14min, endpoint("192.0.2.1:1")));
  EXPECT_FALSE(candidates.pop_silent(kStart + 28min));
  EXPECT_TRUE(candidates.pop_silent(kStart + 29min));
  EXPECT_EQ(Candidates::Outcome::kWaits, candidates.heard(kStart + 30min, endpoint("192.0.2.1:1")));
}

TEST(Candidates, OfOnePrefixHaveFewPlaces) {
  Candidates candidates(8000, kSecret);
  for (uint32_t host = 1; host <= 20; ++host) {
    const Endpoint from{IpAddress::v4(0xc0000200 | host), 1};
    EXPECT_EQ(host <= 4 ? Candidates::Outcome::kWaits : Candidates::Outcome::kPrefixFull,
              candidates.heard(kStart, from));
  }
  EXPECT_EQ(Candidates::Outcome::kWaits, candidates.heard(kStart, endpoint("192.0.3.1:1")));
  for (const std::string_view text : {"[2001:db8:1:1::1]:1", "[2001:db8:1:2::1]:1",
                                      "[2001:db8:1:3::1]:1", "[2001:db8:1:4::1]:1"}) {
    EXPECT_EQ(Candidates::Outcome::kWaits, candidates.heard(kStart, endpoint(text)));
  }
  EXPECT_EQ(Candidates::Outcome::kPrefixFull,
            candidates.heard(kStart, endpoint("[2001:db8:1:5::1]:1")));
}

TEST(Candidates, DisplaceNobody) {
  Candidates candidates(8, kSecret);  // One set.
  for (uint32_t prefix = 0; prefix < 8; ++prefix) {
    EXPECT_EQ(Candidates::Outcome::kWaits,
              candidates.heard(kStart, {IpAddress::v4(prefix << 8 | 1), 1}));
  }
  EXPECT_EQ(Candidates::Outcome::kSetFull, candidates.heard(kStart, endpoint("192.0.2.1:1")));
  EXPECT_EQ(8u, candidates.size());
  ASSERT_TRUE(candidates.pop_silent(kStart + 15min));
  EXPECT_EQ(Candidates::Outcome::kWaits, candidates.heard(kStart + 15min, endpoint("192.0.2.1:1")));
}

TEST(Candidates, AgreeWithANaiveModel) {
  Candidates candidates(64, kSecret);
  SeededRandom random(1);
  std::map<Endpoint, MonoTime> model;  // When each was heard last.
  MonoTime now = kStart;
  for (int i = 0; i < 20'000; ++i) {
    now += Duration(std::chrono::seconds(random.below(20)));
    const Endpoint from{
        IpAddress::v4(static_cast<uint32_t>(random.below(64) << 8 | random.below(6))),
        static_cast<uint16_t>(1 + random.below(2))};
    const Candidates::Outcome outcome = candidates.heard(now, from);
    ASSERT_EQ(model.contains(from), outcome == Candidates::Outcome::kWaitsAnew);
    if (outcome == Candidates::Outcome::kWaits || outcome == Candidates::Outcome::kWaitsAnew) {
      model[from] = now;
    }
    while (const auto silent = candidates.pop_silent(now)) {
      ASSERT_TRUE(model.contains(*silent));
      ASSERT_LE(model[*silent] + Candidates::kSilence, now);
      model.erase(*silent);
    }
    for (const auto& [endpoint, heard] : model) ASSERT_GT(heard + Candidates::kSilence, now);
    ASSERT_EQ(model.size(), candidates.size());
  }
}

}  // namespace
}  // namespace roost::core::dht
