// SPDX-License-Identifier: MIT
//
// Goal: the tables and indices of a book agree, whatever comes in whatever order.
// Method: many small books, long walks, and check_invariants().
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <vector>

#include "core/peers/book.h"
#include "peer_node.h"

namespace roost::core::peers {
namespace {

using namespace std::chrono_literals;
using Outcome = BookOutcome;

// To where somebody is known to be, and not who. In as many small books, since entries that move
// together when one goes are rare in each.
TEST(Book, ANodeThatMovesToAKnownAddressIsTheOneThere) {
  size_t moved = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SeededRandom random(seed);
    Book book({.new_entries = 32, .tried_entries = 8}, random);
    Now now{MonoTime(100h), kWall};
    PeerNode node(1, {spread(1), 3478});
    (void)book.hear(now, node.address, spread(1000));
    ASSERT_EQ(Outcome::kTried, book.answered(now, node.address, node.record(kWall)));
    std::vector<Endpoint> heard;
    for (uint32_t i = 2; i < 40; ++i) {
      const Endpoint address{spread(i), 3478};
      if (book.hear(now, address, spread(1000 + i)) == Outcome::kAdded) heard.push_back(address);
    }
    for (const Endpoint& next : heard) {
      node.address = next;
      now.mono += 1s;
      *now.wall += 1s;
      EXPECT_EQ(Outcome::kRenewed, book.hear(now, node.record(*now.wall), spread(2000)));
      book.check_invariants();
      bool is_there = false;
      book.for_each(now.mono, [&](const Book::Known& known) {
        is_there |= known.address == next && known.record && known.record->key == node.key();
      });
      EXPECT_TRUE(is_there) << seed;
      ++moved;
    }
  }
  EXPECT_GE(moved, 300u * 10);
}

struct Walk {
  uint64_t seed = 0;
  std::array<uint64_t, kBookOutcomeCount> outcomes{};
};

Walk walk(uint64_t seed) {
  SeededRandom random(seed);
  Book::Options options;
  options.new_entries = 32;
  options.tried_entries = 24;
  Book book(options, random);
  std::vector<std::unique_ptr<PeerNode>> nodes;
  for (uint32_t i = 0; i < 120; ++i) {
    const uint32_t host = static_cast<uint32_t>(random.below(3) << 16 | random.below(40) << 8 | i);
    nodes.push_back(std::make_unique<PeerNode>(i, Endpoint{IpAddress::v4(0x2d000000 + host), 1}));
  }
  std::map<PublicKey, int64_t> highest;
  Now now{MonoTime(1h), kWall};
  for (int step = 0; step < 2000; ++step) {
    const auto passed = std::chrono::seconds(random.below(60));
    now.mono += passed;
    *now.wall += passed;
    PeerNode& node = *nodes[random.below(nodes.size())];
    const IpAddress source = spread(static_cast<uint32_t>(random.below(20)));
    switch (random.below(6)) {
      case 0: (void)book.hear(now, node.address, source); break;
      case 1:
        (void)book.hear(now, node.record(*now.wall - std::chrono::seconds(random.below(900))),
                        source);
        break;
      case 2:
        (void)book.answered(now, nodes[random.below(120)]->address, node.record(*now.wall));
        break;
      default: {
        const auto question = book.next_to_test(now.mono);
        if (!question) break;
        PeerNode* owner = nullptr;
        for (const auto& candidate : nodes) {
          if (candidate->address == question->address) owner = candidate.get();
        }
        if (random.below(3) == 0) {
          book.unanswered(now.mono, question->address);
        } else {
          (void)book.answered(now, question->address, owner->record(*now.wall));
        }
      }
    }
    if (step % 10 == 0) book.check_invariants();
    std::map<PublicKey, int64_t> present;
    book.for_each(now.mono, [&](const Book::Known& known) {
      if (!known.record) return;
      present[known.record->key] = known.record->seq;
      const auto before = highest.find(known.record->key);
      const int64_t least = before == highest.end() ? 0 : before->second;
      EXPECT_GE(known.record->seq, least);
    });
    highest = present;
  }
  return {seed, book.stats().outcomes};
}

TEST(Book, StaysInOrderWhateverComes) {
  std::array<uint64_t, kBookOutcomeCount> total{};
  for (uint64_t seed = 0; seed < 3; ++seed) {
    const Walk first = walk(seed);
    for (size_t i = 0; i < total.size(); ++i) total[i] += first.outcomes[i];
  }
  EXPECT_EQ(walk(7).outcomes, walk(7).outcomes) << "the same again";
  for (const Outcome outcome : {Outcome::kAdded, Outcome::kRenewed, Outcome::kTried,
                                Outcome::kSpare, Outcome::kOlder, Outcome::kElsewhere}) {
    EXPECT_GT(total[static_cast<size_t>(outcome)], 0u) << label(outcome);
  }
}

TEST(Book, ItsMemoryIsBounded) {
  EXPECT_LT(Book::bytes_for(Book::Options()), 1u << 20);
}

}  // namespace
}  // namespace roost::core::peers
