// SPDX-License-Identifier: MIT
//
// Goal: supernodes that have answered are known again after a restart, and nothing that the store
// does harms the node.
// Method: books with records of real keys, and a memory store.
#include "node/book_keeper.h"

#include <gtest/gtest.h>

#include "node/memory_store.h"
#include "peer_node.h"

namespace roost::node {
namespace {

using namespace std::chrono_literals;
using core::peers::Book;
using core::peers::PeerNode;

class BookKeeperTest : public testing::Test {
 protected:
  struct Life {
    explicit Life(uint64_t seed) : random(seed), book({}, random), keeper(book) {
      book.set_reach(true, true);
    }
    SeededRandom random;
    Book book;
    BookKeeper keeper;
  };

  void restore(Life& life, uint32_t number) {
    PeerNode node(number, {IpAddress::v4(0x08000001 + (number << 16)), 3478});
    EXPECT_EQ(core::peers::BookOutcome::kTried, life.book.restore(now_, node.record()));
  }

  // Does what is ordered, and answers; returns how many orders there were.
  size_t carry_out(Life& life, std::optional<core::StoreError> failure = {}) {
    const core::Outbox& orders = out_;
    const size_t count = orders.actions().size();
    for (const core::Action& action : orders.actions()) {
      if (const auto* const order = std::get_if<core::ReadRange>(&action)) {
        const auto page = store_.read_range(order->from, order->to, {});
        const std::vector<core::StoreEntry> entries = page->entries();
        life.keeper.step(
            now_,
            core::RangeRead{order->id, failure ? std::span(entries).first(0) : std::span(entries),
                            true, failure});
      } else {
        const auto& commit = std::get<core::Commit>(action);
        WriteBatch batch;
        for (const core::StoreChange& change : commit.changes) batch.add(change);
        if (!failure) {
          EXPECT_TRUE(store_.commit(batch));
        }
        life.keeper.step(now_, core::CommitDone{commit.id, failure});
      }
    }
    out_.clear();
    return count;
  }

  void keep(Life& life, std::optional<core::StoreError> failure = {}) {
    ASSERT_TRUE(life.keeper.next_deadline());
    now_.mono = *life.keeper.next_deadline();
    life.keeper.step(now_, core::DeadlinePassed(), out_);
    EXPECT_EQ(1u, carry_out(life, failure));
  }

  Now now_{MonoTime(1h), core::peers::kWall};
  core::Outbox out_;
  MemoryStore store_{1 << 20};
};

TEST_F(BookKeeperTest, BringsBackWhoHasAnswered) {
  Life first(1);
  first.keeper.start(now_, out_);
  carry_out(first);
  for (uint32_t i = 0; i < 40; ++i) restore(first, i);
  keep(first);
  EXPECT_EQ(1u, first.keeper.stats().kept);

  Life second(2);
  second.keeper.start(now_, out_);
  carry_out(second);
  EXPECT_GE(second.book.tried_size(), 38u) << "the buckets are others";
  EXPECT_EQ(second.book.tried_size(), second.keeper.stats().records_read);
  second.book.check_invariants();
}

TEST_F(BookKeeperTest, ForgetsInTheStoreWhoIsForgotten) {
  Life first(1);
  first.keeper.start(now_, out_);
  carry_out(first);
  for (uint32_t i = 0; i < 40; ++i) restore(first, i);
  keep(first);
  Life second(2);
  second.keeper.start(now_, out_);
  carry_out(second);
  Life third(3);  // Knows one only.
  third.keeper.start(now_, out_);
  out_.clear();
  third.keeper.step(now_, core::RangeRead{{core::StoreUser::kBook, 1}, {}, true, {}});
  restore(third, 7);
  keep(third);
  Life fourth(4);
  fourth.keeper.start(now_, out_);
  carry_out(fourth);
  EXPECT_EQ(1u, fourth.book.tried_size());
}

TEST_F(BookKeeperTest, KeepsWhatThereWasWhileItKnowsNobody) {
  Life first(1);
  first.keeper.start(now_, out_);
  carry_out(first);
  restore(first, 1);
  keep(first);
  Life second(2);
  second.keeper.start(now_, out_);
  out_.clear();
  second.keeper.step(now_, core::RangeRead{{core::StoreUser::kBook, 1}, {}, true, {}});
  now_.mono = *second.keeper.next_deadline();
  second.keeper.step(now_, core::DeadlinePassed(), out_);
  EXPECT_EQ(0u, carry_out(second));
  EXPECT_TRUE(second.keeper.next_deadline());
}

TEST_F(BookKeeperTest, TriesAgainAfterAFailureAndRestsWithoutAStore) {
  Life life(1);
  life.keeper.start(now_, out_);
  carry_out(life, core::StoreError::kFailed);
  EXPECT_EQ(1u, life.keeper.stats().failed);
  restore(life, 1);
  EXPECT_EQ(0u, life.keeper.stats().kept);
  keep(life);  // Reads first: what is there must not be lost for what is not known yet.
  EXPECT_EQ(0u, life.keeper.stats().kept);
  keep(life, core::StoreError::kFull);
  EXPECT_EQ(2u, life.keeper.stats().failed);
  keep(life);
  EXPECT_EQ(1u, life.keeper.stats().kept);

  Life without(2);
  without.keeper.start(now_, out_);
  carry_out(without, core::StoreError::kAbsent);
  EXPECT_FALSE(without.keeper.next_deadline());
}

TEST_F(BookKeeperTest, KeepsWhomItKnowsBeforeTheProcessEnds) {
  Life first(1);
  first.keeper.keep_now(now_, out_);
  first.keeper.start(now_, out_);
  first.keeper.keep_now(now_, out_);
  EXPECT_EQ(1u, carry_out(first)) << "it reads first";
  first.keeper.keep_now(now_, out_);
  EXPECT_EQ(0u, carry_out(first)) << "it knows nobody";
  EXPECT_FALSE(first.keeper.is_keeping());
  for (uint32_t i = 0; i < 40; ++i) restore(first, i);
  first.keeper.keep_now(now_, out_);
  first.keeper.keep_now(now_, out_);
  EXPECT_TRUE(first.keeper.is_keeping());
  EXPECT_EQ(1u, carry_out(first));
  EXPECT_FALSE(first.keeper.is_keeping());

  Life second(2);
  second.keeper.start(now_, out_);
  carry_out(second);
  EXPECT_GE(second.book.tried_size(), 38u);
}

TEST_F(BookKeeperTest, LeavesOutWhatIsDamaged) {
  Life first(1);
  first.keeper.start(now_, out_);
  carry_out(first);
  for (uint32_t i = 0; i < 40; ++i) restore(first, i);
  keep(first);
  WriteBatch damage;
  damage.put(as_bytes("peers/tried/0"), as_bytes("d5:peersl3:abceX"));
  damage.put(as_bytes("peers/tried/7"), as_bytes("d5:peersl3:abcee"));
  EXPECT_TRUE(store_.commit(damage));
  Life second(2);
  second.keeper.start(now_, out_);
  carry_out(second);
  EXPECT_EQ(1u, second.keeper.stats().pages_damaged);
  EXPECT_EQ(1u, second.keeper.stats().records_refused);
  EXPECT_EQ(8u, second.book.tried_size());
}

}  // namespace
}  // namespace roost::node
