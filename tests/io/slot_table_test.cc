// SPDX-License-Identifier: MIT
//
// Goal: a number finds its thing and nothing else, however often slots change hands. Method: put,
// erase and put again, then a long random walk beside a std::map.
#include "io/slot_table.h"

#include <gtest/gtest.h>
#include <map>
#include <set>

#include "base/random.h"

namespace roost::io {
namespace {

TEST(SlotTable, FindsWhatWasPutUntilItIsErased) {
  SlotTable<int> table(2);
  const uint64_t number = table.reserve();
  EXPECT_EQ(nullptr, table.find(number));
  table.put(number, std::make_unique<int>(7));
  ASSERT_NE(nullptr, table.find(number));
  EXPECT_EQ(7, *table.find(number));
  table.erase(number);
  EXPECT_EQ(nullptr, table.find(number));
  EXPECT_EQ(0u, table.size());
}

TEST(SlotTable, AnOldNumberDoesNotFindTheNewTenantOfItsSlot) {
  SlotTable<int> table(1);
  const uint64_t first = table.reserve();
  table.put(first, std::make_unique<int>(1));
  table.erase(first);
  const uint64_t second = table.reserve();
  table.put(second, std::make_unique<int>(2));
  EXPECT_EQ(table.slot_of(first), table.slot_of(second));
  EXPECT_EQ(nullptr, table.find(first));
  EXPECT_EQ(2, *table.find(second));
}

TEST(SlotTable, ANumberThatWasReservedForNothingIsNotUsedAgain) {
  SlotTable<int> table(1);
  const uint64_t unused = table.reserve();
  EXPECT_NE(unused, table.reserve());
}

TEST(SlotTable, ZeroAndFarSlotsFindNothing) {
  SlotTable<int> table(4);
  table.put(table.reserve(), std::make_unique<int>(1));
  EXPECT_EQ(nullptr, table.find(0));
  EXPECT_EQ(nullptr, table.find(3));
  EXPECT_EQ(nullptr, table.find(~uint64_t{0}));
  EXPECT_EQ(nullptr, table.at_slot(3));
}

TEST(SlotTable, AgreesWithAMapOverALongWalk) {
  constexpr uint32_t kCapacity = 9;
  SeededRandom random(1);
  SlotTable<int> table(kCapacity);
  std::map<uint64_t, int> model;
  std::set<uint64_t> ever;
  for (int step = 0; step < 5000; ++step) {
    if (random.below(2) == 0 && !table.is_full()) {
      const uint64_t number = table.reserve();
      EXPECT_TRUE(ever.insert(number).second);
      table.put(number, std::make_unique<int>(step));
      model[number] = step;
    } else if (!model.empty()) {
      const auto victim = std::next(model.begin(), static_cast<long>(random.below(model.size())));
      table.erase(victim->first);
      model.erase(victim);
    }
    ASSERT_EQ(model.size(), table.size());
    ASSERT_EQ(model.size() == kCapacity, table.is_full());
    for (const auto& [number, value] : model) ASSERT_EQ(value, *table.find(number));
  }
  size_t visited = 0;
  table.for_each([&](int&) { ++visited; });
  EXPECT_EQ(model.size(), visited);
}

}  // namespace
}  // namespace roost::io
