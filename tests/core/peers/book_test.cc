// SPDX-License-Identifier: MIT
//
// Goal: nodes that answer are remembered and handed out; nobody who does is displaced, whatever
// strangers say, and nobody gets more places than his networks are due.
// Method: clocks of our own; nodes that sign what we want.
#include "core/peers/book.h"

#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "peer_node.h"

namespace roost::core::peers {
namespace {

using namespace std::chrono_literals;
using Outcome = BookOutcome;

const IpAddress kSource = *IpAddress::parse("9.9.9.9");
const Endpoint kAddress = *Endpoint::parse("8.8.4.4:3478");

class BookTest : public testing::Test {
 protected:
  explicit BookTest(const Book::Options& options = Book::Options()) : book_(options, random_) {}
  ~BookTest() override { book_.check_invariants(); }

  Now now() const { return {MonoTime(100h) + passed_, kWall + at_second()}; }
  std::chrono::seconds at_second() const {
    return std::chrono::duration_cast<std::chrono::seconds>(passed_);
  }

  Outcome answer(PeerNode& node) { return book_.answered(now(), node.address, fresh(node)); }
  wire::MutableItem fresh(PeerNode& node) { return node.record(kWall + at_second()); }

  // Heard of, asked and answered.
  Outcome meet(PeerNode& node) {
    EXPECT_EQ(Outcome::kAdded, book_.hear(now(), node.address, spread(1000 + met_++ % 60000)));
    return answer(node);
  }

  // Asks whoever is due until then; those whose key is there answer.
  void live(Duration time, std::map<Endpoint, PeerNode*> alive) {
    const Duration end = passed_ + time;
    for (; passed_ < end; passed_ += 1min) {
      while (const auto question = book_.next_to_test(now().mono)) {
        const auto node = alive.find(question->address);
        if (node == alive.end()) {
          book_.unanswered(now().mono, question->address);
        } else {
          answer(*node->second);
        }
      }
    }
    book_.check_invariants();
  }

  std::vector<Book::Known> all() const {
    std::vector<Book::Known> found;
    book_.for_each(now().mono, [&](const Book::Known& known) { found.push_back(known); });
    return found;
  }
  bool is_tried(const Endpoint& address) const {
    for (const Book::Known& known : all()) {
      if (known.address == address) return known.is_tried;
    }
    return false;
  }
  uint64_t count(Outcome outcome) const {
    return book_.stats().outcomes[static_cast<size_t>(outcome)];
  }
  std::set<PublicKey> sampled() {
    std::array<wire::MutableItem, wire::kPeerListRecordsMax> out;
    const size_t drawn = book_.sample(now().mono, out);
    std::set<PublicKey> keys;
    for (size_t i = 0; i < drawn; ++i) {
      EXPECT_TRUE(wire::signature_matches(out[i]));
      EXPECT_TRUE(keys.insert(out[i].key).second);
    }
    return keys;
  }

  SeededRandom random_{1};
  Duration passed_{};
  uint32_t met_ = 0;
  Book book_;
};

TEST_F(BookTest, ANodeThatAnswersIsTriedAndHandedOut) {
  PeerNode node(1, kAddress);
  EXPECT_EQ(Outcome::kAdded, book_.hear(now(), kAddress, kSource));
  EXPECT_EQ(Outcome::kKnown, book_.hear(now(), kAddress, kSource));
  EXPECT_TRUE(sampled().empty());
  const auto question = book_.next_to_test(now().mono);
  ASSERT_TRUE(question);
  EXPECT_EQ(kAddress, question->address);
  EXPECT_FALSE(question->is_proven);
  EXPECT_FALSE(book_.next_to_test(now().mono)) << "it is being asked";

  EXPECT_EQ(Outcome::kTried, answer(node));
  EXPECT_EQ(std::set{node.key()}, sampled());
  EXPECT_EQ(1u, book_.tried_size());
  EXPECT_EQ(0u, book_.new_size());
  const auto due = book_.next_deadline();
  ASSERT_TRUE(due);
  EXPECT_GE(*due, now().mono + 1h);
  EXPECT_LT(*due, now().mono + 1h + 15min);
  passed_ += 75min;
  EXPECT_TRUE(book_.next_to_test(now().mono)->is_proven);
}

TEST_F(BookTest, ARecordIsHeardOfLikeAnAddress) {
  PeerNode node(1, kAddress);
  EXPECT_EQ(Outcome::kAdded, book_.hear(now(), fresh(node), kSource));
  EXPECT_EQ(Outcome::kKnown, book_.hear(now(), fresh(node), kSource));
  EXPECT_TRUE(sampled().empty()) << "but is hearsay all the same";
  EXPECT_EQ(Outcome::kRenewed, book_.hear(now(), node.record(kWall + 1s), kSource));
  EXPECT_EQ(Outcome::kOlder, book_.hear(now(), node.record(kWall), kSource));
  passed_ += 1min;
  EXPECT_EQ(Outcome::kTried, answer(node));
  EXPECT_EQ(std::set{node.key()}, sampled());
}

TEST_F(BookTest, WhoIsSilentIsForgotten) {
  EXPECT_EQ(Outcome::kAdded, book_.hear(now(), kAddress, kSource));
  live(2h, {});
  EXPECT_EQ(1u, book_.new_size());
  live(1h, {});
  EXPECT_EQ(0u, book_.new_size()) << "three tests, an hour and some apart";
  EXPECT_EQ(1u, book_.stats().forgotten_new);
  EXPECT_FALSE(book_.next_deadline());
}

TEST_F(BookTest, TriedNodesAreForgottenAfterADayAndNotHandedOutBefore) {
  PeerNode silent(1, kAddress);
  PeerNode other(2, {spread(2), 3478});
  EXPECT_EQ(Outcome::kTried, meet(silent));
  EXPECT_EQ(Outcome::kTried, meet(other));
  live(80min, {{other.address, &other}});
  EXPECT_EQ(std::set{other.key()}, sampled());
  live(20h, {{other.address, &other}});
  EXPECT_EQ(2u, book_.tried_size());
  live(12h, {{other.address, &other}});
  EXPECT_EQ(1u, book_.tried_size());
  EXPECT_EQ(1u, book_.stats().forgotten_tried);
}

TEST_F(BookTest, WhoIsSilentIsLookedForNowAndThen) {
  PeerNode silent(1, kAddress);
  PeerNode other(2, {spread(2), 3478});
  EXPECT_EQ(Outcome::kTried, meet(silent));
  EXPECT_EQ(Outcome::kTried, meet(other));
  std::vector<uint8_t> failures;
  for (int i = 0; i < 40 * 6; ++i) {
    live(10min, {{other.address, &other}});
    const auto known = all();
    const auto it = std::find_if(known.begin(), known.end(),
                                 [](const auto& peer) { return peer.address == kAddress; });
    while (const auto lost = book_.take_lost()) {
      EXPECT_EQ(silent.key(), *lost);
      failures.push_back(it->failures);
    }
  }
  EXPECT_EQ((std::vector<uint8_t>{2, 4, 8, 16}), failures);
}

TEST_F(BookTest, WhoAnswersAgainIsNotLookedFor) {
  PeerNode node(1, kAddress);
  PeerNode other(2, {spread(2), 3478});
  EXPECT_EQ(Outcome::kTried, meet(node));
  EXPECT_EQ(Outcome::kTried, meet(other));
  live(4h, {{other.address, &other}});
  live(2h, {{other.address, &other}, {kAddress, &node}});
  EXPECT_FALSE(book_.take_lost());
}

TEST_F(BookTest, NobodyIsForgottenWhileOurOwnLineIsDead) {
  std::vector<std::unique_ptr<PeerNode>> nodes;
  std::map<Endpoint, PeerNode*> alive;
  for (uint32_t i = 0; i < 20; ++i) {
    nodes.push_back(std::make_unique<PeerNode>(i, Endpoint{spread(i), 3478}));
    EXPECT_EQ(Outcome::kTried, meet(*nodes.back()));
    alive[nodes.back()->address] = nodes.back().get();
  }
  live(24h * 30, {});
  EXPECT_EQ(20u, book_.tried_size());
  EXPECT_TRUE(sampled().empty());
  live(2h, alive);
  EXPECT_EQ(8u, sampled().size()) << "the least that is handed out, where there are so many";
}

// ---- What strangers say.

TEST_F(BookTest, OneNetworkFillsItsPlacesOnly) {
  for (uint32_t i = 0; i < 20000; ++i) {
    const IpAddress source = IpAddress::v4(0x09090000 + i);
    (void)book_.hear(now(), Endpoint{IpAddress::v4(0x20000000 + i * 977), 3478}, source);
  }
  EXPECT_LE(book_.new_size(), Book::kNewBucketsPerSource * Book::kPerSourceInBucketMax);
  EXPECT_GE(book_.new_size(), Book::kPerSourceInBucketMax);
  EXPECT_EQ(20000u, book_.new_size() + count(Outcome::kSourceFull));
  for (uint32_t i = 0; i < 50; ++i) {
    EXPECT_EQ(Outcome::kAdded, book_.hear(now(), Endpoint{spread(i), 3478}, spread(i)))
        << "of another network, " << i;
  }
}

TEST_F(BookTest, ManyNetworksFillTheNewTableUntilTheyHaveFailed) {
  for (uint32_t i = 0; i < 20000; ++i) {
    (void)book_.hear(now(), Endpoint{IpAddress::v4(0x20000000 + i * 977), 1}, spread(i % 2000));
  }
  EXPECT_EQ(256u, book_.new_size());
  EXPECT_EQ(Outcome::kFull, book_.hear(now(), kAddress, kSource));
  live(1min, {});
  EXPECT_EQ(256u, book_.new_size());
  EXPECT_EQ(Outcome::kAdded, book_.hear(now(), kAddress, kSource)) << "whoever failed gives way";
  EXPECT_EQ(256u, book_.new_size());
}

TEST_F(BookTest, APrefixHasTwoPlacesAndAGroupASixteenth) {
  uint32_t number = 0;
  const auto attack = [&](const IpAddress& address) {
    PeerNode node(number++, Endpoint{address, 3478});
    return meet(node);
  };
  for (uint32_t host = 1; host < 250; ++host) {
    const Outcome outcome = attack(IpAddress::v4(0x2d000000 + host));
    EXPECT_EQ(host <= 2 ? Outcome::kTried : Outcome::kSpare, outcome) << host;
  }
  EXPECT_EQ(2u, book_.tried_size());
  for (uint32_t subnet = 1; subnet < 250; ++subnet) {
    (void)attack(IpAddress::v4(0x2d000001 + (subnet << 8)));
  }
  EXPECT_LE(book_.tried_size(), Book::kTriedBucketsPerGroup * Book::kBucketSize);
  const size_t before = book_.tried_size();
  for (uint64_t site = 0; site < 100; ++site) {
    (void)attack(IpAddress(0x2a00123400000000 | site << 8, 1));  // All of one /48.
  }
  EXPECT_EQ(before + 2, book_.tried_size());
  EXPECT_EQ(2u, sampled().size()) << "one of each group";
  book_.check_invariants();
}

TEST_F(BookTest, NobodyWhoAnswersIsDisplaced) {
  std::vector<std::unique_ptr<PeerNode>> honest;
  std::map<Endpoint, PeerNode*> alive;
  for (uint32_t i = 0; i < 60; ++i) {
    auto node = std::make_unique<PeerNode>(i, Endpoint{spread(i), 3478});
    if (meet(*node) != Outcome::kTried) continue;
    alive[node->address] = node.get();
    honest.push_back(std::move(node));
  }
  ASSERT_GT(honest.size(), 55u);
  // Nodes that answer, in a thousand networks, again and again for days.
  std::vector<std::unique_ptr<PeerNode>> hostile;
  for (uint32_t i = 0; i < 300; ++i) {
    hostile.push_back(std::make_unique<PeerNode>(1000 + i, Endpoint{spread(1000 + i), 3478}));
  }
  for (int day = 0; day < 3; ++day) {
    for (const auto& node : hostile) {
      if (book_.hear(now(), node->address, spread(day)) == Outcome::kAdded) (void)answer(*node);
    }
    live(24h, alive);
  }
  for (const auto& node : honest) EXPECT_TRUE(is_tried(node->address));
  EXPECT_LE(book_.tried_size(), 256u);
  EXPECT_GT(count(Outcome::kSpare), 0u);
}

class TinyBookTest : public BookTest {
 protected:
  TinyBookTest() : BookTest(options()) {
    for (uint32_t i = 0; i < Book::kBucketSize; ++i) {
      nodes_.push_back(std::make_unique<PeerNode>(i, Endpoint{spread(i), 3478}));
      EXPECT_EQ(Outcome::kTried, meet(*nodes_.back()));
      alive_[nodes_.back()->address] = nodes_.back().get();
      passed_ += 1min;
    }
  }
  static Book::Options options() {
    Book::Options options;
    options.new_entries = 8;
    options.tried_entries = 8;
    return options;
  }

  std::vector<std::unique_ptr<PeerNode>> nodes_;
  std::map<Endpoint, PeerNode*> alive_;
  PeerNode newcomer_{500, Endpoint{spread(500), 3478}};
};

TEST_F(TinyBookTest, ANewcomerIsASpareOneWhereAllOthersAnswer) {
  EXPECT_EQ(Outcome::kSpare, meet(newcomer_));
  EXPECT_FALSE(is_tried(newcomer_.address));
  EXPECT_FALSE(sampled().contains(newcomer_.key()));
  PeerNode another(501, Endpoint{spread(501), 3478});
  EXPECT_EQ(Outcome::kSpare, meet(another));
}

TEST_F(TinyBookTest, WhoWasSilentForLongIsAskedBeforeItGivesWay) {
  passed_ += 5h;  // Nobody was asked: we were not running.
  EXPECT_EQ(Outcome::kChallenges, meet(newcomer_));
  EXPECT_TRUE(is_tried(nodes_[0]->address));
  std::set<Endpoint> asked;
  while (const auto question = book_.next_to_test(now().mono)) asked.insert(question->address);
  EXPECT_TRUE(asked.contains(nodes_[0]->address));

  EXPECT_EQ(Outcome::kTried, answer(*nodes_[0]));
  EXPECT_TRUE(is_tried(nodes_[0]->address));
  EXPECT_EQ(0u, book_.stats().evicted);

  EXPECT_EQ(Outcome::kChallenges, answer(newcomer_)) << "now it is the next one's turn";
  book_.unanswered(now().mono, nodes_[1]->address);
  EXPECT_FALSE(is_tried(nodes_[1]->address));
  EXPECT_TRUE(is_tried(newcomer_.address));
  EXPECT_EQ(1u, book_.stats().evicted);
}

TEST_F(TinyBookTest, AChallengerThatHasLeftTakesNothing) {
  passed_ += 5h;
  EXPECT_EQ(Outcome::kChallenges, meet(newcomer_));
  (void)book_.answered(now(), newcomer_.address,
                       newcomer_.record(kWall + at_second() + 1s, wire::NodeRole::kDraining));
  book_.unanswered(now().mono, nodes_[0]->address);
  EXPECT_EQ(7u, book_.tried_size());
  EXPECT_EQ(0u, book_.new_size());
}

TEST_F(TinyBookTest, WhoMayNotBeAskedYetGivesWay) {
  for (uint32_t i = 0; i < 100; ++i) {
    (void)book_.hear(now(), {spread(600 + i), 1}, spread(700 + i));
  }
  EXPECT_EQ(8u, book_.new_size());
  EXPECT_EQ(Outcome::kFull, book_.hear(now(), newcomer_.address, kSource));
  const auto question = book_.next_to_test(now().mono);
  ASSERT_TRUE(question);
  book_.postpone(question->address, now().mono + 1h);
  EXPECT_EQ(Outcome::kAdded, book_.hear(now(), newcomer_.address, kSource));
  EXPECT_EQ(8u, book_.new_size());
  book_.postpone(question->address, now().mono);  // It has left.
  EXPECT_EQ(Outcome::kFull, book_.hear(now(), kAddress, kSource));
}

// ---- Records that are not to be believed.

TEST_F(BookTest, RefusesWhatIsForgedOrOutOfTime) {
  PeerNode node(1, kAddress);
  PeerNode other(2, {spread(2), 3478});
  const auto hear = [&](const wire::MutableItem& item) { return book_.hear(now(), item, kSource); };

  wire::MutableItem forged = fresh(node);
  forged.key = other.key();
  EXPECT_EQ(Outcome::kBadSignature, hear(forged));
  forged = fresh(node);
  ++forged.seq;
  EXPECT_EQ(Outcome::kBadSignature, hear(forged));
  forged = fresh(node);
  forged.salt = {};
  EXPECT_EQ(Outcome::kBadSignature, hear(forged));
  EXPECT_EQ(Outcome::kBadSignature, hear(node.sign_without_salt(kWall)));
  forged = fresh(node);
  forged.value = as_bytes("d1:pi0ee");
  EXPECT_EQ(Outcome::kBadRecord, hear(forged));
  forged = fresh(node);
  forged.seq = -1;
  EXPECT_EQ(Outcome::kOlder, hear(forged));

  EXPECT_EQ(Outcome::kFromTheFuture, hear(node.record(kWall + 10min + 1s)));
  EXPECT_EQ(Outcome::kNotASupernode, hear(node.record(kWall, wire::NodeRole::kLeaf)));
  EXPECT_EQ(0u, book_.new_size());
  EXPECT_EQ(Outcome::kAdded, hear(node.record(kWall + 10min)));
}

TEST_F(BookTest, TakesNoRecordThatItCouldNotPassOn) {
  PeerNode node(1, kAddress);
  const std::string known =
      "d1:pi1e1:r9:supernode3:udpl6:\x08\x08\x04\x04\x0d\x96"
      "e1:z";
  for (const size_t depth : {1u, 14u, 15u}) {
    const std::string value =
        known + std::string(depth, 'l') + std::string(depth, 'e') + "e";  // And the record itself.
    const wire::MutableItem item = node.sign(kWall + std::chrono::seconds(depth), value);
    EXPECT_TRUE(wire::parse_node_record(item.value));
    const Outcome outcome = book_.hear(now(), item, kSource);
    if (depth == 15) {
      EXPECT_EQ(Outcome::kBadRecord, outcome);
    } else {
      EXPECT_LE(outcome, Outcome::kRenewed);
    }
  }
  std::vector<uint8_t> buffer(wire::kPeerListSizeMax);
  const std::vector<wire::MutableItem> records = {*all().at(0).record};
  EXPECT_FALSE(wire::encode_peer_list(records, buffer).empty());
}

TEST_F(BookTest, TakesARecordOfAnyTimeWhileItDoesNotKnowTheTime) {
  PeerNode node(1, kAddress);
  EXPECT_EQ(Outcome::kAdded,
            book_.hear({MonoTime(1h), {}}, node.record(kWall + 24h * 365), kSource));
}

TEST_F(BookTest, RefusesAddressesThatMayNotBeAsked) {
  for (const std::string_view text :
       {"127.0.0.1:1", "10.0.0.1:1", "192.168.1.1:1", "[fe80::1]:1", "[::1]:1", "224.0.0.1:1",
        "[2002:a00:1::1]:1", "100.64.0.1:1", "8.8.8.8:0"}) {
    EXPECT_EQ(Outcome::kUnreachable, book_.hear(now(), *Endpoint::parse(text), kSource)) << text;
  }
  PeerNode private_node(1, *Endpoint::parse("10.0.0.1:3478"));
  EXPECT_EQ(Outcome::kUnreachable, book_.hear(now(), fresh(private_node), kSource));
  private_node.other_address = kAddress;
  EXPECT_EQ(Outcome::kAdded, book_.hear(now(), private_node.record(kWall + 1s), kSource));
  EXPECT_EQ(kAddress, book_.next_to_test(now().mono)->address);

  book_.set_reach(false, true);
  EXPECT_EQ(Outcome::kUnreachable, book_.hear(now(), {spread(5), 1}, kSource));
  EXPECT_EQ(Outcome::kAdded, book_.hear(now(), *Endpoint::parse("[2600::1]:1"), kSource));
}

TEST_F(BookTest, AnAnswerMustNameTheAddressThatWasAsked) {
  PeerNode node(1, kAddress);
  PeerNode elsewhere(2, {spread(2), 3478});
  EXPECT_EQ(Outcome::kAdded, book_.hear(now(), kAddress, kSource));
  // Somebody else's record, as anybody can repeat it.
  EXPECT_EQ(Outcome::kElsewhere, book_.answered(now(), kAddress, fresh(elsewhere)));
  EXPECT_EQ(Outcome::kStale, book_.answered(now(), kAddress, node.record(kWall - 2h - 1s)));
  EXPECT_EQ(0u, book_.tried_size());
  EXPECT_EQ(1u, book_.new_size());
  EXPECT_EQ(2u, all().at(0).failures);
  EXPECT_EQ(Outcome::kGone, book_.answered(now(), {spread(9), 1}, fresh(node)));
  EXPECT_EQ(Outcome::kTried, answer(node));
}

TEST_F(BookTest, AnOlderRecordNeverReplacesANewerOne) {
  PeerNode node(1, kAddress);
  EXPECT_EQ(Outcome::kTried, meet(node));
  const wire::MutableItem older = node.record(kWall - 1s);
  EXPECT_EQ(Outcome::kOlder, book_.hear(now(), older, kSource));
  EXPECT_EQ(Outcome::kOlder, book_.answered(now(), kAddress, older)) << "from its very address";
  EXPECT_EQ(kWall.time_since_epoch().count(), all().at(0).record->seq);
  EXPECT_EQ(1, all().at(0).failures);
}

TEST_F(BookTest, WhoClaimsAnothersAddressLosesItAtTheTest) {
  PeerNode owner(1, kAddress);
  PeerNode liar(2, kAddress);
  EXPECT_EQ(Outcome::kAdded, book_.hear(now(), fresh(liar), kSource));
  EXPECT_EQ(Outcome::kAddressTaken, book_.hear(now(), fresh(owner), kSource));
  EXPECT_EQ(Outcome::kTried, answer(owner));
  ASSERT_EQ(1u, all().size());
  EXPECT_EQ(owner.key(), all().at(0).record->key);
  EXPECT_EQ(Outcome::kAddressTaken, book_.hear(now(), liar.record(kWall + 1s), kSource));
}

TEST_F(BookTest, AKeyHasOneEntry) {
  PeerNode node(1, kAddress);
  node.other_address = *Endpoint::parse("[2600::1]:3478");
  EXPECT_EQ(Outcome::kTried, meet(node));
  EXPECT_EQ(Outcome::kAdded, book_.hear(now(), node.other_address, kSource));
  EXPECT_EQ(Outcome::kKnown, book_.answered(now(), node.other_address, fresh(node)));
  ASSERT_EQ(1u, all().size());
  EXPECT_EQ(kAddress, all().at(0).address);

  // It answers at the other one only.
  EXPECT_EQ(Outcome::kAdded, book_.hear(now(), node.other_address, kSource));
  book_.unanswered(now().mono, kAddress);
  EXPECT_EQ(Outcome::kTried, book_.answered(now(), node.other_address, fresh(node)));
  ASSERT_EQ(1u, all().size());
  EXPECT_EQ(node.other_address, all().at(0).address);
}

TEST_F(BookTest, ANodeThatMovesOrRetiresSaysSo) {
  PeerNode node(1, kAddress);
  EXPECT_EQ(Outcome::kTried, meet(node));
  node.address = {spread(3), 3478};
  EXPECT_EQ(Outcome::kAdded, book_.hear(now(), node.record(kWall + 1s), kSource));
  ASSERT_EQ(1u, all().size());
  EXPECT_EQ(node.address, all().at(0).address);
  EXPECT_FALSE(all().at(0).is_tried) << "it has to answer there";
  passed_ += 2s;
  EXPECT_EQ(Outcome::kTried, answer(node));

  EXPECT_EQ(Outcome::kNotASupernode,
            book_.hear(now(), node.record(kWall + 5s, wire::NodeRole::kDraining), kSource));
  EXPECT_TRUE(all().empty());
}

TEST_F(BookTest, WhoRetiresAtOneAddressRetiresAtAll) {
  PeerNode node(1, kAddress);
  node.other_address = *Endpoint::parse("[2600::1]:3478");
  EXPECT_EQ(Outcome::kTried, meet(node));
  EXPECT_EQ(Outcome::kAdded, book_.hear(now(), node.other_address, kSource));
  EXPECT_EQ(Outcome::kNotASupernode,
            book_.answered(now(), node.other_address,
                           node.record(kWall + 1s, wire::NodeRole::kDraining)));
  EXPECT_TRUE(all().empty());
}

TEST_F(BookTest, OurOwnRecordIsNotKept) {
  PeerNode self(1, kAddress);
  Book::Options options;
  options.own_key = self.key();
  Book book(options, random_);
  EXPECT_EQ(Outcome::kOurs, book.hear(now(), fresh(self), kSource));
  EXPECT_EQ(Outcome::kAdded, book.hear(now(), kAddress, kSource));
  EXPECT_EQ(Outcome::kOurs, book.answered(now(), kAddress, fresh(self)));
  EXPECT_EQ(0u, book.new_size());
}

// ---- What is told and kept.

TEST_F(BookTest, AskingAgainShowsNoMore) {
  std::vector<std::unique_ptr<PeerNode>> nodes;
  std::map<Endpoint, PeerNode*> alive;
  for (uint32_t i = 0; i < 64; ++i) {
    nodes.push_back(std::make_unique<PeerNode>(i, Endpoint{spread(i), 3478}));
    (void)meet(*nodes.back());
    alive[nodes.back()->address] = nodes.back().get();
  }
  const auto first = sampled();
  EXPECT_EQ(book_.tried_size() / Book::kDrawnPart, first.size());
  EXPECT_LE(first.size(), wire::kPeerListRecordsMax);
  std::set<PublicKey> seen;
  std::set<std::set<PublicKey>> drawings;
  for (int hour = 0; hour < 72; ++hour) {
    const auto now_shown = sampled();
    seen.insert(now_shown.begin(), now_shown.end());
    drawings.insert(now_shown);
    live(1h, alive);
  }
  EXPECT_LE(drawings.size(), 4u) << "one for each day, and where it began";
  EXPECT_GE(drawings.size(), 3u);
  EXPECT_LE(seen.size(), 4 * first.size());

  std::array<wire::MutableItem, 3> few;
  EXPECT_EQ(3u, book_.sample(now().mono, few));
}

TEST_F(BookTest, TriedNodesComeBackAfterARestart) {
  std::vector<std::unique_ptr<PeerNode>> nodes;
  for (uint32_t i = 0; i < 40; ++i) {
    nodes.push_back(std::make_unique<PeerNode>(i, Endpoint{spread(i), 3478}));
    EXPECT_EQ(Outcome::kTried, meet(*nodes.back()));
  }
  std::vector<wire::MutableItem> kept;
  for (const Book::Known& known : all()) {
    if (known.is_tried) kept.push_back(*known.record);
  }
  passed_ += 10min;
  Book again(Book::Options(), random_);
  size_t restored = 0;
  for (const wire::MutableItem& item : kept) {
    restored += again.restore(now(), item) == Outcome::kTried;
  }
  EXPECT_GE(restored, 38u) << "the buckets are others";
  EXPECT_EQ(restored, again.tried_size());
  EXPECT_EQ(Outcome::kKnown, again.restore(now(), kept[0]));
  wire::MutableItem damaged = nodes[0]->record(kWall);
  damaged.signature[3] ^= 1;
  EXPECT_EQ(Outcome::kBadSignature, Book(Book::Options(), random_).restore(now(), damaged));
  again.check_invariants();

  std::array<wire::MutableItem, wire::kPeerListRecordsMax> out;
  EXPECT_GE(again.sample(now().mono, out), 8u) << "they have answered ten minutes ago";
  EXPECT_EQ(0u, again.sample(now().mono + 3h, out));
  EXPECT_TRUE(again.next_to_test(now().mono)) << "and are asked soon";
}

TEST_F(BookTest, IsRestoredBeforeItIsKnownWhatCanBeReached) {
  PeerNode node(1, *Endpoint::parse("[2600::1]:3478"));
  node.other_address = kAddress;
  book_.set_reach(false, false);
  EXPECT_EQ(Outcome::kTried, book_.restore(now(), fresh(node)));
  EXPECT_EQ(node.address, all().at(0).address);
  PeerNode private_node(2, *Endpoint::parse("10.0.0.1:3478"));
  EXPECT_EQ(Outcome::kUnreachable, book_.restore(now(), fresh(private_node)));
}

TEST_F(BookTest, RestoredLongAfterItIsNotHandedOutUntested) {
  PeerNode node(1, kAddress);
  const wire::MutableItem item = node.record(kWall - 24h * 20);
  EXPECT_EQ(Outcome::kTried, book_.restore(now(), item));
  EXPECT_TRUE(sampled().empty());
  EXPECT_EQ(Outcome::kTried, answer(node));
  EXPECT_EQ(1u, sampled().size());
}

}  // namespace
}  // namespace roost::core::peers
