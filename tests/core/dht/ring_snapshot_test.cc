// SPDX-License-Identifier: MIT
//
// Goal: whatever moment the process or the disk ends at, a node that starts anew has the contacts
// of the last whole snapshot, as old as they are; what is damaged is counted and costs nothing
// else. Method: a store that is a map, which the test stops, breaks and damages.
#include "core/dht/ring_snapshot.h"

#include "ring_snapshot_life.h"

namespace roost::core::dht {
namespace {

TEST(RingSnapshot, RestoresWhatItHasKept) {
  struct Row {
    uint32_t v4;
    uint32_t v6;
    size_t pages;
  };
  const Row rows[] = {{1, 0, 1},    {0, 1, 1},    {999, 1, 2},    {1000, 1000, 2},
                      {1001, 0, 2}, {0, 2500, 3}, {2000, 2001, 5}};
  for (const Row& row : rows) {
    SCOPED_TRACE(std::to_string(row.v4) + " and " + std::to_string(row.v6));
    Entries entries = kept(row.v4, row.v6);
    EXPECT_EQ(row.pages, page_count(entries));
    Life life(entries);
    EXPECT_FALSE(life.snapshot.is_loaded());
    life.answer();
    EXPECT_TRUE(life.snapshot.is_loaded());
    EXPECT_EQ(row.v4, life.ring.size(Family::kV4));
    EXPECT_EQ(row.v6, life.ring.size(Family::kV6));
    EXPECT_EQ(row.v4 + row.v6, life.snapshot.stats().contacts_read);
    EXPECT_EQ(row.pages, life.snapshot.stats().pages_read);
    EXPECT_EQ(0u, life.snapshot.stats().pages_damaged + life.snapshot.stats().pages_missing);
    for (const auto& [endpoint, contact] : contacts_of(life.ring)) {
      EXPECT_EQ(contact.id, node(family_of(endpoint.address), load_u32(contact.id.data())).id);
      EXPECT_EQ(endpoint, node(family_of(endpoint.address), load_u32(contact.id.data())).endpoint);
    }
    ASSERT_EQ(1u, life.notes.size());
  }
}

TEST(RingSnapshot, KeepsNothingOfAnEmptyRingAndAsksNothingWithoutAStore) {
  Entries entries = kept(10, 0);
  const Entries before = entries;
  {
    Entries none;
    Life life(none);
    life.answer();
    EXPECT_TRUE(life.snapshot.is_loaded());
    EXPECT_TRUE(life.notes.empty());
    for (int i = 0; i < 5; ++i) life.wait();
    EXPECT_FALSE(life.is_asking());
    EXPECT_TRUE(none.empty());
  }
  Life life(entries);
  life.read_failure = StoreError::kAbsent;
  life.answer();
  EXPECT_TRUE(life.snapshot.is_loaded());
  EXPECT_FALSE(life.snapshot.next_deadline());
  EXPECT_EQ(before, entries);
}

TEST(RingSnapshot, CountsTheTimeInWhichItWasGone) {
  struct Row {
    const char* what;
    Duration verified_before;
    std::optional<WallTime> kept_at;
    std::optional<WallTime> read_at;
    Duration expected;  // Age once it is restored.
  };
  constexpr Duration kOld = ContactRing::kFreshFor + 1s;
  const Row rows[] = {
      {"at once", 1min, kWall, kWall + 5min, 6min},
      {"an hour later", 1min, kWall, kWall + 65min, 66min},
      {"years later", 1min, kWall, kWall + std::chrono::years(3), std::chrono::days(30)},
      {"the clock was unknown", 1min, {}, kWall, kOld},
      {"the clock is unknown", 1min, kWall, {}, kOld},
      {"the clock has gone back", 1min, kWall, kWall - 1h, kOld},
      {"old already", 3h, kWall, {}, 3h + 5min},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    Entries entries;
    {
      Life life(entries, {kStart, row.kept_at});
      life.answer();
      life.ring.restore(kStart, node(Family::kV4, 1), row.verified_before);
      life.take_snapshot();  // 5 minutes later, by all clocks.
    }
    const MonoTime now{77h};
    Life life(entries, {now, row.read_at});
    life.answer();
    std::vector<Duration> ages;
    life.ring.for_each(now, [&](const CompactNode&, Duration age) { ages.push_back(age); });
    ASSERT_EQ(1u, ages.size());
    EXPECT_EQ(row.expected, ages[0]);
    CompactNode out[1];
    EXPECT_EQ(row.expected <= ContactRing::kFreshFor ? 1u : 0u,
              life.ring.take(now, Family::kV4, out));
    EXPECT_EQ(row.expected >= ContactRing::kVerifyAgainAfter,
              life.ring.next_to_verify(now, Family::kV4).has_value());
  }
}

// The process ends after each of the answers of a second snapshot, with more contacts.
TEST(RingSnapshot, RestoresTheLastWholeOneWheneverItIsCutShort) {
  const Entries first = kept(1500, 700);
  bool is_second_whole = false;
  for (size_t answers = 0; !is_second_whole; ++answers) {
    SCOPED_TRACE(answers);
    ASSERT_LT(answers, 20u);
    Entries entries = first;
    {
      Life life(entries);
      life.answer();
      life.admit(Family::kV4, 5000, 2000);
      life.wait();
      for (size_t left = answers; left > 0; --left) life.answer_next();
      is_second_whole = life.snapshot.stats().snapshots > 0;
    }
    {
      Life life(entries);
      life.answer();
      EXPECT_EQ(is_second_whole ? 3500u : 1500u, life.ring.size(Family::kV4));
      EXPECT_EQ(700u, life.ring.size(Family::kV6));
      EXPECT_EQ(0u, life.snapshot.stats().pages_damaged + life.snapshot.stats().pages_missing);
      life.take_snapshot();
      EXPECT_EQ(1u, life.snapshot.stats().snapshots);
    }
    // What was left of the other is gone.
    EXPECT_EQ(1u, generations(entries).size());
    EXPECT_EQ(is_second_whole ? 5u : 3u, page_count(entries));
  }
}

TEST(RingSnapshot, UsesTheOtherPagesWhereSomeAreDamagedOrMissing) {
  const Entries whole = kept(3000, 2000);
  std::vector<std::string> keys;
  for (const auto& [key, value] : whole) {
    if (key.starts_with("dht/contacts/")) keys.push_back(key);
  }
  ASSERT_EQ(5u, keys.size());
  struct Row {
    const char* what;
    std::vector<size_t> damaged;
    std::vector<size_t> missing;
    std::vector<size_t> unreadable;
  };
  const Row rows[] = {
      {"the first is damaged", {0}, {}, {}},
      {"the last is damaged", {4}, {}, {}},
      {"the first is missing", {}, {0}, {}},
      {"one in the middle is missing", {}, {2}, {}},
      {"the last two are missing", {}, {3, 4}, {}},
      {"the disk cannot read two", {}, {}, {1, 4}},
      {"everything is missing", {}, {0, 1, 2, 3, 4}, {}},
      {"everything is damaged", {0, 1, 2, 3, 4}, {}, {}},
      {"some of each", {0}, {2, 3}, {1}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    Entries entries = whole;
    Life life(entries);
    for (const size_t page : row.damaged) entries[keys[page]][500] ^= 1;
    for (const size_t page : row.missing) entries.erase(keys[page]);
    for (const size_t page : row.unreadable) life.unreadable.insert(keys[page]);
    life.answer();
    EXPECT_TRUE(life.snapshot.is_loaded());
    const size_t damaged = row.damaged.size() + row.unreadable.size();
    EXPECT_EQ(damaged, life.snapshot.stats().pages_damaged);
    EXPECT_EQ(row.missing.size(), life.snapshot.stats().pages_missing);
    EXPECT_EQ((5 - damaged - row.missing.size()) * 1000, life.snapshot.stats().contacts_read);
    ASSERT_EQ(1u, life.notes.size());
    EXPECT_NE(std::string::npos, life.notes[0].find(std::to_string(damaged) + " damaged"));
    // The next one begins anew.
    life.admit(Family::kV4, 0, 3000);
    life.admit(Family::kV6, 0, 2000);
    life.take_snapshot();
    EXPECT_EQ(1u, generations(entries).size());
    Life next(entries);
    next.answer();
    EXPECT_EQ(5000u, next.snapshot.stats().contacts_read);
    EXPECT_EQ(0u, next.snapshot.stats().pages_damaged + next.snapshot.stats().pages_missing);
  }
}

TEST(RingSnapshot, UsesAllPagesWhereTheIndexIsDamaged) {
  Entries entries = kept(2500, 10);
  entries["dht/contacts.index"][7] ^= 1;
  entries["dht/contacts/zz"] = "what is this";
  {
    Life life(entries);
    life.answer();
    EXPECT_TRUE(life.snapshot.is_loaded());
    EXPECT_EQ(2510u, life.snapshot.stats().contacts_read);
    EXPECT_EQ(2u, life.snapshot.stats().pages_damaged);
    life.take_snapshot();
  }
  EXPECT_EQ(1u, generations(entries).size());
  Life life(entries);
  life.answer();
  EXPECT_EQ(2510u, life.snapshot.stats().contacts_read);
  EXPECT_EQ(0u, life.snapshot.stats().pages_damaged);
}

TEST(RingSnapshot, TakesNoMoreThanTheRingHolds) {
  Entries entries = kept(3000, 3000);
  Life life(entries, {kStart, kWall}, 80);
  life.answer();
  EXPECT_TRUE(life.snapshot.is_loaded());
  EXPECT_LE(life.ring.size(Family::kV4), 80u);
  EXPECT_GT(life.ring.size(Family::kV4), 40u);
  EXPECT_LT(life.snapshot.stats().contacts_read, 200u);
}

TEST(RingSnapshot, LeavesTheLastOneAloneWhereTheNextDoesNotFit) {
  for (int fitting = 0; fitting < 3; ++fitting) {
    SCOPED_TRACE(fitting);
    Entries entries = kept(1500, 700);
    const Entries before = entries;
    Life life(entries);
    life.answer();
    life.admit(Family::kV4, 5000, 2500);  // Five pages, in two commits.
    life.puts_until_full = fitting;
    if (fitting < 2) {
      life.take_snapshot();
      EXPECT_EQ(1u, life.snapshot.stats().snapshots_lost);
      EXPECT_EQ(before, entries);  // And it leaves no rest behind.
      life.puts_until_full.reset();
    } else {  // All pages are there. They stay until the index is, too.
      while (life.snapshot.stats().requests_failed < 20) {
        if (life.answer() == 0) life.wait();
      }
      EXPECT_EQ(0u, life.snapshot.stats().snapshots_lost);
      EXPECT_EQ(2u, generations(entries).size());
      life.puts_until_full.reset();
    }
    life.take_snapshot();
    EXPECT_EQ(1u, life.snapshot.stats().snapshots);
    EXPECT_EQ(1u, generations(entries).size());
    Life next(entries);
    next.answer();
    EXPECT_EQ(4000u, next.ring.size(Family::kV4));
  }
}

// What failed may be there all the same: neither of the two snapshots may be lost by that.
TEST(RingSnapshot, LosesNothingToACommitThatIsThereAfterAll) {
  Entries entries = kept(1500, 700);
  {
    Life life(entries);
    life.answer();
    life.admit(Family::kV4, 5000, 500);
    life.commit_failure = StoreError::kFailed;
    life.is_there_after_all = true;
    while (life.snapshot.stats().requests_failed < 30) {
      if (life.answer() == 0) life.wait();
    }
  }
  {
    Life life(entries);
    life.answer();
    EXPECT_EQ(1500u, life.ring.size(Family::kV4));
    EXPECT_EQ(0u, life.snapshot.stats().pages_missing);
    life.admit(Family::kV4, 5000, 500);
    life.answer_next();                         // The pages.
    life.commit_failure = StoreError::kFailed;  // That of the index alone.
    life.is_there_after_all = true;
    while (life.snapshot.stats().requests_failed < 30) {
      if (life.answer() == 0) life.wait();
    }
  }
  Life life(entries);
  life.answer();
  EXPECT_EQ(2000u, life.ring.size(Family::kV4));
  EXPECT_EQ(0u, life.snapshot.stats().pages_missing);
}

TEST(RingSnapshot, AsksAgainWhereTheDiskIsBusyOrFails) {
  Entries entries = kept(1500, 700);
  Life life(entries);
  life.read_failure = StoreError::kBusy;
  life.answer();
  EXPECT_FALSE(life.snapshot.is_loaded());
  for (int i = 0; i < 3; ++i) {
    life.wait();
    life.answer();
  }
  EXPECT_FALSE(life.snapshot.is_loaded());
  life.read_failure.reset();
  life.wait();
  life.answer();
  EXPECT_TRUE(life.snapshot.is_loaded());
  EXPECT_EQ(2200u, life.snapshot.stats().contacts_read);

  life.commit_failure = StoreError::kBusy;
  life.wait();
  life.answer();
  life.commit_failure.reset();
  life.take_snapshot();
  EXPECT_EQ(1u, life.snapshot.stats().snapshots);
  EXPECT_EQ(0u, life.snapshot.stats().snapshots_lost);
}

// Whichever request it is that fails: what cannot be read is not written over.
TEST(RingSnapshot, WritesNothingBeforeAllThatWasKeptIsRead) {
  const Entries before = kept(1500, 700);
  for (size_t answers = 0; answers < 4; ++answers) {
    SCOPED_TRACE(answers);
    Entries entries = before;
    Life life(entries);
    life.answer(answers);
    life.read_failure = StoreError::kFailed;
    for (int i = 0; i < 15; ++i) {  // The wait grows to five minutes.
      life.answer();
      life.wait();
    }
    EXPECT_FALSE(life.snapshot.is_loaded());
    ASSERT_EQ(1u, life.notes.size());
    EXPECT_NE(std::string::npos, life.notes[0].find("cannot be read for now"));
    life.admit(Family::kV4, 9000, 10);
    life.read_failure.reset();
    life.answer();
    EXPECT_EQ(before, entries);
    EXPECT_TRUE(life.snapshot.is_loaded());
    EXPECT_EQ(2200u, life.snapshot.stats().contacts_read);
    EXPECT_EQ(0u, life.snapshot.stats().pages_given_up);
    life.take_snapshot();
    EXPECT_EQ(2210u, life.snapshot.stats().contacts_kept);
  }
}

TEST(RingSnapshot, NeverWritesBeforeItHasTheIndex) {
  Entries entries = kept(1500, 700);
  const Entries before = entries;
  Life life(entries);
  life.read_failure = StoreError::kFailed;
  life.admit(Family::kV4, 9000, 10);
  for (int i = 0; i < 40; ++i) {
    life.answer();
    life.wait();
  }
  EXPECT_FALSE(life.snapshot.is_loaded());
  EXPECT_EQ(before, entries);
}

// After an hour, and says so.
TEST(RingSnapshot, GivesUpThePagesThatCannotBeReadForLong) {
  const Entries whole = kept(3000, 2000);
  for (const bool is_index_damaged : {false, true}) {
    SCOPED_TRACE(is_index_damaged);
    Entries entries = whole;
    if (is_index_damaged) entries["dht/contacts.index"][7] ^= 1;
    Life life(entries);
    size_t page = 0;
    for (const auto& [key, value] : entries) {
      if (!key.starts_with("dht/contacts/")) continue;
      if (page == 1 || page == 2) life.unreadable.insert(key);
      ++page;
    }
    life.unreadable_because = StoreError::kFailed;
    Duration waited{};
    while (!life.snapshot.is_loaded()) {
      if (life.answer() > 0) continue;
      ASSERT_LT(waited, 2h);
      waited += life.wait();
    }
    EXPECT_GE(waited, RingSnapshot::kReadFor);
    EXPECT_LE(waited, RingSnapshot::kReadFor + kPeriod);
    // Without the index nobody knows what comes behind it.
    EXPECT_EQ(is_index_damaged ? 1u : 2u, life.snapshot.stats().pages_given_up);
    EXPECT_EQ(is_index_damaged ? 1000u : 3000u, life.snapshot.stats().contacts_read);
    ASSERT_EQ(2u, life.notes.size());
    EXPECT_NE(std::string::npos,
              life.notes[1].find(is_index_damaged ? "1 unreadable" : "2 unreadable"));
    life.unreadable.clear();
    life.take_snapshot();
    EXPECT_EQ(1u, generations(entries).size());
  }
}

// As much time as it takes is given here; whoever has less finds the one before (see above).
TEST(RingSnapshot, KeepsWhatThereIsBeforeTheProcessEnds) {
  for (size_t answers = 0; answers < 4; ++answers) {  // Of a snapshot that has begun by itself.
    SCOPED_TRACE(answers);
    Entries entries = kept(1500, 700);
    {
      Life life(entries);
      life.answer();
      life.admit(Family::kV4, 5000, 2500);
      EXPECT_FALSE(life.snapshot.is_keeping());
      for (size_t left = answers; left > 0; --left) life.answer_next();
      life.keep_now();
      life.keep_now();
      EXPECT_TRUE(life.snapshot.is_keeping());
      Duration waited{};
      while (life.snapshot.is_keeping()) {
        if (life.answer() == 0) waited += life.wait();
      }
      EXPECT_EQ(Duration(), waited);
      EXPECT_EQ(answers == 3 ? 2u : 1u, life.snapshot.stats().snapshots);
    }
    EXPECT_EQ(1u, generations(entries).size());
    Life next(entries);
    next.answer();
    EXPECT_EQ(4700u, next.snapshot.stats().contacts_read);
  }
}

TEST(RingSnapshot, KeepsNothingBeforeTheProcessEndsWhereThereIsNothingToKeepOrToKeepItIn) {
  const Entries before = kept(1500, 700);
  struct Row {
    const char* what;
    bool has_store;
    size_t answers;
    uint32_t contacts;
  };
  const Row rows[] = {
      {"it is not read yet", true, 1, 10},
      {"there is no store", false, 1, 10},
      {"the ring is empty", true, 10, 0},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    Entries entries = row.contacts == 0 ? Entries() : before;
    const Entries entries_before = entries;
    Life life(entries);
    if (!row.has_store) life.read_failure = StoreError::kAbsent;
    life.answer(row.answers);
    life.admit(Family::kV4, 5000, row.contacts);
    life.keep_now();
    EXPECT_FALSE(life.snapshot.is_keeping());
    life.answer();
    EXPECT_EQ(entries_before, entries);
  }
}

// A small ring is kept often; of a large one no more is written than the bound allows, unless it
// would get too old for a restart.
TEST(RingSnapshot, IsKeptTheLessOftenTheMoreThereIs) {
  struct Row {
    uint32_t v4;
    uint32_t v6;
    Duration expected;
  };
  const Row rows[] = {
      {10, 10, 5min},
      {40'000, 0, 5min},          // 1.2 MB.
      {100'000, 0, 643s},         // 3 MB, of 16 MiB an hour.
      {0, 100'000, 901s},         // 4.2 MB.
      {100'000, 100'000, 1544s},  // Both.
      {200'000, 100'000, 30min},  // 10.2 MB would be 36 minutes.
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::to_string(row.v4) + " and " + std::to_string(row.v6));
    Entries entries;
    Life life(entries, {kStart, kWall}, 400'000);
    life.answer();
    life.admit(Family::kV4, 0, row.v4);
    life.admit(Family::kV6, 0, row.v6);
    EXPECT_EQ(kPeriod, life.time_to_deadline());  // The first, whatever there is.
    life.take_snapshot();
    // Whose set is full has found no place.
    EXPECT_LE(row.v4 + row.v6, life.snapshot.stats().contacts_kept + (row.v4 + row.v6) / 100);
    EXPECT_LE(life.time_to_deadline(), row.expected);
    EXPECT_GE(life.time_to_deadline(), row.expected - row.expected / 50);
  }
}

TEST(RingSnapshot, LooksAtNoMoreThanAPageInOneStep) {
  Entries entries;
  Life life(entries, {kStart, kWall}, 100'000);
  life.answer();
  life.admit(Family::kV4, 0, 25'000);  // A place in four: as many are looked at for each.
  size_t steps = 0;
  for (; life.snapshot.stats().snapshots == 0; ++steps) {
    ASSERT_LT(steps, 10'000u);
    if (life.answer(1) == 0) life.wait();
  }
  EXPECT_GT(steps, 50u);
  EXPECT_EQ(life.ring.size(Family::kV4), life.snapshot.stats().contacts_kept);
}

TEST(RingSnapshot, IgnoresWhatIsNoAnswerToItsQuestion) {
  Entries entries = kept(10, 0);
  Life life(entries);
  Outbox out;
  const Now now{kStart, kWall};
  life.snapshot.step(now, RangeRead{{StoreUser::kContacts, 99}, {}, true, {}}, out);
  life.snapshot.step(now, CommitDone{{StoreUser::kContacts, 0}, {}}, out);
  life.snapshot.step(now, DeadlinePassed{}, out);
  EXPECT_TRUE(out.actions().empty());
  EXPECT_FALSE(life.snapshot.is_loaded());
  life.answer();
  EXPECT_EQ(10u, life.snapshot.stats().contacts_read);
}

}  // namespace
}  // namespace roost::core::dht
