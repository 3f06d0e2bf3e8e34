// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "base/random.h"
#include "node/store.h"

// What node/store.h promises, held against every store. Included by the one test of each that names
// its bed with INSTANTIATE_TEST_SUITE_P; the last test compares with a plain map, step by step.
namespace roost::node {

// A store and the world in which it is tested.
class StoreBed {
 public:
  virtual ~StoreBed() = default;
  virtual Store& store() = 0;
  // In an orderly way, and otherwise. A store in memory may ignore both.
  virtual void restart() = 0;
  virtual void crash() = 0;
  // From now on nothing more can be put.
  virtual void fill_disk() = 0;
  virtual void make_room() = 0;
};

using MakeStoreBed = std::function<std::unique_ptr<StoreBed>()>;

class StoreConformance : public testing::TestWithParam<MakeStoreBed> {
 protected:
  using Entries = std::map<std::string, std::string>;

  StoreConformance() : bed_(GetParam()()) {}

  Store& store() { return bed_->store(); }

  testing::AssertionResult commits(const WriteBatch& batch) {
    const auto done = store().commit(batch);
    if (done) return testing::AssertionSuccess();
    return testing::AssertionFailure() << done.error().detail;
  }
  testing::AssertionResult puts(std::string_view key, std::string_view value) {
    WriteBatch batch;
    batch.put(as_bytes(key), as_bytes(value));
    return commits(batch);
  }

  std::string value_of(std::string_view key) {
    const auto found = store().get(as_bytes(key));
    if (!found) return "failure: " + found.error().detail;
    return *found ? std::string(as_text(**found)) : "none";
  }
  // "a=1 b=2", in the order in which they come.
  std::string range(std::string_view from, std::string_view to, StorePage::Limits limits = {}) {
    const auto page = store().read_range(as_bytes(from), as_bytes(to), limits);
    if (!page) return "failure: " + page.error().detail;
    std::string text;
    page->for_each([&](Bytes key, Bytes value) {
      text.append(text.empty() ? "" : " ").append(as_text(key)).append("=").append(as_text(value));
    });
    return text + (page->is_last() ? "" : " ...");
  }
  // Everything, page by page.
  Entries all() {
    Entries entries;
    std::vector<uint8_t> from;
    for (;;) {
      const auto page = store().read_range(from, {}, {.count_max = 7});
      if (!page) {
        ADD_FAILURE() << page.error().detail;
        return entries;
      }
      page->for_each([&](Bytes key, Bytes value) {
        const bool is_new = entries.emplace(as_text(key), as_text(value)).second;
        EXPECT_TRUE(is_new) << "twice: " << as_text(key);
      });
      if (page->is_last()) return entries;
      from = page->next_from();
    }
  }

  std::unique_ptr<StoreBed> bed_;
};

TEST_P(StoreConformance, HasNothingAtFirst) {
  EXPECT_EQ("none", value_of("a"));
  EXPECT_EQ("", range("", ""));
  EXPECT_TRUE(commits({}));
  EXPECT_EQ("", range("", ""));
}

TEST_P(StoreConformance, KeepsWhatWasCommittedWhateverEndsIt) {
  EXPECT_TRUE(puts("a", "1"));
  bed_->restart();
  EXPECT_EQ("a=1", range("", ""));
  EXPECT_TRUE(puts("b", "2"));
  bed_->crash();
  EXPECT_EQ("a=1 b=2", range("", ""));
  EXPECT_TRUE(puts("a", "3"));
  bed_->crash();
  bed_->crash();
  EXPECT_EQ("3", value_of("a"));
  EXPECT_EQ("2", value_of("b"));
}

TEST_P(StoreConformance, LetsTheLaterChangeOfABatchWin) {
  WriteBatch batch;
  batch.put(as_bytes("a"), as_bytes("1"));
  batch.put(as_bytes("a"), as_bytes("2"));
  batch.put(as_bytes("b"), as_bytes("3"));
  batch.remove(as_bytes("b"));
  batch.remove(as_bytes("c"));
  batch.put(as_bytes("c"), as_bytes("4"));
  batch.put(as_bytes("d1"), as_bytes("5"));
  batch.remove_range(as_bytes("d"), as_bytes("e"));
  batch.put(as_bytes("d2"), as_bytes("6"));
  EXPECT_TRUE(commits(batch));
  EXPECT_EQ("a=2 c=4 d2=6", range("", ""));
  bed_->crash();
  EXPECT_EQ("a=2 c=4 d2=6", range("", ""));
}

TEST_P(StoreConformance, OrdersKeysAsUnsignedBytes) {
  using namespace std::string_literals;
  const std::string ordered[] = {"\0"s, "\0\0"s, "\0\x01"s, "\x01"s, "a"s,      "ab"s,
                                 "b"s,  "\x7f"s, "\x80"s,   "\xff"s, "\xff\0"s, "\xff\xff"s};
  WriteBatch batch;
  for (size_t i = std::size(ordered); i-- > 0;) batch.put(as_bytes(ordered[i]), {});
  EXPECT_TRUE(commits(batch));
  const auto page = store().read_range({}, {}, {});
  ASSERT_TRUE(page);
  size_t at = 0;
  page->for_each([&](Bytes key, Bytes value) {
    ASSERT_LT(at, std::size(ordered));
    EXPECT_EQ(ordered[at++], as_text(key));
    EXPECT_TRUE(value.empty());
  });
  EXPECT_EQ(std::size(ordered), at);
}

TEST_P(StoreConformance, ReadsFromTheFirstEndUpToTheSecond) {
  for (const std::string_view key : {"b", "d", "f"}) EXPECT_TRUE(puts(key, "1"));
  const struct {
    std::string_view from;
    std::string_view to;
    std::string_view expect;
  } kRows[] = {
      {"", "", "b=1 d=1 f=1"}, {"b", "f", "b=1 d=1"}, {"a", "g", "b=1 d=1 f=1"},
      {"c", "e", "d=1"},       {"b", "b", ""},        {"c", "d", ""},
      {"d", "", "d=1 f=1"},    {"", "d", "b=1"},      {"g", "", ""},
      {"f", "b", ""},          {"", "a", ""},         {"d", "d\x01", "d=1"},
  };
  for (const auto& row : kRows) {
    EXPECT_EQ(row.expect, range(row.from, row.to)) << row.from << " to " << row.to;
  }
}

TEST_P(StoreConformance, CutsAPageWhereItsLimitsSay) {
  for (const std::string_view key : {"a", "b", "c", "d"}) EXPECT_TRUE(puts(key, "xyz"));
  EXPECT_EQ("a=xyz ...", range("", "", {.count_max = 1}));
  EXPECT_EQ("a=xyz b=xyz c=xyz ...", range("", "", {.count_max = 3}));
  EXPECT_EQ("a=xyz b=xyz c=xyz d=xyz", range("", "", {.count_max = 4}));
  EXPECT_EQ("a=xyz b=xyz", range("", "c", {.count_max = 2}));
  EXPECT_EQ("a=xyz b=xyz ...", range("", "", {.size_max = 11}));
  EXPECT_EQ("a=xyz b=xyz c=xyz ...", range("", "", {.size_max = 12}));
  EXPECT_EQ("b=xyz ...", range("b", "", {.size_max = 1}));
  EXPECT_EQ(4u, all().size());
}

TEST_P(StoreConformance, RemovesKeysAndRanges) {
  const auto fill = [&] {
    WriteBatch batch;
    for (const std::string_view key : {"a", "b", "c", "d", "e"})
      batch.put(as_bytes(key), as_bytes("1"));
    EXPECT_TRUE(commits(batch));
  };
  const struct {
    std::string_view from;
    std::string_view to;
    std::string_view expect;
  } kRows[] = {
      {"b", "d", "a=1 d=1 e=1"},         {"c", "", "a=1 b=1"},
      {"", "c", "c=1 d=1 e=1"},          {"", "", ""},
      {"b", "b", "a=1 b=1 c=1 d=1 e=1"}, {"d", "b", "a=1 b=1 c=1 d=1 e=1"},
      {"f", "", "a=1 b=1 c=1 d=1 e=1"},
  };
  for (const auto& row : kRows) {
    fill();
    WriteBatch batch;
    batch.remove_range(as_bytes(row.from), as_bytes(row.to));
    EXPECT_TRUE(commits(batch));
    EXPECT_EQ(row.expect, range("", "")) << row.from << " to " << row.to;
    bed_->crash();
    EXPECT_EQ(row.expect, range("", "")) << row.from << " to " << row.to;
  }
  fill();
  WriteBatch batch;
  batch.remove(as_bytes("b"));
  batch.remove(as_bytes("bb"));
  EXPECT_TRUE(commits(batch));
  EXPECT_EQ("none", value_of("b"));
  bed_->restart();
  EXPECT_EQ("a=1 c=1 d=1 e=1", range("", ""));
}

TEST_P(StoreConformance, TakesWhatIsAsLargeAsTheBoundsAllow) {
  const std::string longest(kStoreKeySizeMax, '\xff');
  const std::string largest(kStoreValueSizeMax, 'v');
  EXPECT_TRUE(puts(longest, largest));
  EXPECT_TRUE(puts("empty", ""));
  WriteBatch batch;
  char key = 'a';
  while (batch.has_room_for(1, kStoreValueSizeMax)) {
    batch.put(as_bytes({&key, 1}), as_bytes(largest));
    ++key;
  }
  batch.put(as_bytes("rest"), as_bytes(std::string_view(largest).substr(
                                  0, WriteBatch::kSizeMax - batch.size() - 4 - 7)));
  EXPECT_FALSE(batch.has_room_for(1, 0));
  EXPECT_TRUE(commits(batch));
  bed_->crash();
  EXPECT_EQ(largest, value_of(longest));
  EXPECT_EQ(largest, value_of("a"));
  EXPECT_EQ("", value_of("empty"));
  EXPECT_EQ(size_t(key - 'a') + 3, all().size());

  // The largest page, and a range that begins behind the largest key.
  const auto page = store().read_range(as_bytes(longest), {}, {});
  ASSERT_TRUE(page);
  EXPECT_EQ(1u, page->count());
  EXPECT_TRUE(page->is_last());
  const auto behind = store().read_range(page->next_from(), {}, {});
  ASSERT_TRUE(behind);
  EXPECT_EQ(0u, behind->count());
  WriteBatch removal;
  removal.remove_range(as_bytes(longest), {});
  EXPECT_TRUE(commits(removal));
  EXPECT_EQ("none", value_of(longest));
}

TEST_P(StoreConformance, SaysThatItIsFullAndGoesOnOnceItIsNot) {
  EXPECT_TRUE(puts("old", "1"));
  bed_->fill_disk();
  WriteBatch batch;
  batch.put(as_bytes("new"), as_bytes(std::string(kStoreValueSizeMax, 'n')));
  batch.remove(as_bytes("old"));
  for (int i = 0; i < 3; ++i) {
    const auto done = store().commit(batch);
    ASSERT_FALSE(done);
    EXPECT_EQ(StoreError::kFull, done.error().error) << done.error().detail;
    EXPECT_NE("", done.error().detail);
    EXPECT_EQ("1", value_of("old"));
    EXPECT_EQ("none", value_of("new"));
    EXPECT_EQ("old=1", range("", ""));
  }
  bed_->make_room();
  EXPECT_TRUE(puts("newer", "2"));
  EXPECT_EQ("newer=2 old=1", range("", ""));
  EXPECT_TRUE(puts("newest", "3"));
  bed_->crash();
  EXPECT_EQ("newer=2 newest=3 old=1", range("", ""));
}

TEST_P(StoreConformance, TellsWhatItTakes) {
  const auto total = [&] {
    const Store::Sizes sizes = store().sizes();
    return sizes.disk_bytes + sizes.memory_bytes;
  };
  const uint64_t before = total();
  EXPECT_TRUE(puts("a", std::string(kStoreValueSizeMax, 'v')));
  EXPECT_GE(total(), before + kStoreValueSizeMax);
}

TEST_P(StoreConformance, AgreesWithAMapWhateverIsDone) {
  SeededRandom random(1);
  Entries expected;
  // Few keys, so that they meet each other often.
  const auto some_key = [&] {
    std::string key(1 + random.below(3), 'a');
    for (char& c : key) c = static_cast<char>('a' + random.below(5));
    return key;
  };
  for (int step = 0; step < 600; ++step) {
    WriteBatch batch;
    for (uint64_t changes = 1 + random.below(6); changes > 0; --changes) {
      const std::string key = some_key();
      const uint64_t kind = random.below(8);
      if (kind < 5) {
        const std::string value(random.below(2000), static_cast<char>('A' + random.below(26)));
        batch.put(as_bytes(key), as_bytes(value));
        expected[key] = value;
      } else if (kind < 7) {
        batch.remove(as_bytes(key));
        expected.erase(key);
      } else {
        const std::string to = some_key();
        batch.remove_range(as_bytes(key), as_bytes(to));
        if (key < to) expected.erase(expected.lower_bound(key), expected.lower_bound(to));
      }
    }
    ASSERT_TRUE(commits(batch)) << step;
    const uint64_t event = random.below(60);
    if (event == 0) bed_->restart();
    if (event == 1) bed_->crash();
    if (event < 10) {
      ASSERT_EQ(expected, all()) << step;
    }
    const std::string key = some_key();
    const auto entry = expected.find(key);
    ASSERT_EQ(entry == expected.end() ? "none" : entry->second, value_of(key)) << step;
  }
  EXPECT_EQ(expected, all());
}

}  // namespace roost::node
