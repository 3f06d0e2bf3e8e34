// SPDX-License-Identifier: MIT
//
// Goal: a table that strangers fill behaves as a map until it is full, and then refuses.
// Method: 100,000 random operations step by step against std::map, with few keys so that erasing
// has followers to move; then the bounds, one by one.
#include "base/bounded_map.h"

#include <array>
#include <cstring>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/random.h"

namespace roost {
namespace {

struct NumberBytes {
  std::array<uint8_t, 8> operator()(uint64_t key) const {
    std::array<uint8_t, 8> bytes;
    store_u64(bytes.data(), key);
    return bytes;
  }
};
using NumberMap = BoundedMap<uint64_t, uint64_t, NumberBytes>;

SipHashKey secret(uint8_t first) {
  return {first, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
}

std::map<uint64_t, uint64_t> contents(const NumberMap& map) {
  std::map<uint64_t, uint64_t> result;
  map.for_each(
      [&](uint64_t key, uint64_t value) { EXPECT_TRUE(result.emplace(key, value).second); });
  return result;
}

void run_against_model(size_t capacity, uint64_t key_count, int steps) {
  SeededRandom random(capacity);
  NumberMap map(capacity, secret(0));
  std::map<uint64_t, uint64_t> model;
  for (int step = 0; step < steps; ++step) {
    const uint64_t key = random.below(key_count);
    const uint64_t value = random.next();
    switch (random.below(4)) {
      case 0: {
        const uint64_t* const found = map.find(key);
        const auto expected = model.find(key);
        ASSERT_EQ(found != nullptr, expected != model.end());
        if (found != nullptr) {
          ASSERT_EQ(*found, expected->second);
        }
        break;
      }
      case 1: ASSERT_EQ(map.erase(key), model.erase(key) == 1); break;
      default: {
        uint64_t* const found = map.find_or_insert(key, value);
        const bool fits = model.contains(key) || model.size() < capacity;
        ASSERT_EQ(found != nullptr, fits);
        if (!fits) break;
        ASSERT_EQ(*found, model.emplace(key, value).first->second);
        if (random.below(2) == 0) *found = model[key] = value + 1;  // Through the pointer.
      }
    }
    ASSERT_EQ(map.size(), model.size());
    ASSERT_EQ(map.is_full(), model.size() == capacity);
    if (step % 512 == 0) {
      map.check_invariants();
      ASSERT_EQ(contents(map), model);
    }
  }
  map.check_invariants();
  ASSERT_EQ(contents(map), model);
}

TEST(BoundedMap, BehavesAsAMapForAHundredThousandOperations) {
  run_against_model(1, 3, 5'000);
  run_against_model(2, 5, 5'000);
  run_against_model(7, 12, 20'000);
  run_against_model(64, 80, 40'000);     // Full most of the time.
  run_against_model(1000, 900, 30'000);  // Never full.
}

TEST(BoundedMap, RefusesWhenFullAndStillFindsWhatItHas) {
  NumberMap map(3, secret(0));
  EXPECT_EQ(map.capacity(), 3u);
  for (uint64_t key = 0; key < 3; ++key) {
    EXPECT_FALSE(map.is_full());
    ASSERT_NE(map.find_or_insert(key, key * 10), nullptr);
  }
  EXPECT_TRUE(map.is_full());
  EXPECT_EQ(map.find_or_insert(3, 30), nullptr);
  EXPECT_EQ(map.find(3), nullptr);
  EXPECT_EQ(*map.find_or_insert(2, 99), 20u);  // What is there is found, not replaced.
  EXPECT_FALSE(map.erase(3));
  EXPECT_TRUE(map.erase(1));
  EXPECT_FALSE(map.erase(1));
  EXPECT_EQ(*map.find_or_insert(3, 30), 30u);
  EXPECT_EQ(map.size(), 3u);
}

TEST(BoundedMap, IsEmptiedInAnyOrder) {
  SeededRandom random(1);
  for (int round = 0; round < 200; ++round) {
    NumberMap map(32, secret(static_cast<uint8_t>(round)));
    std::set<uint64_t> left;
    while (!map.is_full()) {
      const uint64_t key = random.next();
      ASSERT_NE(map.find_or_insert(key, key), nullptr);
      left.insert(key);
    }
    while (!left.empty()) {
      auto victim = left.begin();
      std::advance(victim, static_cast<ptrdiff_t>(random.below(left.size())));
      ASSERT_TRUE(map.erase(*victim));
      left.erase(victim);
      map.check_invariants();
      for (const uint64_t key : left) ASSERT_EQ(*map.find(key), key);
    }
    ASSERT_EQ(map.size(), 0u);
  }
}

// Where a key sits while nothing else is in the table.
uint64_t home_of(uint64_t key, const SipHashKey& hash_key, uint64_t slots) {
  return sip_hash(hash_key, NumberBytes()(key)) % slots;
}

TEST(BoundedMap, IsKeyedSoThatNobodyElseCanMakeKeysCollide) {
  constexpr size_t kCapacity = 64;
  constexpr uint64_t kSlots = 2 * kCapacity;
  std::set<uint64_t> homes_elsewhere;
  NumberMap map(kCapacity, secret(0));
  // Keys chosen by somebody who knows the secret: all in one slot, and still all found.
  std::set<uint64_t> keys;
  for (uint64_t key = 0; !map.is_full(); ++key) {
    if (home_of(key, secret(0), kSlots) != 7) continue;
    ASSERT_NE(map.find_or_insert(key, key), nullptr);
    keys.insert(key);
    homes_elsewhere.insert(home_of(key, secret(1), kSlots));
  }
  map.check_invariants();
  for (const uint64_t key : keys) EXPECT_EQ(*map.find(key), key);
  // Under another secret they are spread: of 64 throws into 128 slots some 50 are distinct.
  EXPECT_GT(homes_elsewhere.size(), 35u);
}

TEST(BoundedMap, PlacesItsKeysByItsSecretAndByNothingElse) {
  const auto order_under = [](const SipHashKey& hash_key) {
    NumberMap map(64, hash_key);
    for (uint64_t key = 0; key < 64; ++key) EXPECT_NE(map.find_or_insert(key, key), nullptr);
    std::vector<uint64_t> order;
    map.for_each([&](uint64_t key, uint64_t) { order.push_back(key); });
    return order;
  };
  EXPECT_NE(order_under(secret(0)), order_under(secret(1)));
  EXPECT_EQ(order_under(secret(0)), order_under(secret(0)));  // A simulated run is repeatable.
}

TEST(BoundedMap, WrapsAroundTheEndOfItsSlots) {
  constexpr size_t kCapacity = 8;
  constexpr uint64_t kSlots = 2 * kCapacity;
  NumberMap map(kCapacity, secret(0));
  std::set<uint64_t> keys;
  for (uint64_t key = 0; !map.is_full(); ++key) {
    if (home_of(key, secret(0), kSlots) < kSlots - 2) continue;
    ASSERT_NE(map.find_or_insert(key, key), nullptr);
    keys.insert(key);
  }
  while (!keys.empty()) {
    ASSERT_TRUE(map.erase(*keys.begin()));
    keys.erase(keys.begin());
    map.check_invariants();
    for (const uint64_t key : keys) ASSERT_EQ(*map.find(key), key);
  }
}

struct TextBytes {
  Bytes operator()(const std::string& key) const { return as_bytes(key); }
};

TEST(BoundedMap, HoldsKeysOfAnySizeAndValuesThatOnlyMove) {
  BoundedMap<std::string, std::unique_ptr<int>, TextBytes> map(4, secret(0));
  for (const char* const key : {"", "a", "ab", "abc"}) {
    ASSERT_NE(map.find_or_insert(key, std::make_unique<int>(static_cast<int>(std::strlen(key)))),
              nullptr);
  }
  EXPECT_TRUE(map.erase("a"));
  EXPECT_EQ(map.find("a"), nullptr);
  EXPECT_EQ(**map.find("abc"), 3);
  EXPECT_EQ(**map.find(""), 0);
  const auto& const_map = map;
  EXPECT_EQ(**const_map.find("ab"), 2);
  map.check_invariants();
}

TEST(BoundedMap, TellsHowMuchMemoryItTakes) {
  constexpr size_t kSlotSize = sizeof(std::optional<std::pair<uint64_t, uint64_t>>);
  EXPECT_EQ(NumberMap::bytes_for(1), 2 * kSlotSize);
  EXPECT_EQ(NumberMap::bytes_for(64), 128 * kSlotSize);
  EXPECT_EQ(NumberMap::bytes_for(65), 256 * kSlotSize);
}

TEST(BoundedMapDeathTest, HasRoomForSomething) {
  EXPECT_DEATH(NumberMap(0, secret(0)), "broken invariant");
}

}  // namespace
}  // namespace roost
