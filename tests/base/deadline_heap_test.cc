// SPDX-License-Identifier: MIT
//
// Goal: deadlines come out in order, each once, and at no other time.
// Method: random operations step by step against std::multimap.
#include "base/deadline_heap.h"

#include <gtest/gtest.h>
#include <map>

#include "base/random.h"

namespace roost {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime at(Duration since_start) {
  return MonoTime(since_start);
}

// What the header says, in the plainest way: equal deadlines by number.
class Model {
 public:
  void clear(uint32_t slot) {
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
      if (entry->second != slot) continue;
      entries_.erase(entry);
      return;
    }
  }
  void set(uint32_t slot, MonoTime deadline) {
    clear(slot);
    entries_.emplace(deadline, slot);
  }
  std::optional<MonoTime> next_deadline() const {
    if (entries_.empty()) return {};
    return entries_.begin()->first;
  }
  std::optional<uint32_t> pop_due(MonoTime now) {
    if (entries_.empty() || entries_.begin()->first > now) return {};
    auto least = entries_.begin();
    const auto equals = entries_.equal_range(least->first);
    for (auto entry = equals.first; entry != equals.second; ++entry) {
      if (entry->second < least->second) least = entry;
    }
    const uint32_t slot = least->second;
    entries_.erase(least);
    return slot;
  }
  size_t size() const { return entries_.size(); }

 private:
  std::multimap<MonoTime, uint32_t> entries_;
};

TEST(DeadlineHeap, BehavesAsAMultimap) {
  SeededRandom random(1);
  for (const uint32_t capacity : {1u, 2u, 3u, 10u, 100u}) {
    DeadlineHeap heap(capacity);
    Model model;
    MonoTime now = at(0s);
    for (int step = 0; step < 10'000; ++step) {
      const auto slot = static_cast<uint32_t>(random.below(capacity));
      switch (random.below(4)) {
        case 0:
          heap.clear(slot);
          model.clear(slot);
          break;
        case 1: {
          now += Duration(static_cast<int64_t>(random.below(8)));
          const auto due = heap.pop_due(now);
          ASSERT_EQ(due, model.pop_due(now));
          break;
        }
        default: {
          // Near ones, so that equals are common; the past is allowed.
          const MonoTime deadline = now + Duration(static_cast<int64_t>(random.below(32)) - 8);
          heap.set(slot, deadline);
          model.set(slot, deadline);
        }
      }
      heap.check_invariants();
      ASSERT_EQ(heap.size(), model.size());
      ASSERT_EQ(heap.empty(), model.size() == 0);
      ASSERT_EQ(heap.next_deadline(), model.next_deadline());
    }
  }
}

TEST(DeadlineHeap, SortsWhateverItIsGiven) {
  SeededRandom random(2);
  constexpr uint32_t kCount = 1000;
  DeadlineHeap heap(kCount);
  for (uint32_t slot = 0; slot < kCount; ++slot) {
    heap.set(slot, at(Duration(static_cast<int64_t>(random.below(300)))));
  }
  std::pair<MonoTime, uint32_t> last{MonoTime::min(), 0};
  for (uint32_t i = 0; i < kCount; ++i) {
    const MonoTime deadline = heap.next_deadline().value();
    const std::pair next(deadline, heap.pop_due(MonoTime::max()).value());
    ASSERT_LT(last, next);
    last = next;
  }
  EXPECT_TRUE(heap.empty());
}

TEST(DeadlineHeap, GivesOutWhatIsDueAndNothingElse) {
  DeadlineHeap heap(4);
  EXPECT_TRUE(heap.empty());
  EXPECT_EQ(heap.next_deadline(), std::nullopt);
  EXPECT_EQ(heap.pop_due(MonoTime::max()), std::nullopt);
  heap.clear(3);  // Has none; that is no mistake.

  heap.set(2, at(5s));
  heap.set(1, at(5s));
  heap.set(0, at(7s));
  EXPECT_EQ(heap.pop_due(at(5s) - 1us), std::nullopt);
  EXPECT_EQ(heap.pop_due(at(5s)), 1u);
  EXPECT_EQ(heap.pop_due(at(5s)), 2u);
  EXPECT_EQ(heap.pop_due(at(5s)), std::nullopt);
  heap.set(0, at(1s));  // Moved to the front ...
  EXPECT_EQ(heap.next_deadline(), at(1s));
  heap.set(0, at(9s));  // ... and to the back.
  EXPECT_EQ(heap.next_deadline(), at(9s));
  EXPECT_EQ(heap.size(), 1u);
  heap.clear(0);
  EXPECT_TRUE(heap.empty());
}

TEST(DeadlineHeapDeathTest, HasNoSlotBehindItsLast) {
  DeadlineHeap heap(2);
  EXPECT_DEATH(heap.set(2, at(0s)), "broken invariant");
  EXPECT_DEATH(heap.clear(2), "broken invariant");
}

}  // namespace
}  // namespace roost
