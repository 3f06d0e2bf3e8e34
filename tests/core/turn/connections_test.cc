// SPDX-License-Identifier: MIT
//
// Goal: the table keeps its bounds, gives everything back, and never takes one connection for
// another. Method: each bound to its edge; what is late; then random operations against a naive
// model, with the table's own check after each.
#include "core/turn/connections.h"

#include <map>
#include <set>

#include "base/random.h"
#include "turn/turn_client.h"

namespace roost::core::turn {
namespace {

using Full = Connections::Full;
using State = Connection::State;

constexpr SipHashKey kSecret{3, 1, 4};
constexpr MonoTime kStart{seconds(1'000)};

class ConnectionsTest : public testing::Test {
 protected:
  ConnectionsTest() {
    for (uint32_t i = 0; i < 3; ++i) {
      Flow flow;
      flow.transport = Transport::kTcp;
      flow.stream = StreamId{i + 1};
      flow.client = {IpAddress::v4(0x5a000000 + (i << 8)), 4000};
      Authenticator::Proof proof;
      proof.user = i;
      owners_.push_back(*allocations_.create(flow, proof));
      owners_.back()->protocol = RelayProtocol::kTcp;
    }
  }
  void TearDown() override { connections_.check_invariants(allocations_); }

  static Endpoint peer(uint32_t n) { return {IpAddress::v4(0x08080000 + n), 80}; }
  Connection* make(uint32_t owner, uint32_t n, State state = State::kPending) {
    const auto made = connections_.create(*owners_[owner], peer(n), state);
    return made ? *made : nullptr;
  }

  AllocationTable allocations_{{.allocations = 4}, kSecret};
  Connections connections_{{.count = 5, .per_allocation = 3}, kSecret};
  std::vector<Allocation*> owners_;
};

TEST_F(ConnectionsTest, HasRoomForSoManyOfOneAllocationAndOfAll) {
  for (uint32_t n = 0; n < 3; ++n) EXPECT_NE(make(0, n), nullptr);
  EXPECT_EQ(connections_.create(*owners_[0], peer(3), State::kPending).error(), Full::kAllocation);
  for (uint32_t n = 0; n < 2; ++n) EXPECT_NE(make(1, n), nullptr);
  EXPECT_EQ(connections_.create(*owners_[1], peer(3), State::kPending).error(), Full::kConnections);
  EXPECT_EQ(connections_.refusals(Payer::kFriend, Full::kAllocation), 1u);
  EXPECT_EQ(connections_.refusals(Payer::kFriend, Full::kConnections), 1u);
  connections_.erase_all(*owners_[0]);
  EXPECT_EQ(connections_.size(), 2u);
  EXPECT_EQ(owners_[0]->connection_count, 0);
  EXPECT_NE(make(2, 0), nullptr);
}

TEST_F(ConnectionsTest, KnowsEachByItsNameItsNumberAndItsPeer) {
  Connection* const first = make(0, 1, State::kConnecting);
  Connection* const second = make(1, 1);
  ASSERT_TRUE(first != nullptr && second != nullptr);
  EXPECT_NE(first->number, second->number);
  EXPECT_EQ(connections_.find(first->id()), first);
  EXPECT_EQ(connections_.find_number(second->number), second);
  EXPECT_EQ(connections_.find(*owners_[0], peer(1)), first);
  EXPECT_EQ(connections_.find(*owners_[1], peer(1)), second);
  EXPECT_EQ(connections_.find(*owners_[1], {peer(1).address, 81}), nullptr);
  const PeerConnectionId name = first->id();
  const uint32_t number = first->number;
  connections_.erase(*owners_[0], *first);
  EXPECT_EQ(connections_.find(name), nullptr);
  EXPECT_EQ(connections_.find_number(number), nullptr);
  // Its place has another name and number now.
  Connection* const next = make(2, 1);
  EXPECT_EQ(next, first);
  EXPECT_NE(next->id(), name);
  EXPECT_NE(next->number, number);
  EXPECT_EQ(connections_.find(name), nullptr);
}

TEST_F(ConnectionsTest, HasNumbersThatTellNothing) {
  // Neither in order nor alike: of a thousand, each bit is set in about half.
  std::array<int, 32> set{};
  std::set<uint32_t> seen;
  uint32_t last = 0;
  int ascending = 0;
  for (int i = 0; i < 1000; ++i) {
    Connection* const one = make(0, 1);
    ASSERT_TRUE(seen.insert(one->number).second);
    ascending += one->number > last;
    last = one->number;
    for (size_t bit = 0; bit < 32; ++bit) set[bit] += static_cast<int>(one->number >> bit & 1);
    connections_.erase(*owners_[0], *one);
  }
  for (const int count : set) EXPECT_NEAR(count, 500, 100);
  EXPECT_NEAR(ascending, 500, 100);
}

TEST_F(ConnectionsTest, ForgetsTheDeadlineOfWhatIsErased) {
  Connection* const first = make(0, 1);
  Connection* const second = make(0, 2);
  connections_.set_deadline(*first, kStart);
  connections_.set_deadline(*second, kStart + seconds(1));
  EXPECT_EQ(connections_.next_deadline(), kStart);
  connections_.erase(*owners_[0], *first);
  EXPECT_EQ(connections_.pop_due(kStart), nullptr);
  EXPECT_EQ(connections_.pop_due(kStart + seconds(1)), second);
  EXPECT_FALSE(connections_.next_deadline());
}

TEST_F(ConnectionsTest, TakesOverLowerBounds) {
  EXPECT_NE(make(0, 1), nullptr);
  connections_.set_limits({.count = 100, .per_allocation = 1});
  EXPECT_EQ(connections_.create(*owners_[0], peer(2), State::kPending).error(), Full::kAllocation);
  connections_.set_limits({.count = 1, .per_allocation = 16});
  EXPECT_EQ(connections_.create(*owners_[0], peer(2), State::kPending).error(), Full::kConnections);
  connections_.set_limits({.count = 100, .per_allocation = 16});
  for (uint32_t n = 2; n < 6; ++n) EXPECT_NE(make(0, n), nullptr);
  EXPECT_EQ(make(0, 7), nullptr);  // There is memory for five.
}

TEST_F(ConnectionsTest, MayHaveNone) {
  Connections none({.count = 0, .per_allocation = 3}, kSecret);
  EXPECT_EQ(none.create(*owners_[0], peer(1), State::kPending).error(), Full::kConnections);
  EXPECT_EQ(none.find_number(0), nullptr);
  EXPECT_EQ(none.find(PeerConnectionId{}), nullptr);
  none.check_invariants(allocations_);
}

TEST_F(ConnectionsTest, AgreesWithANaiveModel) {
  SeededRandom random(5);
  struct Known {
    uint32_t owner;
    Endpoint peer;
  };
  std::map<PeerConnectionId, Known> model;
  for (int step = 0; step < 5'000; ++step) {
    const auto owner = static_cast<uint32_t>(random.below(3));
    const auto of_owner = std::count_if(
        model.begin(), model.end(), [&](const auto& known) { return known.second.owner == owner; });
    switch (random.below(8)) {
      case 0: {
        connections_.erase_all(*owners_[owner]);
        std::erase_if(model, [&](const auto& known) { return known.second.owner == owner; });
        break;
      }
      case 1:
      case 2: {
        if (model.empty()) break;
        const auto one =
            std::next(model.begin(), static_cast<ptrdiff_t>(random.below(model.size())));
        Connection* const found = connections_.find(one->first);
        ASSERT_NE(found, nullptr);
        connections_.erase(*owners_[one->second.owner], *found);
        model.erase(one);
        break;
      }
      default: {
        const Endpoint to = peer(static_cast<uint32_t>(random.below(6)));
        if (connections_.find(*owners_[owner], to) != nullptr) break;
        const auto made = connections_.create(*owners_[owner], to, State::kPending);
        ASSERT_EQ(made.has_value(), of_owner < 3 && model.size() < 5);
        if (!made) break;
        ASSERT_TRUE(model.emplace((*made)->id(), Known{owner, to}).second);
      }
    }
    connections_.check_invariants(allocations_);
    ASSERT_EQ(connections_.size(), model.size());
    for (const auto& [id, known] : model) {
      const Connection* const found = connections_.find(id);
      ASSERT_NE(found, nullptr);
      ASSERT_EQ(found->peer, known.peer);
      ASSERT_EQ(connections_.find(*owners_[known.owner], known.peer), found);
      ASSERT_EQ(connections_.find_number(found->number), found);
    }
  }
}

}  // namespace
}  // namespace roost::core::turn
