// SPDX-License-Identifier: MIT
//
// Goal: a seed is one world, every world is judged, and the first ones of each kind pass.
// Method: each profile, its first seeds, the first of them twice.
#include "sim/profile.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <utility>

namespace roost::sim {
namespace {

constexpr uint64_t kSeeds = 6;
// Of those that are played twice: under the sanitizers a world takes a second.
constexpr uint64_t kRepeatedSeeds = 1;

std::vector<Profile> all_profiles() {
  std::vector<Profile> profiles;
  for (size_t i = 0; i < kProfileCount; ++i) profiles.push_back(static_cast<Profile>(i));
  return profiles;
}

struct Played {
  Outcome outcome;
  std::set<TraceKind> kinds{};  // Of its events.
};

// A world takes its time, so the tests share those that they look at.
const Played& played(Profile profile, uint64_t seed) {
  static std::map<std::pair<Profile, uint64_t>, Played> all;
  const auto [found, is_new] = all.try_emplace({profile, seed});
  Played& world = found->second;
  if (is_new) {
    world.outcome = play({.seed = seed, .profile = profile},
                         [&](const TraceEvent& event) { world.kinds.insert(event.kind); });
  }
  return world;
}

TEST(Profile, PassesForItsFirstSeeds) {
  for (const Profile profile : all_profiles()) {
    for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
      const Outcome& outcome = played(profile, seed).outcome;
      EXPECT_EQ(outcome.fault_count, 0u) << label(profile) << ' ' << seed << '\n' << outcome.faults;
      EXPECT_EQ(outcome.faults, "");
      EXPECT_GT(outcome.answer_count, 20u) << label(profile) << ' ' << seed;
      EXPECT_GT(outcome.event_count, outcome.answer_count);
    }
  }
}

TEST(Profile, PlaysOneWorldForASeedAndAnotherForEachOther) {
  std::set<uint64_t> hashes;
  for (const Profile profile : all_profiles()) {
    for (uint64_t seed = 1; seed <= kRepeatedSeeds; ++seed) {
      const Outcome& one = played(profile, seed).outcome;
      const Outcome same = play({.seed = seed, .profile = profile});
      EXPECT_EQ(one.trace_hash, same.trace_hash) << label(profile) << ' ' << seed;
      EXPECT_EQ(one.event_count, same.event_count);
      EXPECT_EQ(one.answer_count, same.answer_count);
    }
    for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
      hashes.insert(played(profile, seed).outcome.trace_hash);
    }
  }
  EXPECT_EQ(hashes.size(), kProfileCount * kSeeds);
}

TEST(Profile, PlaysAnotherWorldForEachWish) {
  std::set<uint64_t> hashes;
  hashes.insert(play({.seed = 1}).trace_hash);
  hashes.insert(play({.seed = 1, .node_count = 5}).trace_hash);
  hashes.insert(play({.seed = 1, .client_count = 31}).trace_hash);
  hashes.insert(play({.seed = 1, .minutes = 4}).trace_hash);
  EXPECT_EQ(hashes.size(), 4u);
}

TEST(Profile, GivesThoseThatLieNoMoreOfTheRingThanTheirPrefixesHave) {
  struct Row {
    size_t addresses;
    unsigned prefix;
    std::string_view expect;
  };
  const Row rows[] = {
      {28, 24, "  28 addresses lie, with 2 places at most;"},
      {28, 16, "  28 addresses lie, with 28 places at most;"},
      {10, 1, "  10 addresses lie, with 10 places at most;"},
  };
  for (const Row& row : rows) {
    const Outcome outcome = play({.seed = 1,
                                  .profile = Profile::kSwarm,
                                  .client_count = 100,
                                  .minutes = 30,
                                  .hostile_count = row.addresses,
                                  .hostile_prefix = row.prefix});
    EXPECT_EQ(outcome.fault_count, 0u) << outcome.faults;
    EXPECT_EQ(outcome.figures.substr(0, row.expect.size()), row.expect) << outcome.figures;
  }
}

TEST(Profile, TellsEachEventAndIsNotChangedByTelling) {
  const Play world = {.seed = 2, .profile = Profile::kLossy};
  uint64_t told = 0;
  MonoTime latest{};
  std::set<TraceKind> kinds;
  const Outcome outcome = play(world, [&](const TraceEvent& event) {
    ++told;
    EXPECT_GE(event.at, latest);
    latest = event.at;
    kinds.insert(event.kind);
  });
  EXPECT_EQ(outcome.trace_hash, play(world).trace_hash);
  EXPECT_GT(told, 100u);
  EXPECT_TRUE(kinds.contains(TraceKind::kDatagram));
  EXPECT_TRUE(kinds.contains(TraceKind::kHeal));
}

// Which kinds of events the first worlds of a profile contain: that the faults it is named for do
// happen, and that calm worlds have none.
TEST(Profile, AfflictsItsWorldsWithItsFaults) {
  struct Row {
    Profile profile;
    std::set<TraceKind> happen;
    std::set<TraceKind> never_happen;
  };
  using enum TraceKind;
  const Row rows[] = {
      {Profile::kCalm, {kDatagram, kOpen, kData, kEnd, kHeal}, {kCrash, kSplit, kReboot}},
      {Profile::kLossy, {kCrash, kRestart, kSplit, kReboot, kHeal}, {}},
      {Profile::kHostile, {kCrash, kRestart, kSplit, kReboot, kReload, kClock, kHeal}, {}},
      {Profile::kFlood, {kCrash, kRestart, kReload, kHeal}, {kSplit, kReboot}},
      {Profile::kNatZoo, {kReboot, kHeal}, {kCrash, kSplit}},
      {Profile::kClock, {kClock, kCrash, kRestart, kHeal}, {kSplit, kReboot}},
      {Profile::kSwarm, {kCrash, kRestart, kSplit, kReboot, kHeal}, {kOpen, kReload, kClock}},
  };
  EXPECT_EQ(std::size(rows), kProfileCount);
  for (const Row& row : rows) {
    std::set<TraceKind> found;
    for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
      const auto& kinds = played(row.profile, seed).kinds;
      found.insert(kinds.begin(), kinds.end());
    }
    for (const TraceKind kind : row.happen) {
      EXPECT_TRUE(found.contains(kind)) << label(row.profile) << ' ' << label(kind);
    }
    for (const TraceKind kind : row.never_happen) {
      EXPECT_FALSE(found.contains(kind)) << label(row.profile) << ' ' << label(kind);
    }
  }
}

TEST(Profile, IsFoundByItsName) {
  std::set<std::string_view> names;
  for (const Profile profile : all_profiles()) {
    EXPECT_EQ(find_profile(label(profile)), profile);
    names.insert(label(profile));
  }
  EXPECT_EQ(names.size(), kProfileCount);
  for (const std::string_view name : {"", "Calm", "calm ", "nat_zoo"}) {
    EXPECT_EQ(find_profile(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace roost::sim
