// SPDX-License-Identifier: MIT
//
// Goal: a lookup finds the nodes nearest to its target in a swarm in which most are dead or silent,
// within its bounds, and whoever lies gets no further than his prefixes.
#include "core/dht/lookup.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <map>
#include <string>
#include <vector>

namespace roost::core::dht {
namespace {

using namespace std::chrono_literals;
using wire::CompactNode;
using wire::NodeId;

// Nodes in public /24 of their own, with the routing tables that they would have after a while:
// eight nodes, dead ones among them, of each distance.
class Swarm {
 public:
  struct Node {
    CompactNode contact;
    bool is_alive = true;
    std::vector<uint32_t> table;
  };

  Swarm(size_t count, unsigned dead_percent, uint64_t seed) : random_(seed) {
    for (uint32_t i = 0; i < count; ++i) {
      const Endpoint endpoint{IpAddress::v4(0x10000001 + (i << 8)), 6881};
      Node node;
      node.contact = {wire::conforming_node_id(endpoint.address, random_.bytes<20>()), endpoint};
      node.is_alive = random_.below(100) >= dead_percent;
      nodes_.push_back(node);
    }
    std::sort(nodes_.begin(), nodes_.end(),
              [](const Node& a, const Node& b) { return a.contact.id < b.contact.id; });
    for (uint32_t i = 0; i < count; ++i) by_endpoint_[nodes_[i].contact.endpoint] = i;
    for (Node& node : nodes_) fill_table(node);
  }

  std::vector<Node>& nodes() { return nodes_; }
  SeededRandom& random() { return random_; }

  // The nearest of all that live.
  CompactNode nearest(const NodeId& target) const {
    const Node* best = nullptr;
    for (const Node& node : nodes_) {
      const bool is_better =
          best == nullptr || wire::compare_distance(target, node.contact.id, best->contact.id) < 0;
      if (node.is_alive && is_better) best = &node;
    }
    return best->contact;
  }

  // What the node at `to` knows of that is nearest to the target; empty if it is silent.
  std::optional<std::vector<CompactNode>> ask(const Endpoint& to, const NodeId& target,
                                              NodeId& id) const {
    const auto found = by_endpoint_.find(to);
    if (found == by_endpoint_.end() || !nodes_[found->second].is_alive) return {};
    const Node& node = nodes_[found->second];
    id = node.contact.id;
    std::vector<CompactNode> nearest;
    for (const uint32_t index : node.table) nearest.push_back(nodes_[index].contact);
    const size_t count = std::min<size_t>(8, nearest.size());
    std::partial_sort(nearest.begin(), nearest.begin() + static_cast<ptrdiff_t>(count),
                      nearest.end(), [&target](const CompactNode& a, const CompactNode& b) {
                        return wire::compare_distance(target, a.id, b.id) < 0;
                      });
    nearest.resize(count);
    return nearest;
  }

 private:
  // Those that share exactly so many bits with an ID are one run of the sorted nodes.
  void fill_table(Node& node) {
    for (unsigned bits = 0; bits < 160; ++bits) {
      NodeId first = node.contact.id;
      first[bits / 8] ^= static_cast<uint8_t>(0x80 >> bits % 8);
      NodeId last = first;
      for (unsigned bit = bits + 1; bit < 160; ++bit) {
        const auto mask = static_cast<uint8_t>(0x80 >> bit % 8);
        first[bit / 8] = static_cast<uint8_t>(first[bit / 8] & ~mask);
        last[bit / 8] |= mask;
      }
      const auto by_id = [](const Node& a, const NodeId& id) { return a.contact.id < id; };
      const auto begin = std::lower_bound(nodes_.begin(), nodes_.end(), first, by_id);
      const auto end = std::lower_bound(begin, nodes_.end(), last, by_id);
      const auto size = static_cast<uint64_t>(end - begin);
      const auto at = static_cast<uint32_t>(begin - nodes_.begin());
      if (size <= 8) {
        for (uint32_t i = 0; i < size; ++i) node.table.push_back(at + i);
      } else {
        for (int i = 0; i < 8; ++i) {
          node.table.push_back(at + static_cast<uint32_t>(random_.below(size)));
        }
      }
      if (size == 0 && bits > 16) break;
    }
  }

  SeededRandom random_;
  std::vector<Node> nodes_;
  std::map<Endpoint, uint32_t> by_endpoint_;
};

std::string encode_nodes(const std::vector<CompactNode>& nodes) {
  std::array<uint8_t, 64 * wire::kCompactNodeV4Size> buffer;
  Writer writer(buffer);
  for (const CompactNode& node : nodes) wire::write_compact(writer, node);
  return std::string(as_text(writer.written()));
}

struct Result {
  std::vector<CompactNode> found;
  size_t queries = 0;
  size_t in_flight_max = 0;
  Duration time{};
};

// Each answer takes 100 ms.
Result look_up(Swarm& swarm, const NodeId& target, const std::vector<CompactNode>& seeds) {
  Lookup lookup({.target = target}, swarm.random());
  for (const CompactNode& seed : seeds) lookup.learn(MonoTime(1h), seed);
  const MonoTime start{1h};
  MonoTime now = start;
  struct Open {
    Lookup::Query query;
    MonoTime arrives_at;
  };
  std::vector<Open> open;
  Result result;
  while (!lookup.is_done(now)) {
    while (const auto query = lookup.next_query(now)) open.push_back({*query, now + 100ms});
    result.in_flight_max = std::max(result.in_flight_max, open.size());
    now += 100ms;
    const std::vector<Open> arrived = std::exchange(open, {});
    for (const Open& one : arrived) {
      wire::KrpcResponse response;
      const auto nodes = swarm.ask(one.query.to, target, response.id);
      if (!nodes) continue;
      const std::string encoded = encode_nodes(*nodes);
      response.nodes = as_bytes(encoded);
      response.token = as_bytes("tok");
      EXPECT_TRUE(lookup.answered(now, one.query.to, one.query.transaction_id, response));
    }
    if (now > start + 10min) {
      ADD_FAILURE() << "does not end";
      break;
    }
  }
  std::array<Lookup::Found, Lookup::kNearest> found;
  const size_t count = lookup.found(found);
  for (size_t i = 0; i < count; ++i) {
    EXPECT_EQ("tok", as_text(Bytes(found[i].token).first(found[i].token_size)));
    result.found.push_back(found[i].node);
  }
  result.queries = lookup.query_count();
  result.time = now - start;
  return result;
}

// 30 % are gone, and of the others a quarter is behind a NAT that lets nothing in: 47.5 % answer
// not.
TEST(Lookup, FindsTheNearestInASwarmOfWhichHalfIsSilent) {
  Swarm swarm(2000, 48, 1);
  size_t hits = 0;
  size_t queries = 0;
  constexpr size_t kLookups = 100;
  for (size_t i = 0; i < kLookups; ++i) {
    std::vector<CompactNode> seeds;
    for (int seed = 0; seed < 8; ++seed) {
      seeds.push_back(swarm.nodes()[swarm.random().below(2000)].contact);
    }
    const NodeId target = swarm.random().bytes<20>();
    const Result result = look_up(swarm, target, seeds);
    queries += result.queries;
    EXPECT_LE(result.queries, Lookup::kQueriesMax);
    hits += !result.found.empty() && result.found.front() == swarm.nearest(target);
  }
  EXPECT_GE(hits, kLookups * 98 / 100) << queries / kLookups << " queries each";
  EXPECT_LE(queries / kLookups, 60u);
}

TEST(Lookup, EndsWhereNobodyAnswersAndWhereNobodyIsKnown) {
  Swarm swarm(100, 100, 2);
  const Result silent = look_up(swarm, NodeId{1}, {swarm.nodes()[0].contact});
  EXPECT_TRUE(silent.found.empty());
  EXPECT_EQ(1u, silent.queries);
  EXPECT_GE(silent.time, Lookup::kTimeout);
  EXPECT_EQ(0u, look_up(swarm, NodeId{1}, {}).queries);
}

class LookupTest : public testing::Test {
 protected:
  static CompactNode node(uint32_t address, uint8_t first = 0) {
    NodeId random{};
    random[10] = first;
    const IpAddress ip = IpAddress::v4(address);
    return {wire::conforming_node_id(ip, random), {ip, 6881}};
  }

  SeededRandom random_{3};
  MonoTime now_{1h};
};

TEST_F(LookupTest, AsksNoMoreAtATimeThanItMay) {
  Lookup lookup({}, random_);
  for (uint32_t i = 0; i < 20; ++i) lookup.learn(now_, node(0x10000001 + (i << 8)));
  size_t asked = 0;
  while (lookup.next_query(now_)) ++asked;
  EXPECT_EQ(Lookup::kInFlightMax, asked);
  EXPECT_EQ(now_ + Lookup::kTimeout, lookup.next_deadline());
  EXPECT_FALSE(lookup.is_done(now_));
  now_ += Lookup::kTimeout;
  EXPECT_TRUE(lookup.next_query(now_)) << "the silent are not waited for";
}

TEST_F(LookupTest, LearnsOnlyNodesThatCanBeWhereTheySay) {
  Lookup lookup({}, random_);
  lookup.learn(now_, {NodeId{1}, {IpAddress::v4(0x7f000001), 6881}});
  lookup.learn(now_, {NodeId{1}, {IpAddress::v4(0x0a000001), 6881}});
  CompactNode wrong = node(0x10000001);
  wrong.id[0] ^= 0x80;
  lookup.learn(now_, wrong);
  CompactNode portless = node(0x10000101);
  portless.endpoint.port = 0;
  lookup.learn(now_, portless);
  lookup.learn(now_, {NodeId{1}, *Endpoint::parse("[2600::1]:1")});
  EXPECT_FALSE(lookup.next_query(now_));
  lookup.learn(now_, node(0x10000001));
  EXPECT_TRUE(lookup.next_query(now_));
  EXPECT_FALSE(lookup.next_query(now_));
}

TEST_F(LookupTest, LetsNoPrefixSurroundItsTarget) {
  Lookup lookup({.target = NodeId{}}, random_);
  for (uint32_t host = 1; host <= 28; ++host) {
    for (uint8_t i = 0; i < 8; ++i) lookup.learn(now_, node(0x10000000 + host, i));
  }
  lookup.learn(now_, node(0x20000001));
  std::vector<Endpoint> asked;
  while (const auto query = lookup.next_query(now_)) asked.push_back(query->to);
  EXPECT_EQ(Lookup::kPerPrefixMax + 1, asked.size());
}

TEST_F(LookupTest, BelievesNoAnswerButThatOfWhomItAsked) {
  Lookup lookup({}, random_);
  const CompactNode asked = node(0x10000001);
  lookup.learn(now_, asked);
  const auto query = lookup.next_query(now_);
  ASSERT_TRUE(query);
  wire::KrpcResponse response;
  response.id = asked.id;
  auto wrong_id = query->transaction_id;
  wrong_id[0] ^= 1;
  EXPECT_FALSE(lookup.answered(now_, query->to, wrong_id, response));
  EXPECT_FALSE(lookup.answered(now_, node(0x10000101).endpoint, query->transaction_id, response));
  EXPECT_FALSE(lookup.answered(now_, {query->to.address, 1}, query->transaction_id, response));
  EXPECT_TRUE(lookup.answered(now_, query->to, query->transaction_id, response));
  EXPECT_FALSE(lookup.answered(now_, query->to, query->transaction_id, response)) << "once";
  EXPECT_TRUE(lookup.is_done(now_));
}

TEST_F(LookupTest, DoesNotFindWhoAnswersUnderAStolenIdOrTooLateOrWithAnError) {
  for (const int how : {0, 1, 2}) {
    Lookup lookup({}, random_);
    const CompactNode asked = node(0x10000001);
    lookup.learn(now_, asked);
    const auto query = lookup.next_query(now_);
    ASSERT_TRUE(query);
    wire::KrpcResponse response;
    response.id = asked.id;
    if (how == 0) {
      response.id[0] ^= 8;  // Not one of its address (BEP 42).
      EXPECT_TRUE(lookup.answered(now_, query->to, query->transaction_id, response));
    } else if (how == 1) {
      now_ += Lookup::kTimeout;
      EXPECT_FALSE(lookup.answered(now_, query->to, query->transaction_id, response));
    } else {
      EXPECT_TRUE(lookup.refused(query->to, query->transaction_id));
    }
    std::array<Lookup::Found, Lookup::kNearest> found;
    EXPECT_EQ(0u, lookup.found(found));
    EXPECT_TRUE(lookup.is_done(now_));
  }
}

// Whoever names it under wrong IDs, near to the target, does not keep it from being found.
TEST_F(LookupTest, FindsWhoWasNamedUnderAnotherIdUnderItsOwn) {
  Lookup lookup({}, random_);
  CompactNode named = node(0x10000001);
  const NodeId own = named.id;
  named.id[19] ^= 8;  // As good an ID of its address.
  lookup.learn(now_, named);
  const auto query = lookup.next_query(now_);
  ASSERT_TRUE(query);
  wire::KrpcResponse response{.id = own};
  response.token = as_bytes("token");
  EXPECT_TRUE(lookup.answered(now_, query->to, query->transaction_id, response));
  EXPECT_TRUE(lookup.is_done(now_)) << "it is not asked again";
  std::array<Lookup::Found, Lookup::kNearest> found;
  ASSERT_EQ(1u, lookup.found(found));
  EXPECT_EQ(own, found[0].node.id);
  EXPECT_EQ(5u, found[0].token_size);
}

// Every node that is asked names eight new ones, each nearer than the last.
TEST_F(LookupTest, GivesUpOnAnEndlessPromise) {
  Lookup lookup({.target = NodeId{}, .takes_special_purpose = true}, random_);
  NodeId id;
  id.fill(0xff);
  uint32_t address = 0x10000001;
  std::map<Endpoint, NodeId> ids;
  const auto next = [&] {
    for (size_t at = 19; at < 20 && id[at]-- == 0; --at) {
    }
    address += 256;
    const CompactNode made{id, {IpAddress::v4(address), 1}};
    ids[made.endpoint] = id;
    return made;
  };
  lookup.learn(now_, next());
  size_t asked = 0;
  while (!lookup.is_done(now_)) {
    const auto query = lookup.next_query(now_);
    ASSERT_TRUE(query);
    ++asked;
    std::vector<CompactNode> promised;
    for (int i = 0; i < 8; ++i) promised.push_back(next());
    const std::string nodes = encode_nodes(promised);
    wire::KrpcResponse response;
    response.id = ids.at(query->to);
    response.nodes = as_bytes(nodes);
    ASSERT_TRUE(lookup.answered(now_, query->to, query->transaction_id, response));
  }
  EXPECT_EQ(Lookup::kQueriesMax, asked);
}

TEST_F(LookupTest, WhoIsAskedLearnsNothingAboutTheOtherQuestions) {
  Lookup lookup({.target = NodeId{}}, random_);
  for (uint32_t i = 0; i < 4; ++i) lookup.learn(now_, node(0x10000001 + (i << 8)));
  std::vector<uint32_t> ids;
  while (const auto query = lookup.next_query(now_)) {
    ids.push_back(load_u32(query->transaction_id.data()));
  }
  ASSERT_EQ(4u, ids.size());
  for (size_t i = 1; i < ids.size(); ++i) {
    EXPECT_NE(ids[0] >> 8, ids[i] >> 8) << "not the same but for a number";
  }
}

}  // namespace
}  // namespace roost::core::dht
