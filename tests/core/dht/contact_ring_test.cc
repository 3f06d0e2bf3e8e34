// SPDX-License-Identifier: MIT
//
// Goal: what is handed out has answered within the hour, everybody in turn; and nobody gets more
// places than his prefixes are worth, whatever he sends.
#include "core/dht/contact_ring.h"

#include <gtest/gtest.h>
#include <map>
#include <set>

#include "base/random.h"

namespace roost::core::dht {
namespace {

using namespace std::chrono_literals;
using wire::CompactNode;

constexpr MonoTime kStart{1h};
constexpr SipHashKey kSecret{1, 2, 3};

CompactNode contact(std::string_view endpoint, uint8_t id = 1) {
  return {wire::NodeId{id}, *Endpoint::parse(endpoint)};
}

// Of the n-th /24, or /48.
CompactNode in_prefix(Family family, uint32_t prefix, uint8_t host = 1) {
  const IpAddress address = family == Family::kV4
                                ? IpAddress::v4(uint32_t{1} << 24 | prefix << 8 | host)
                                : IpAddress(uint64_t{0x2001} << 48 | uint64_t{prefix} << 16, host);
  return {wire::NodeId{host}, {address, 6881}};
}

std::vector<CompactNode> take(ContactRing& ring, MonoTime now, size_t count,
                              Family family = Family::kV4) {
  std::vector<CompactNode> out(count);
  out.resize(ring.take(now, family, out));
  return out;
}

class ContactRingTest : public testing::TestWithParam<Family> {};
INSTANTIATE_TEST_SUITE_P(Families, ContactRingTest, testing::Values(Family::kV4, Family::kV6),
                         [](const auto& of) { return std::string(label(of.param)); });

TEST_P(ContactRingTest, HandsOutEverybodyInTurn) {
  ContactRing ring({.v4_contacts = 8000, .v6_contacts = 8000}, kSecret);
  for (uint32_t i = 0; i < 100; ++i) {
    ASSERT_EQ(ContactAdmission::kAdded, ring.admit(kStart, in_prefix(GetParam(), i)));
  }
  EXPECT_EQ(100u, ring.size(GetParam()));
  std::map<Endpoint, int> handed_out;
  for (int i = 0; i < 50; ++i) {
    const auto taken = take(ring, kStart, 8, GetParam());
    ASSERT_EQ(8u, taken.size());
    for (const CompactNode& node : taken) ++handed_out[node.endpoint];
  }
  EXPECT_EQ(100u, handed_out.size());
  for (const auto& [endpoint, times] : handed_out) EXPECT_EQ(4, times) << endpoint.text();
  ring.check_invariants();
}

TEST_P(ContactRingTest, VisitsEachOnceInParts) {
  struct Row {
    size_t places;
    uint32_t contacts;
    size_t look_at;
  };
  const Row rows[] = {{8000, 0, 1},   {8, 1, 1},     {8000, 1, 3},      {8000, 900, 1},
                      {8000, 900, 7}, {80, 1000, 8}, {8000, 5000, 8000}};
  for (const Row& row : rows) {
    SCOPED_TRACE(std::to_string(row.contacts) + " in " + std::to_string(row.places));
    ContactRing ring({.v4_contacts = row.places, .v6_contacts = row.places}, kSecret);
    for (uint32_t i = 0; i < row.contacts; ++i) (void)ring.admit(kStart, in_prefix(GetParam(), i));
    std::set<Endpoint> seen;
    size_t place = 0;
    while (place < ring.capacity(GetParam())) {
      size_t visited = 0;
      const size_t next = ring.visit_from(kStart + 5min, GetParam(), place, row.look_at,
                                          [&](const CompactNode& node, Duration age) {
                                            EXPECT_TRUE(seen.insert(node.endpoint).second);
                                            EXPECT_TRUE(ring.contains(node.endpoint));
                                            EXPECT_EQ(5min, age);
                                            ++visited;
                                          });
      EXPECT_LE(visited, row.look_at);
      ASSERT_GT(next, place);
      place = next;
    }
    EXPECT_EQ(ring.size(GetParam()), seen.size());
  }
}

TEST(ContactRing, HandsOutNobodyTwiceAtOnceAndNothingFromNothing) {
  ContactRing ring({.v4_contacts = 1000, .v6_contacts = 0}, kSecret);
  EXPECT_TRUE(take(ring, kStart, 8).empty());
  EXPECT_TRUE(take(ring, kStart, 8, Family::kV6).empty());
  EXPECT_FALSE(ring.next_to_verify(kStart, Family::kV4));
  for (uint32_t i = 0; i < 3; ++i) (void)ring.admit(kStart, in_prefix(Family::kV4, i));
  for (int i = 0; i < 10; ++i) {
    const auto taken = take(ring, kStart, 8);
    std::set<Endpoint> endpoints;
    for (const CompactNode& node : taken) endpoints.insert(node.endpoint);
    EXPECT_EQ(3u, taken.size());
    EXPECT_EQ(3u, endpoints.size());
  }
  EXPECT_TRUE(take(ring, kStart, 8, Family::kV6).empty());
}

TEST(ContactRing, GivesAPrefixNoMoreThanItsPlaces) {
  ContactRing ring({.v4_contacts = 8000, .v6_contacts = 8000}, kSecret);
  EXPECT_EQ(ContactAdmission::kAdded, ring.admit(kStart, contact("192.0.2.1:1")));
  EXPECT_EQ(ContactAdmission::kAdded, ring.admit(kStart, contact("192.0.2.2:1")));
  EXPECT_EQ(ContactAdmission::kPrefixFull, ring.admit(kStart, contact("192.0.2.3:1")));
  EXPECT_EQ(ContactAdmission::kAdded, ring.admit(kStart, contact("192.0.3.3:1")));
  // A /48 is one, however many /56 and /64 it has.
  EXPECT_EQ(ContactAdmission::kAdded, ring.admit(kStart, contact("[2001:db8:1:100::1]:1")));
  EXPECT_EQ(ContactAdmission::kAdded, ring.admit(kStart, contact("[2001:db8:1:200::1]:1")));
  EXPECT_EQ(ContactAdmission::kPrefixFull, ring.admit(kStart, contact("[2001:db8:1:300::1]:1")));
  ring.check_invariants();
}

TEST(ContactRing, GivesAnAddressOnePlace) {
  ContactRing ring({.v4_contacts = 80, .v6_contacts = 0}, kSecret);
  (void)ring.admit(kStart, contact("192.0.2.1:1", 1));
  EXPECT_EQ(ContactAdmission::kRefreshed, ring.admit(kStart + 1min, contact("192.0.2.1:1", 2)));
  EXPECT_EQ(2, take(ring, kStart + 1min, 8).at(0).id[0]) << "it has another ID now";
  EXPECT_EQ(ContactAdmission::kPortInUse, ring.admit(kStart + 2min, contact("192.0.2.1:9")));
  EXPECT_TRUE(ring.contains(*Endpoint::parse("192.0.2.1:1")));
  EXPECT_FALSE(ring.contains(*Endpoint::parse("192.0.2.1:9")));
  EXPECT_EQ(ContactAdmission::kRefreshed, ring.admit(kStart + 62min, contact("192.0.2.1:9")))
      << "the first port has been silent for an hour";
  EXPECT_TRUE(ring.contains(*Endpoint::parse("192.0.2.1:9")));
  EXPECT_EQ(1u, ring.size(Family::kV4));
}

TEST(ContactRing, HandsOutNothingThatWasVerifiedMoreThanAnHourAgo) {
  ContactRing ring({.v4_contacts = 80, .v6_contacts = 0}, kSecret);
  (void)ring.admit(kStart, contact("192.0.2.1:1"));
  EXPECT_EQ(1u, take(ring, kStart + 60min, 8).size());
  EXPECT_EQ(0u, take(ring, kStart + 61min, 8).size());
  EXPECT_EQ(1u, ring.size(Family::kV4)) << "it is still worth a question";
}

TEST(ContactRing, AsksAgainInTimeAndHandsOutNobodyWhoseAnswerIsDue) {
  ContactRing ring({.v4_contacts = 80, .v6_contacts = 0}, kSecret);
  const CompactNode node = contact("192.0.2.1:1");
  (void)ring.admit(kStart, node);
  EXPECT_FALSE(ring.next_to_verify(kStart + 29min, Family::kV4));
  const auto due = ring.next_to_verify(kStart + 30min, Family::kV4);
  ASSERT_TRUE(due);
  EXPECT_EQ(node, due->contact);
  EXPECT_FALSE(due->is_in_doubt);
  EXPECT_TRUE(take(ring, kStart + 30min, 8).empty());
  EXPECT_FALSE(ring.next_to_verify(kStart + 30min, Family::kV4)) << "asked a moment ago";
  EXPECT_EQ(ContactAdmission::kRefreshed, ring.admit(kStart + 30min, node));
  EXPECT_EQ(1u, take(ring, kStart + 89min, 8).size());
  EXPECT_FALSE(ring.next_to_verify(kStart + 59min, Family::kV4));
}

TEST(ContactRing, ForgetsWhoDoesNotAnswerTwice) {
  ContactRing ring({.v4_contacts = 80, .v6_contacts = 0}, kSecret);
  (void)ring.admit(kStart, contact("192.0.2.1:1"));
  ASSERT_TRUE(ring.next_to_verify(kStart + 30min, Family::kV4));
  EXPECT_FALSE(ring.next_to_verify(kStart + 31min, Family::kV4));
  ASSERT_TRUE(ring.next_to_verify(kStart + 32min, Family::kV4));
  EXPECT_EQ(1u, ring.size(Family::kV4));
  EXPECT_FALSE(ring.next_to_verify(kStart + 33min, Family::kV4));
  EXPECT_FALSE(ring.next_to_verify(kStart + 34min, Family::kV4));
  EXPECT_EQ(0u, ring.size(Family::kV4));
  EXPECT_EQ(1u, ring.removed());
  ring.check_invariants();
}

TEST(ContactRing, ForgetsNobodyForSilenceWhileNobodyIsHeard) {
  ContactRing ring({.v4_contacts = 80, .v6_contacts = 0}, kSecret);
  (void)ring.admit(kStart, contact("192.0.2.1:1"));
  const auto due = [&](Duration after, const AnswersHeard& heard) {
    return ring.next_to_verify(kStart + after, Family::kV4, heard);
  };
  const AnswersHeard before = {kStart, kStart + 29min};
  EXPECT_FALSE(due(30min, before)->is_in_doubt);
  EXPECT_FALSE(due(32min, before)->is_in_doubt);
  for (const auto after : {34min, 36min, 38min}) {
    const auto again = due(after, before);
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->is_in_doubt) << "it may be our line";
  }
  // The line has come back since: what was before it counts for nothing.
  const AnswersHeard back = {kStart + 40min, kStart + 50min};
  EXPECT_TRUE(due(40min + 30s, back)->is_in_doubt);
  EXPECT_FALSE(due(42min, back));
  EXPECT_FALSE(due(42min + 30s, back));
  EXPECT_EQ(0u, ring.size(Family::kV4));
}

// One set, so that all meet.
TEST(ContactRing, DisplacesOnlyWhoIsNoLongerFresh) {
  ContactRing ring({.v4_contacts = 8, .v6_contacts = 0}, kSecret);
  for (uint32_t i = 0; i < 8; ++i) {
    EXPECT_EQ(ContactAdmission::kAdded, ring.admit(kStart + i * 1min, in_prefix(Family::kV4, i)));
  }
  EXPECT_EQ(ContactAdmission::kSetFull, ring.admit(kStart + 60min, in_prefix(Family::kV4, 100)));
  EXPECT_EQ(ContactAdmission::kReplaced, ring.admit(kStart + 62min, in_prefix(Family::kV4, 100)));
  EXPECT_FALSE(ring.contains(in_prefix(Family::kV4, 0).endpoint)) << "the oldest";
  EXPECT_TRUE(ring.contains(in_prefix(Family::kV4, 1).endpoint));
  EXPECT_EQ(8u, ring.size(Family::kV4));
  ring.check_invariants();
}

TEST(ContactRing, OfAFullPrefixDisplacesItsOwn) {
  ContactRing ring({.v4_contacts = 8, .v6_contacts = 0}, kSecret);
  (void)ring.admit(kStart, contact("198.51.100.1:1"));  // Older than those of the prefix.
  (void)ring.admit(kStart + 1min, contact("192.0.2.1:1"));
  (void)ring.admit(kStart + 2min, contact("192.0.2.2:1"));
  EXPECT_EQ(ContactAdmission::kReplaced, ring.admit(kStart + 90min, contact("192.0.2.3:1")));
  EXPECT_TRUE(ring.contains(*Endpoint::parse("198.51.100.1:1")));
  EXPECT_FALSE(ring.contains(*Endpoint::parse("192.0.2.1:1")));
  ring.check_invariants();
}

TEST(ContactRing, RestoresWhatWasThereWithItsAge) {
  ContactRing before({.v4_contacts = 800, .v6_contacts = 800}, kSecret);
  for (uint32_t i = 0; i < 50; ++i) {
    (void)before.admit(kStart + i * 1min, in_prefix(Family::kV4, i));
    (void)before.admit(kStart + i * 1min, in_prefix(Family::kV6, i));
  }
  // A machine that has just booted, and another secret: the places are others.
  const MonoTime now{5s};
  ContactRing after({.v4_contacts = 800, .v6_contacts = 800}, SipHashKey{9});
  before.for_each(kStart + 50min, [&](const CompactNode& node, Duration age) {
    after.restore(now, node, age + 20min);
  });
  EXPECT_EQ(before.size(Family::kV4), after.size(Family::kV4));
  EXPECT_EQ(before.size(Family::kV6), after.size(Family::kV6));
  EXPECT_EQ(40u, take(after, now, 100).size())
      << "verified within the hour, the 20 minutes included";
  after.restore(now, in_prefix(Family::kV4, 49), 0us);
  EXPECT_EQ(before.size(Family::kV4), after.size(Family::kV4)) << "it is there already";
  after.restore(now, {wire::NodeId{}, {IpAddress::v4(77), 0}}, 0us);
  after.restore(now, in_prefix(Family::kV4, 60), Duration::max());
  EXPECT_FALSE(take(after, now, 100).empty());
  after.check_invariants();
}

TEST(ContactRing, CountsByAge) {
  ContactRing ring({.v4_contacts = 800, .v6_contacts = 0}, kSecret);
  for (const Duration age : {0min, 14min, 16min, 31min, 46min, 59min, 61min, 300min}) {
    const auto host = static_cast<uint32_t>(age / 1min);
    ring.restore(MonoTime{10h}, in_prefix(Family::kV4, host), age);
  }
  EXPECT_EQ((std::array<size_t, 5>{2, 1, 1, 2, 2}), ring.ages(MonoTime{10h}, Family::kV4));
}

// Newcomers of a thousand prefixes try all day long to take the places of those who answer.
TEST(ContactRing, KeepsTheLivingWhoeverComes) {
  ContactRing ring({.v4_contacts = 800, .v6_contacts = 0}, kSecret);
  std::set<Endpoint> living;
  for (uint32_t i = 0; ring.size(Family::kV4) < 400; ++i) {
    const CompactNode node = in_prefix(Family::kV4, i);
    if (ring.admit(kStart, node) == ContactAdmission::kAdded) living.insert(node.endpoint);
  }
  SeededRandom random(1);
  MonoTime now = kStart;
  for (int second = 0; second < 6 * 3600; ++second) {
    now += 1s;
    for (int i = 0; i < 3; ++i) {
      const auto prefix = static_cast<uint32_t>(10'000 + random.below(1000));
      (void)ring.admit(now,
                       in_prefix(Family::kV4, prefix, static_cast<uint8_t>(random.below(200))));
      const auto asked = ring.next_to_verify(now, Family::kV4);
      if (asked && living.contains(asked->contact.endpoint)) {
        (void)ring.admit(now, asked->contact);
      }
    }
  }
  for (const Endpoint& endpoint : living) EXPECT_TRUE(ring.contains(endpoint)) << endpoint.text();
  ring.check_invariants();
}

TEST(ContactRing, KeepsItsBoundsWhateverIsDone) {
  ContactRing ring({.v4_contacts = 64, .v6_contacts = 40}, kSecret);
  SeededRandom random(2);
  MonoTime now = kStart;
  for (int i = 0; i < 20'000; ++i) {
    now += Duration(std::chrono::seconds(random.below(60)));
    const Family family = random.below(2) == 0 ? Family::kV4 : Family::kV6;
    const CompactNode node = in_prefix(family, static_cast<uint32_t>(random.below(60)),
                                       static_cast<uint8_t>(random.below(4)));
    switch (random.below(4)) {
      case 0: (void)ring.admit(now, node); break;
      case 1: ring.restore(now, node, Duration(std::chrono::minutes(random.below(200)))); break;
      case 2: {
        const auto asked = ring.next_to_verify(now, family);
        if (asked && random.below(2) == 0) (void)ring.admit(now, asked->contact);
        break;
      }
      default: ASSERT_LE(take(ring, now, 8, family).size(), 8u);
    }
    if (i % 100 == 0) ring.check_invariants();
    ASSERT_LE(ring.size(family), ring.capacity(family));
  }
}

TEST(ContactRing, TakesNoMoreMemoryThanItSays) {
  EXPECT_EQ(32'000'000u + 15'632, ContactRing::bytes_for({.v4_contacts = 1'000'000}) - 8 * 44 - 8);
  EXPECT_LE(ContactRing::bytes_for({.v4_contacts = 8, .v6_contacts = 1'000'000}), 45'000'000u);
}

}  // namespace
}  // namespace roost::core::dht
