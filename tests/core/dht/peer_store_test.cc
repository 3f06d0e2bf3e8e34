// SPDX-License-Identifier: MIT
//
// Goal: peers are found under the infohash that they announced, and nobody takes more places than
// his prefix is due. Method: random announcements against a map; each bound by itself; an attacker
// with one prefix, and one with many, against honest peers who come before and after.
#include "core/dht/peer_store.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace roost::core::dht {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime kStart{1h};
constexpr uint32_t kCapacity = 4096;

wire::NodeId infohash(uint32_t number) {
  wire::NodeId id{};
  store_u32(id.data(), number);
  return id;
}

Endpoint v4(uint32_t prefix, uint8_t host = 1, uint16_t port = 6881) {
  return {IpAddress::v4(prefix << 8 | host), port};
}

Endpoint v6(uint64_t site, uint64_t host = 1, uint16_t port = 6881) {
  return {IpAddress(uint64_t{0x2001} << 48 | site << 16, host), port};
}

struct Fixture {
  explicit Fixture(uint32_t capacity = kCapacity)
      : random(1), store({capacity, capacity}, random) {}

  std::string_view announce(uint32_t number, const Endpoint& peer, MonoTime now = kStart,
                            bool is_seed = false) {
    return label(store.announce(now, infohash(number), peer, is_seed));
  }
  std::set<Endpoint> peers(uint32_t number, MonoTime now = kStart, Family family = Family::kV4) {
    std::array<Endpoint, 2 * PeerStore::kPerInfohashMax> found;
    const size_t count = store.find(now, infohash(number), family, found);
    const std::set<Endpoint> set(found.begin(), found.begin() + count);
    EXPECT_EQ(set.size(), count);
    return set;
  }
  uint32_t count_from(uint32_t number, uint32_t prefix_first, uint32_t prefix_last) {
    uint32_t count = 0;
    for (const Endpoint& peer : peers(number)) {
      const uint32_t prefix = peer.address.v4_value() >> 8;
      count += prefix >= prefix_first && prefix <= prefix_last;
    }
    return count;
  }
  uint64_t outcomes(AnnounceOutcome outcome) {
    return store.stats(Family::kV4).announcements[static_cast<size_t>(outcome)];
  }

  SeededRandom random;
  PeerStore store;
};

TEST(PeerStore, FindsPeersByInfohashAndFamily) {
  Fixture f;
  EXPECT_EQ(f.announce(1, v4(1)), "stored");
  EXPECT_EQ(f.announce(1, v4(2), kStart, true), "stored");
  EXPECT_EQ(f.announce(1, v6(1)), "stored");
  EXPECT_EQ(f.announce(2, v4(1)), "stored");
  EXPECT_EQ(f.peers(1), (std::set{v4(1), v4(2)}));
  EXPECT_EQ(f.peers(1, kStart, Family::kV6), (std::set{v6(1)}));
  EXPECT_EQ(f.peers(2), (std::set{v4(1)}));
  EXPECT_TRUE(f.peers(2, kStart, Family::kV6).empty());
  EXPECT_TRUE(f.peers(3).empty());
  EXPECT_EQ(f.store.infohash_count(Family::kV4), 2u);
  EXPECT_EQ(f.store.infohash_count(Family::kV6), 1u);
  f.store.check_invariants();
}

TEST(PeerStore, AnAddressHasOnePlaceAndItsLastWordCounts) {
  Fixture f;
  EXPECT_EQ(f.announce(1, v4(1, 1, 1000)), "stored");
  EXPECT_EQ(f.announce(1, v4(1, 1, 2000), kStart, true), "refreshed");
  EXPECT_EQ(f.peers(1), (std::set{v4(1, 1, 2000)}));
  EXPECT_EQ(f.store.swarm_size(kStart, infohash(1), Family::kV4).seeds, 1u);
  EXPECT_EQ(f.announce(1, v4(1, 2, 2000)), "stored");
  EXPECT_EQ(f.announce(1, v6(1, 1, 1000)), "stored");
  EXPECT_EQ(f.announce(1, v6(1, 1, 2000)), "refreshed");
  const SwarmSize size = f.store.swarm_size(kStart, infohash(1), Family::kV4);
  EXPECT_EQ(size.peers, 2u);
  EXPECT_EQ(size.seeds, 1u);
}

TEST(PeerStore, ForgetsAfterHalfAnHourWithoutAnAnnouncement) {
  Fixture f;
  f.announce(1, v4(1));
  f.announce(1, v4(2));
  f.announce(2, v4(3), kStart, true);
  EXPECT_EQ(f.announce(1, v4(2), kStart + 15min), "refreshed");
  EXPECT_EQ(f.peers(1, kStart + 30min - 1s).size(), 2u);
  EXPECT_EQ(f.peers(1, kStart + 30min), (std::set{v4(2)}));
  EXPECT_EQ(f.store.swarm_size(kStart + 30min, infohash(2), Family::kV4).peers, 0u);
  EXPECT_EQ(f.store.size(Family::kV4), 3u);
  EXPECT_EQ(f.announce(1, v4(1), kStart + 30min), "stored");
  EXPECT_EQ(f.store.size(Family::kV4), 2u);
  EXPECT_EQ(f.store.infohash_count(Family::kV4), 1u);
  EXPECT_EQ(f.store.stats(Family::kV4).expired, 2u);
  f.store.check_invariants();
}

TEST(PeerStore, BehavesAsAMapWhileThereIsRoom) {
  SeededRandom random(5);
  Fixture f;
  std::map<uint32_t, std::map<IpAddress, std::pair<Endpoint, MonoTime>>> model;
  MonoTime now = kStart;
  for (int step = 0; step < 20'000; ++step) {
    now += std::chrono::seconds(random.below(20));
    const auto number = static_cast<uint32_t>(random.below(30));
    const auto prefix = static_cast<uint32_t>(random.below(50));
    const auto port = static_cast<uint16_t>(1 + random.below(3));
    const Endpoint peer = random.below(2) == 0 ? v4(prefix, 1, port) : v6(prefix, 1, port);
    for (auto& [other, swarm] : model) {
      std::erase_if(swarm, [&](const auto& entry) { return now - entry.second.second >= 30min; });
    }
    const bool was_here = model[number].contains(peer.address);
    model[number][peer.address] = {peer, now};
    ASSERT_EQ(f.announce(number, peer, now), was_here ? "refreshed" : "stored");
    if (step % 32 != 0) continue;
    f.store.check_invariants();
    for (const auto& [other, swarm] : model) {
      std::set<Endpoint> expected;
      for (const auto& [address, entry] : swarm) expected.insert(entry.first);
      std::set<Endpoint> found = f.peers(other, now);
      found.merge(f.peers(other, now, Family::kV6));
      ASSERT_EQ(found, expected) << step;
    }
  }
}

TEST(PeerStore, StaysWithinItsBoundsUnderRandomAnnouncements) {
  SeededRandom random(6);
  Fixture f(512);
  std::map<std::pair<uint32_t, IpAddress>, std::pair<Endpoint, MonoTime>> last;
  MonoTime now = kStart;
  for (int step = 0; step < 40'000; ++step) {
    now += std::chrono::milliseconds(random.below(2'000));
    // A busy infohash among many, and three busy prefixes.
    const auto number = static_cast<uint32_t>(random.below(random.below(2) == 0 ? 1 : 400));
    const Endpoint peer =
        v4(static_cast<uint32_t>(random.below(random.below(4) == 0 ? 3 : 300)),
           static_cast<uint8_t>(random.below(8)), static_cast<uint16_t>(1 + random.below(3)));
    const std::string_view outcome = f.announce(number, peer, now);
    if (outcome == "stored" || outcome == "refreshed") {
      last[{number, peer.address}] = {peer, now};
    }
    ASSERT_LE(f.store.size(Family::kV4), 512u);
    if (step % 100 != 0) continue;
    f.store.check_invariants();
    for (uint32_t other = 0; other < 3; ++other) {
      for (const Endpoint& found : f.peers(other, now)) {
        const auto& [endpoint, announced] = last.at({other, found.address});
        ASSERT_EQ(found, endpoint);
        ASSERT_LT(now - announced, PeerStore::kLifetime + 1s);
      }
    }
  }
  const PeerStats& stats = f.store.stats(Family::kV4);
  EXPECT_EQ(f.store.size(Family::kV4), f.outcomes(AnnounceOutcome::kStored) - stats.expired -
                                           stats.evicted_from_swarm - stats.evicted_from_store);
  EXPECT_GT(stats.evicted_from_store, 0u);
  EXPECT_GT(stats.evicted_from_swarm, 0u);
  for (const uint64_t count : stats.announcements) EXPECT_GT(count, 0u);
}

TEST(PeerStore, HandsOutAnotherRunEachTime) {
  Fixture f;
  for (uint32_t prefix = 0; prefix < 60; ++prefix) f.announce(1, v4(prefix));
  std::map<Endpoint, unsigned> times;
  for (int i = 0; i < 6'000; ++i) {
    std::array<Endpoint, 10> found;
    ASSERT_EQ(f.store.find(kStart, infohash(1), Family::kV4, found), 10u);
    ASSERT_EQ(std::set<Endpoint>(found.begin(), found.end()).size(), 10u);
    for (const Endpoint& peer : found) ++times[peer];
  }
  EXPECT_EQ(times.size(), 60u);
  // 1,000 each; seven standard deviations of 29.
  for (const auto& [peer, count] : times) EXPECT_NEAR(count, 1000, 203);
}

TEST(PeerStore, APrefixHasAFewPlacesUnderAnInfohash) {
  Fixture f;
  for (uint8_t host = 0; host < PeerStore::kPerPrefixMax; ++host) {
    EXPECT_EQ(f.announce(1, v4(1, host)), "stored");
    EXPECT_EQ(f.announce(1, v6(1, host)), "stored");
  }
  EXPECT_EQ(f.announce(1, v4(1, 99)), "swarm_prefix_full");
  EXPECT_EQ(f.announce(1, v6(1, 99)), "swarm_prefix_full");
  EXPECT_EQ(f.announce(1, v4(1, 0, 1)), "refreshed");
  EXPECT_EQ(f.announce(1, v4(2, 99)), "stored");
  EXPECT_EQ(f.announce(1, v6(2, 99)), "stored");
  EXPECT_EQ(f.announce(2, v4(1, 99)), "stored");
}

TEST(PeerStore, APrefixHasItsShareOfTheStore) {
  Fixture f;
  for (uint32_t i = 0; i < 20'000; ++i) f.announce(i, v4(1, static_cast<uint8_t>(i)));
  EXPECT_EQ(f.store.size(Family::kV4), kCapacity / PeerStore::kSharesMin);
  EXPECT_EQ(f.announce(1'000'000, v4(1)), "prefix_full");
  EXPECT_EQ(f.announce(1'000'000, v4(2)), "stored");
}

TEST(PeerStore, AnAttackerInOnePrefixDisplacesNobodyOfAFullInfohash) {
  Fixture f;
  for (uint32_t i = 0; i < 100; ++i) ASSERT_EQ(f.announce(1, v4(1000 + i)), "stored");
  for (uint32_t i = 0; i < 10'000; ++i) {
    f.announce(1, v4(7, static_cast<uint8_t>(i)), kStart + i * 10ms);
  }
  EXPECT_LE(f.count_from(1, 7, 7), 1u);  // As much as each of the others.
  EXPECT_GE(f.count_from(1, 1000, 1099), 99u);
}

TEST(PeerStore, WhoWasFirstInAnInfohashGivesWayToThoseWhoHaveLess) {
  Fixture f;
  // Twenty prefixes take all places; then come eighty honest peers, while the former go on.
  const auto attack = [&] {
    for (uint32_t i = 0; i < 2'000; ++i) {
      f.announce(1, v4(1 + i % 20, static_cast<uint8_t>(i / 20)));
    }
  };
  attack();
  EXPECT_EQ(f.count_from(1, 1, 20), 100u);
  for (uint32_t i = 0; i < 80; ++i) {
    EXPECT_EQ(f.announce(1, v4(1000 + i)), "stored") << i;
    if (i % 10 == 0) attack();
  }
  attack();
  EXPECT_EQ(f.count_from(1, 1, 20), 20u);
  EXPECT_EQ(f.count_from(1, 1000, 1079), 80u);
  f.store.check_invariants();
}

TEST(PeerStore, AnnouncingOftenGainsNothing) {
  // As many attackers as honest ones, in other prefixes each; the attackers announce a hundred
  // times as often, and first.
  Fixture f;
  const auto attack = [&] {
    for (uint32_t i = 0; i < 400; ++i) f.announce(1, v4(10'000 + i));
  };
  for (uint32_t round = 0; round < 100; ++round) {
    attack();
    for (uint32_t i = 0; i < 4; ++i) f.announce(1, v4(20'000 + round * 4 + i));
  }
  // Half of the places each; five standard deviations of 4.7.
  EXPECT_NEAR(f.count_from(1, 10'000, 10'399), 50, 24);
  EXPECT_EQ(f.peers(1).size(), 100u);
}

// How many peers of the first `count` infohashes are still here.
uint32_t survivors(Fixture& f, uint32_t count) {
  uint32_t left = 0;
  for (uint32_t i = 0; i < count; ++i) left += static_cast<uint32_t>(f.peers(i).size());
  return left;
}

TEST(PeerStore, AnAttackerInOnePrefixDisplacesNobodyOfAFullStore) {
  Fixture f;
  for (uint32_t i = 0; i < kCapacity; ++i) {  // Two each.
    ASSERT_EQ(f.announce(i, v4(1000 + i / 2)), "stored");
  }
  for (uint32_t i = 0; i < 20'000; ++i) {
    f.announce(1'000'000 + i, v4(7, static_cast<uint8_t>(i)));
  }
  EXPECT_GE(survivors(f, kCapacity), kCapacity - 8);
  EXPECT_GT(f.outcomes(AnnounceOutcome::kStoreFull), 19'000u);
  f.store.check_invariants();
}

TEST(PeerStore, AnAttackerWithManyPrefixesGivesWayToThoseWhoHaveLess) {
  Fixture f;
  const auto attack = [&](uint32_t round) {
    for (uint32_t i = 0; i < 8'000; ++i) {
      f.announce(1'000'000 + round * 8'000 + i, v4(50'000 + i % 100));
    }
  };
  attack(0);
  EXPECT_EQ(f.store.size(Family::kV4), kCapacity);
  uint32_t refused = 0;
  for (uint32_t i = 0; i < 2'000; ++i) {  // Two each.
    refused += f.announce(i, v4(1000 + i / 2)) != "stored";
    if (i % 500 == 0) attack(1 + i / 500);
  }
  attack(10);
  // One in 1,700 meets two of his counters.
  EXPECT_LE(refused, 8u);
  EXPECT_GE(survivors(f, 2'000), 1'980u);
  f.store.check_invariants();
}

TEST(PeerStore, TheFamiliesHaveMemoryOfTheirOwn) {
  Fixture f;
  for (uint32_t i = 0; i < kCapacity; ++i) ASSERT_EQ(f.announce(i, v4(1000 + i / 2)), "stored");
  for (uint32_t i = 0; i < 20'000; ++i) f.announce(i, v6(i));
  EXPECT_EQ(f.store.size(Family::kV6), kCapacity);
  EXPECT_EQ(survivors(f, kCapacity), kCapacity);
}

std::set<wire::NodeId> infohashes(const InfohashSample& sample) {
  std::set<wire::NodeId> set;
  for (size_t at = 0; at < sample.infohashes.size(); at += 20) {
    set.insert(*wire::read_node_id(sample.infohashes.subspan(at, 20)));
  }
  EXPECT_EQ(set.size() * 20, sample.infohashes.size());  // None twice.
  return set;
}

TEST(PeerStore, SamplesAllInfohashesWhileTheyAreFew) {
  Fixture f;
  InfohashSample sample = f.store.sample(kStart, Family::kV4);
  EXPECT_TRUE(sample.infohashes.empty());
  EXPECT_EQ(sample.stored_count, 0u);
  std::set<wire::NodeId> expected;
  for (uint32_t i = 0; i < 20; ++i) {
    for (uint32_t prefix = 0; prefix < 1 + i; ++prefix) f.announce(i, v4(prefix));
    expected.insert(infohash(i));
  }
  f.announce(99, v6(1));
  // The same as before, until the interval is over.
  sample = f.store.sample(kStart + 1s, Family::kV4);
  EXPECT_TRUE(sample.infohashes.empty());
  EXPECT_EQ(sample.stored_count, 20u);
  EXPECT_EQ(sample.interval, 15min - 1s);
  sample = f.store.sample(kStart + 15min, Family::kV4);
  EXPECT_EQ(infohashes(sample), expected);
  EXPECT_EQ(sample.interval, 15min);
  EXPECT_EQ(infohashes(f.store.sample(kStart, Family::kV6)), std::set{infohash(99)});
  EXPECT_EQ(f.store.sample(kStart + 31min, Family::kV4).stored_count, 0u);
}

TEST(PeerStore, SamplesAnyOfManyInfohashesAsLikelyAsAnother) {
  Fixture f;
  // The first has a hundred peers, and is drawn no more often for it.
  for (uint32_t i = 0; i < 100; ++i) f.announce(0, v4(5000 + i));
  for (uint32_t i = 1; i < 100; ++i) f.announce(i, v4(1000 + i));
  std::map<wire::NodeId, unsigned> times;
  MonoTime now = kStart;
  for (int round = 0; round < 1'000; ++round) {
    const auto drawn = infohashes(f.store.sample(now, Family::kV4));
    ASSERT_EQ(drawn.size(), 20u);
    for (const wire::NodeId& id : drawn) ++times[id];
    now += PeerStore::kInfohashSampleInterval;
    for (uint32_t i = 0; i < 100; ++i) f.announce(0, v4(5000 + i), now);
    for (uint32_t i = 1; i < 100; ++i) f.announce(i, v4(1000 + i), now);
  }
  EXPECT_EQ(times.size(), 100u);
  // 200 each; seven standard deviations of 13.
  for (const auto& [id, count] : times) EXPECT_NEAR(count, 200, 90);
}

TEST(PeerStore, TellsHowMuchMemoryItTakes) {
  const auto bytes = [](uint32_t v4_peers, uint32_t v6_peers) {
    return PeerStore::bytes_for({v4_peers, v6_peers});
  };
  EXPECT_EQ((bytes(2'000'000, 1) - bytes(1'000'000, 1)) / 1'000'000, 56u);
  EXPECT_EQ((bytes(1, 2'000'000) - bytes(1, 1'000'000)) / 1'000'000, 68u);
}

TEST(PeerStore, EveryOutcomeHasALabelOfItsOwn) {
  std::set<std::string_view> labels;
  for (size_t i = 0; i < kAnnounceOutcomeCount; ++i) {
    labels.insert(label(static_cast<AnnounceOutcome>(i)));
  }
  EXPECT_EQ(labels.size(), kAnnounceOutcomeCount);
  EXPECT_FALSE(labels.contains(""));
}

TEST(PeerStoreDeathTest, WithoutAPortThereIsNoPeer) {
  Fixture f;
  EXPECT_DEATH(f.announce(1, v4(1, 1, 0)), "broken invariant");
}

}  // namespace
}  // namespace roost::core::dht
