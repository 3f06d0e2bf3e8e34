// SPDX-License-Identifier: MIT
//
// Goal: each order of the node's is answered once, with what the store says, or at once where there
// is none or it takes nothing more. Method: a disk thread on a store in memory, and a list of what
// has happened.
#include "io/store_orders.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <string>

#include "loop_runner.h"
#include "node/memory_store.h"

namespace roost::io {
namespace {

using core::StoreChange;
using Kind = StoreChange::Kind;

class StoreOrdersTest : public testing::Test {
 protected:
  void open(uint64_t size_max = 1'000'000) {
    disk_.emplace(loop_, std::make_unique<node::MemoryStore>(size_max));
    orders_.set_disk(&*disk_);
  }
  void commit(uint64_t number, const std::vector<StoreChange>& changes) {
    orders_.commit({{core::StoreUser::kContacts, number}, changes}, answers_);
  }
  void put(uint64_t number, std::string key, std::string value) {
    commit(number, {{Kind::kPut, as_bytes(key), as_bytes(value)}});  // They end with this call.
  }
  void read(uint64_t number, std::string from, std::string to, size_t count_max = 9) {
    orders_.read_range(
        {{core::StoreUser::kContacts, number}, as_bytes(from), as_bytes(to), count_max}, answers_);
  }
  bool run_until_told(size_t count) {
    return run_until(loop_, [&] { return told_.size() >= count; });
  }
  static std::string text_of(const core::Input& input) {
    if (const auto* const done = std::get_if<core::CommitDone>(&input)) {
      return std::to_string(done->id.number) +
             (done->failure ? " " + std::string(label(*done->failure)) : " done");
    }
    const auto& range = std::get<core::RangeRead>(input);
    std::string text = std::to_string(range.id.number) + ":";
    for (const core::StoreEntry& entry : range.entries) {
      text.append(" ").append(as_text(entry.key)).append("=").append(as_text(entry.value));
    }
    if (range.failure) text.append(" ").append(label(*range.failure));
    return text + (range.is_last ? " end" : "");
  }
  std::vector<std::string> answered() const {
    std::vector<std::string> texts;
    for (const core::Input& answer : answers_) texts.push_back(text_of(answer));
    return texts;
  }

  using Texts = std::vector<std::string>;
  EventLoop loop_;
  Texts told_;
  std::vector<core::Input> answers_;
  StoreOrders orders_{[this](const core::Input& input) { told_.push_back(text_of(input)); }};
  std::optional<DiskThread> disk_;
};

TEST_F(StoreOrdersTest, AnswersAtOnceWhereThereIsNoStore) {
  put(1, "a", "1");
  read(2, "a", "");
  EXPECT_EQ((Texts{"1 absent", "2: absent"}), answered());
  EXPECT_TRUE(told_.empty());
}

TEST_F(StoreOrdersTest, AnswersWhatTheStoreHasDone) {
  open();
  put(1, "a", "1");
  put(2, "b", "2");
  read(3, "a", "", 1);
  commit(4, {{Kind::kPut, as_bytes("c"), as_bytes("3")},
             {Kind::kRemove, as_bytes("a"), {}},
             {Kind::kPut, as_bytes("d"), as_bytes("4")},
             {Kind::kRemoveRange, as_bytes("d"), {}}});
  EXPECT_TRUE(told_.empty());
  ASSERT_TRUE(run_until_told(4));
  read(5, "a", "", 9);
  ASSERT_TRUE(run_until_told(5));
  EXPECT_TRUE(answers_.empty());
  std::sort(told_.begin(), told_.end());  // Commits that go together are told before reads.
  EXPECT_EQ("1 done", told_[0]);
  EXPECT_EQ("2 done", told_[1]);
  EXPECT_TRUE(told_[2] == "3: a=1" || told_[2] == "3: b=2") << told_[2];  // Perhaps later ones.
  EXPECT_EQ("4 done", told_[3]);
  EXPECT_EQ("5: b=2 c=3 end", told_[4]);
}

TEST_F(StoreOrdersTest, SaysWhyTheStoreHasNotDoneIt) {
  open(10);
  put(1, "a", std::string(20, 'a'));
  ASSERT_TRUE(run_until_told(1));
  EXPECT_EQ(Texts{"1 full"}, told_);
}

TEST_F(StoreOrdersTest, AnswersAtOnceWhereNothingMoreIsTaken) {
  open();
  put(1, "a", "1");
  disk_->finish();
  EXPECT_EQ(Texts{"1 done"}, told_);
  put(2, "b", "2");
  read(3, "a", "");
  EXPECT_EQ((Texts{"2 busy", "3: busy"}), answered());
}

}  // namespace
}  // namespace roost::io
