// SPDX-License-Identifier: MIT
//
// Goal: whatever a step builds stays where it is until the outbox is cleared, and a step that
// has_room() never runs out of it.
// Method: many steps with the largest and with random sizes, whose bytes are looked at in the end;
// death tests at the limits.
#include "core/outbox.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"

namespace roost::core {
namespace {

SendDatagram datagram(Bytes payload) {
  return {.from = 0, .local = {}, .to = {}, .payload = payload};
}

Bytes payload_of(const Action& action) {
  return std::get<SendDatagram>(action).payload;
}

std::string_view note_of(const Action& action) {
  return std::get<Note>(action).what;
}

std::vector<std::string> notes(const Outbox& out) {
  std::vector<std::string> result;
  for (const Action& action : out.actions()) result.emplace_back(note_of(action));
  return result;
}

TEST(Outbox, KeepsActionsInTheirOrderUntilItIsCleared) {
  Outbox out;
  EXPECT_TRUE(out.actions().empty());
  EXPECT_TRUE(out.has_room());
  for (const char* const text : {"one", "two", "three"}) out.push(Note{text});
  EXPECT_EQ(notes(out), (std::vector<std::string>{"one", "two", "three"}));
  out.clear();
  EXPECT_TRUE(out.actions().empty());
  out.push(Note{"four"});
  EXPECT_EQ(notes(out), (std::vector<std::string>{"four"}));
}

TEST(Outbox, KeepsEveryByteThatWasBuiltWhereItIs) {
  SeededRandom random(1);
  Outbox out;
  for (int batch = 0; batch < 20; ++batch) {
    std::vector<std::vector<uint8_t>> expected;
    while (out.has_room()) {
      // One step: a few messages, each built too large and shrunk to what was needed.
      for (uint64_t count = random.below(5); count > 0; --count) {
        const MutableBytes built = out.build(1 + random.below(800));
        const size_t used = random.below(built.size() + 1);
        random.fill(built);
        out.shrink(built, used);
        out.push(datagram(built.first(used)));
        expected.emplace_back(built.begin(), built.begin() + static_cast<ptrdiff_t>(used));
      }
    }
    ASSERT_EQ(out.actions().size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_TRUE(same_bytes(payload_of(out.actions()[i]), expected[i])) << i;
    }
    out.clear();
  }
}

TEST(Outbox, HasRoomForTheLargestStepWheneverItSaysSo) {
  Outbox out;
  size_t steps = 0;
  for (; out.has_room(); ++steps) {
    static_cast<void>(out.build(Outbox::kBytesPerStepMax));
    for (size_t i = 0; i < Outbox::kActionsPerStepMax; ++i) out.push(Note{"largest"});
  }
  EXPECT_EQ(steps, std::min(Outbox::kActionCountMax / Outbox::kActionsPerStepMax,
                            Outbox::kArenaSize / Outbox::kBytesPerStepMax));
  out.clear();
  EXPECT_TRUE(out.has_room());
}

TEST(Outbox, RunsOutOfActionsAndOfBytesSeparately) {
  Outbox out;
  for (size_t i = 0; i < Outbox::kActionCountMax - Outbox::kActionsPerStepMax; ++i) {
    EXPECT_TRUE(out.has_room());
    out.push(Note{"small"});
  }
  EXPECT_TRUE(out.has_room());  // Exactly one step more.
  out.push(Note{"small"});
  EXPECT_FALSE(out.has_room());
  out.clear();

  static_cast<void>(out.build(Outbox::kArenaSize - Outbox::kBytesPerStepMax));
  EXPECT_TRUE(out.has_room());
  static_cast<void>(out.build(1));
  EXPECT_FALSE(out.has_room());
}

TEST(Outbox, GivesBackWhatWasBuiltAndNotNeeded) {
  Outbox out;
  const MutableBytes first = out.build(100);
  out.shrink(first, 40);
  const MutableBytes second = out.build(100);
  EXPECT_EQ(second.data(), first.data() + 40);
  out.shrink(second, 0);
  EXPECT_EQ(out.build(1).data(), first.data() + 40);
  // Any number of small replies fit, although each was built in room for a large one.
  out.clear();
  for (size_t i = 0; i < Outbox::kActionCountMax; ++i) {
    const MutableBytes built = out.build(1024);
    out.shrink(built, 64);
    out.push(datagram(built.first(64)));
  }
  const MutableBytes whole = out.build(Outbox::kArenaSize - 64 * Outbox::kActionCountMax);
  EXPECT_EQ(out.build(0).size(), 0u);
  out.shrink(whole, whole.size());
}

TEST(Outbox, StaysWhereItIsWhenItsBytesAreReferredTo) {
  Outbox out;
  std::set<const uint8_t*> places;
  for (int i = 0; i < 3; ++i) {
    places.insert(out.build(16).data());
    out.clear();
  }
  EXPECT_EQ(places.size(), 1u);  // The arena is one piece of memory, taken once.
}

TEST(Outbox, TakesBackWhatIsNotKeptOfTheLastStep) {
  struct Row {
    std::vector<std::string> pushed;
    size_t count;  // Those of earlier steps.
    std::string kept;
    std::vector<std::string> expect;
  };
  const Row kRows[] = {
      {{}, 0, "", {}},
      {{"a", "b", "c"}, 0, "abc", {"a", "b", "c"}},
      {{"a", "b", "c"}, 0, "", {}},
      {{"a", "b", "c"}, 0, "b", {"b"}},
      {{"a", "b", "c"}, 1, "", {"a"}},
      {{"a", "b", "c"}, 1, "c", {"a", "c"}},
      {{"a", "b", "c", "d"}, 2, "d", {"a", "b", "d"}},
      {{"a", "b", "c", "d", "e", "f"}, 3, "e", {"a", "b", "c", "e"}},
      {{"a", "b", "c"}, 3, "", {"a", "b", "c"}},
  };
  for (const Row& row : kRows) {
    Outbox out;
    for (const std::string& text : row.pushed) out.push(Note{text});
    std::vector<std::string> asked;
    out.retain_from(row.count, [&](const Action& action) {
      asked.emplace_back(note_of(action));
      return row.kept.find(note_of(action)) != std::string::npos;
    });
    EXPECT_EQ(notes(out), row.expect);
    // Each action of the step is judged once, in order: the judge may count what it lets through.
    EXPECT_EQ(asked, std::vector<std::string>(
                         row.pushed.begin() + static_cast<ptrdiff_t>(row.count), row.pushed.end()));
  }
}

TEST(OutboxDeathTest, AbortsBeforeItOverflows) {
  Outbox out;
  static_cast<void>(out.build(Outbox::kArenaSize - 1));
  EXPECT_DEATH(static_cast<void>(out.build(2)), "broken invariant");
  EXPECT_DEATH(static_cast<void>(out.build(SIZE_MAX)), "broken invariant");
  for (size_t i = 0; i < Outbox::kActionCountMax; ++i) out.push(Note{"many"});
  EXPECT_DEATH(out.push(Note{"one too many"}), "broken invariant");
}

TEST(OutboxDeathTest, ShrinksOnlyWhatWasBuiltLast) {
  Outbox out;
  const MutableBytes first = out.build(10);
  EXPECT_DEATH(out.shrink(first, 11), "broken invariant");
  const MutableBytes second = out.build(10);
  EXPECT_DEATH(out.shrink(first, 5), "broken invariant");
  out.shrink(second, 5);
  EXPECT_DEATH(out.shrink(second, 5), "broken invariant");
}

}  // namespace
}  // namespace roost::core
