// SPDX-License-Identifier: MIT
//
// Goal: entries are found under their keys, in the order of their age, whatever is removed.
// Method: random operations step by step against a list, with few keys so that several meet under
// one; then what the list cannot show.
#include "core/dht/aged_table.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <list>
#include <map>
#include <set>
#include <vector>

namespace roost::core::dht {
namespace {

using namespace std::chrono_literals;

struct Entry {
  wire::NodeId key;
  AgedLinks links;
  uint32_t tag;
};
using Table = AgedTable<Entry>;

constexpr SipHashKey kSecret{1, 2, 3};
constexpr MonoTime kStart{1h};

wire::NodeId key(uint8_t first) {
  return {first};
}

struct ModelEntry {
  wire::NodeId key;
  uint32_t tag;
  MonoTime renewed;
};

std::set<uint32_t> tags_of(const Table& table, const wire::NodeId& key) {
  std::set<uint32_t> tags;
  for (uint32_t i = table.first_of(key); i != Table::kNone; i = table.next_of(i)) {
    EXPECT_EQ(table[i].key, key);
    EXPECT_TRUE(tags.insert(table[i].tag).second);
  }
  return tags;
}

uint32_t number_of(const Table& table, const ModelEntry& entry) {
  for (uint32_t i = table.first_of(entry.key); i != Table::kNone; i = table.next_of(i)) {
    if (table[i].tag == entry.tag) return i;
  }
  return Table::kNone;
}

void run_against_model(uint32_t capacity, uint64_t keys, int steps) {
  SeededRandom random(capacity);
  Table table(capacity, kSecret);
  std::list<ModelEntry> model;  // The oldest first.
  MonoTime now = kStart;
  for (int step = 0; step < steps; ++step) {
    now += std::chrono::milliseconds(random.below(2000));
    const uint64_t what = random.below(4);
    if (what < 2 && !table.is_full()) {
      const ModelEntry added{key(static_cast<uint8_t>(random.below(keys))),
                             static_cast<uint32_t>(step), now};
      table[table.add(added.key, now)].tag = added.tag;
      model.push_back(added);
    } else if (!model.empty()) {
      const auto chosen =
          std::next(model.begin(), static_cast<ptrdiff_t>(random.below(model.size())));
      const uint32_t number = number_of(table, *chosen);
      ASSERT_NE(number, Table::kNone);
      if (what == 3) {
        table.renew(number, now);
        chosen->renewed = now;
        model.splice(model.end(), model, chosen);
      } else {
        table.remove(number);
        model.erase(chosen);
      }
    }
    ASSERT_EQ(table.size(), model.size());
    ASSERT_EQ(table.is_full(), model.size() == capacity);
    if (model.empty()) {
      ASSERT_EQ(table.oldest(), Table::kNone);
    } else {
      ASSERT_EQ(table[table.oldest()].tag, model.front().tag);
      ASSERT_EQ(
          table.age(table.oldest(), now),
          std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()) -
              std::chrono::floor<std::chrono::seconds>(model.front().renewed.time_since_epoch()));
    }
    const wire::NodeId looked_up = key(static_cast<uint8_t>(random.below(keys)));
    std::set<uint32_t> expected;
    for (const ModelEntry& entry : model) {
      if (entry.key == looked_up) expected.insert(entry.tag);
    }
    ASSERT_EQ(tags_of(table, looked_up), expected);
    if (step % 64 == 0) table.check_invariants();
  }
  table.check_invariants();
}

TEST(AgedTable, BehavesAsAListForThousandsOfOperations) {
  run_against_model(1, 2, 2'000);
  run_against_model(2, 2, 2'000);
  run_against_model(16, 5, 5'000);
  run_against_model(64, 200, 10'000);
}

TEST(AgedTable, DrawsFromAllThatIsThere) {
  SeededRandom random(1);
  Table table(8, kSecret);
  for (uint8_t i = 0; i < 8; ++i) table.add(key(i), kStart);
  table.remove(table.first_of(key(3)));
  std::map<wire::NodeId, unsigned> times;
  for (const uint32_t number : table.draw<7'000>(random)) ++times[table[number].key];
  EXPECT_EQ(times.size(), 7u);
  EXPECT_FALSE(times.contains(key(3)));
  // 1,000 each; seven standard deviations of 30.
  for (const auto& [drawn, count] : times) EXPECT_NEAR(count, 1'000, 210);
}

TEST(AgedTable, BeginsEmptyAndWithZeroes) {
  Table table(2, kSecret);
  EXPECT_EQ(table.first_of(key(0)), Table::kNone);
  EXPECT_EQ(table.oldest(), Table::kNone);
  table[table.add(key(1), kStart)].tag = 7;
  table.remove(table.first_of(key(1)));
  EXPECT_EQ(table[table.add(key(2), kStart)].tag, 0u);
  EXPECT_EQ(Table::bytes_for(10), 10 * sizeof(uint32_t) + 11 * sizeof(Entry));
}

TEST(AgedTableDeathTest, IsNotFilledBeyondItsCapacity) {
  Table table(1, kSecret);
  table.add(key(1), kStart);
  EXPECT_DEATH(table.add(key(2), kStart), "broken invariant");
  EXPECT_DEATH(Table(0, kSecret), "broken invariant");
}

}  // namespace
}  // namespace roost::core::dht
