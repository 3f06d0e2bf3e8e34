// SPDX-License-Identifier: MIT
//
// Goal: whatever a node of the DHT must not do is noticed, and what it may do is not.
// Method: steps made by hand, one fault in each.
#include "sim/dht_oracle.h"

#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

#include "sim/dice.h"
#include "sim/oracles.h"

namespace roost::sim {
namespace {

using namespace std::chrono_literals;
using wire::CompactNode;

constexpr Endpoint kNode{IpAddress::v4(0x14000101), 3478};

CompactNode contact(uint32_t address, uint16_t port = 6881, uint8_t random = 0) {
  const IpAddress ip = IpAddress::v4(address);
  wire::NodeId id{};
  id[10] = random;
  return {wire::conforming_node_id(ip, id), {ip, port}};
}

const CompactNode kAsker = contact(0x15000001);
const CompactNode kNeighbour = contact(0x16000001);

KrpcBytes answer(std::string_view transaction_id, const wire::NodeId& id,
                 const std::vector<CompactNode>& nodes = {}, std::string_view token = {}) {
  return write_answer({.transaction_id = transaction_id, .id = id, .nodes = nodes, .token = token});
}

class DhtOracleTest : public testing::Test {
 protected:
  uint64_t faults() { return verdict_.count() - std::exchange(faults_before_, verdict_.count()); }
  void pass(Duration duration) { now_ += duration; }

  static core::SendDatagram datagram(const Endpoint& to, const KrpcBytes& bytes) {
    return {.from = 0, .local = {kNode, 0}, .to = to, .payload = bytes};
  }
  // A step with these datagrams for its outcome.
  using Sent = std::vector<std::pair<Endpoint, KrpcBytes>>;
  void step(const core::Input& input, const Sent& sent) {
    std::vector<core::Action> actions;
    for (const auto& [to, bytes] : sent) actions.emplace_back(datagram(to, bytes));
    oracle_.check(now_, input, actions);
  }
  void arrive(const Endpoint& from, const KrpcBytes& bytes, const Sent& sent = {}) {
    step(core::DatagramArrived{0, {kNode, 0}, from, bytes}, sent);
  }
  // The node asks it on its own account, and it answers.
  void ask(const Endpoint& whom, std::string_view transaction_id = "aa") {
    step(core::DeadlinePassed(), {{whom, write_query({.transaction_id = transaction_id})}});
  }
  void verify(const CompactNode& node) {
    ask(node.endpoint);
    arrive(node.endpoint, answer("aa", node.id));
  }
  // kAsker is told of these nodes.
  void hand_out(const std::vector<CompactNode>& nodes) {
    arrive(kAsker.endpoint, long_query(), {{kAsker.endpoint, answer("q", {}, nodes)}});
  }
  static KrpcBytes long_query() {
    return write_query({.method = "find_node", .transaction_id = "q", .target = wire::NodeId{}});
  }

  Verdict verdict_;
  DhtOracle oracle_{verdict_};
  MonoTime now_{1h};
  uint64_t faults_before_ = 0;
};

TEST_F(DhtOracleTest, AllowsWhatAnHonestNodeDoes) {
  verify(kNeighbour);
  hand_out({kNeighbour});
  arrive(kAsker.endpoint, long_query(),
         {{kAsker.endpoint, write_query({})}, {kAsker.endpoint, answer("q", {})}});
  arrive(kAsker.endpoint, answer("unasked", {}));
  arrive(kAsker.endpoint, {'x'}, {{kAsker.endpoint, KrpcBytes(900, 'x')}});
  EXPECT_EQ(faults(), 0u) << verdict_.text();
  EXPECT_EQ(oracle_.answered(), 2u);
  EXPECT_EQ(oracle_.handed_out(), 1u);
}

TEST_F(DhtOracleTest, CountsThoseHandedOutThatLive) {
  oracle_.set_truth([](const Endpoint& endpoint) { return endpoint == kNeighbour.endpoint; });
  const CompactNode dead = contact(0x17000001);
  verify(kNeighbour);
  verify(dead);
  hand_out({kNeighbour, dead});
  EXPECT_EQ(faults(), 0u) << verdict_.text();
  EXPECT_EQ(oracle_.handed_out(), 2u);
  EXPECT_EQ(oracle_.handed_out_alive(), 1u);
}

TEST_F(DhtOracleTest, ReportsAnAnswerToAnotherOrTwoOrToNoQuery) {
  arrive(kAsker.endpoint, long_query(), {{kNeighbour.endpoint, answer("q", {})}});
  EXPECT_EQ(faults(), 1u);
  const Endpoint other_port{kAsker.endpoint.address, 1};
  arrive(kAsker.endpoint, long_query(), {{other_port, answer("q", {})}});
  EXPECT_EQ(faults(), 1u);
  arrive(kAsker.endpoint, long_query(),
         {{kAsker.endpoint, answer("q", {})}, {kAsker.endpoint, answer("q", {})}});
  EXPECT_EQ(faults(), 1u);
  step(core::DeadlinePassed(), {{kAsker.endpoint, answer("q", {})}});
  EXPECT_EQ(faults(), 1u);
  arrive(kAsker.endpoint, answer("aa", {}), {{kAsker.endpoint, answer("q", {})}});
  EXPECT_EQ(faults(), 1u);
  arrive(kAsker.endpoint, long_query(), {{kAsker.endpoint, {'d', 'x'}}});
  EXPECT_EQ(faults(), 1u);
}

TEST_F(DhtOracleTest, ReportsMoreThanThreeTimesTheBytesToWhoHasProvenNothing) {
  const KrpcBytes query = long_query();
  const size_t room = 3 * query.size();
  const auto answer_of = [](size_t size) {
    const size_t bare = answer("q", {}, {}, std::string(100, 't')).size() - 100;
    return answer("q", {}, {}, std::string(size - bare, 't'));
  };
  arrive(kAsker.endpoint, query, {{kAsker.endpoint, answer_of(room)}});
  EXPECT_EQ(faults(), 0u) << verdict_.text();
  arrive(kAsker.endpoint, query, {{kAsker.endpoint, answer_of(room + 1)}});
  EXPECT_EQ(faults(), 1u);
  arrive(kAsker.endpoint, query,
         {{kAsker.endpoint, write_query({})}, {kAsker.endpoint, answer_of(room - 10)}});
  EXPECT_EQ(faults(), 1u) << "the ping counts";

  // Whoever answers has proven its address, for half an hour.
  arrive(kAsker.endpoint, answer("aa", kAsker.id));
  arrive(kAsker.endpoint, query, {{kAsker.endpoint, answer_of(room + 1)}});
  EXPECT_EQ(faults(), 0u) << verdict_.text();
  pass(DhtOracle::kProvenFor + 2min);
  arrive(kAsker.endpoint, query, {{kAsker.endpoint, answer_of(room + 1)}});
  EXPECT_EQ(faults(), 1u);
}

TEST_F(DhtOracleTest, TakesATokenForAProofOnlyWhereItWasSent) {
  const auto announce = [](std::string_view token) {
    return write_query(
        {.method = "announce_peer", .id = {}, .target = wire::NodeId{}, .token = token});
  };
  const KrpcBytes large = answer("aa", {}, {}, std::string(900, 't'));
  arrive(kAsker.endpoint, long_query(), {{kAsker.endpoint, answer("q", {}, {}, "tok")}});
  arrive(kNeighbour.endpoint, announce("tok"), {{kNeighbour.endpoint, large}});
  EXPECT_EQ(faults(), 1u) << "it is another's";
  arrive(kAsker.endpoint, announce("kot"), {{kAsker.endpoint, large}});
  EXPECT_EQ(faults(), 1u);
  arrive(kAsker.endpoint, long_query(), {{kAsker.endpoint, answer("q", {}, {}, "tok")}});
  arrive(kAsker.endpoint, announce("tok"), {{kAsker.endpoint, large}});
  EXPECT_EQ(faults(), 0u) << verdict_.text();
  oracle_.forget();
  arrive(kAsker.endpoint, announce("tok"), {{kAsker.endpoint, large}});
  EXPECT_EQ(faults(), 1u);
}

TEST_F(DhtOracleTest, ReportsWhoIsHandedOutAndMustNotBe) {
  const CompactNode stale = contact(0x17000001);
  verify(stale);
  pass(DhtOracle::kFreshFor + 2s);
  verify(kNeighbour);
  hand_out({kNeighbour});
  EXPECT_EQ(faults(), 0u) << verdict_.text();

  CompactNode other_id = contact(0x16000001, 6881, 1);
  CompactNode other_port = kNeighbour;
  other_port.endpoint.port = 6882;
  CompactNode unanswered = contact(0x18000001);
  ask(unanswered.endpoint);
  CompactNode wrong = contact(0x19000001);
  arrive(wrong.endpoint, answer("aa", wrong.id));  // Nobody has asked it.
  CompactNode late = contact(0x1a000001);
  ask(late.endpoint);
  pass(DhtOracle::kAnswerWithin + 1s);
  arrive(late.endpoint, answer("aa", late.id));
  CompactNode bad_id = contact(0x1b000001);
  bad_id.id[0] ^= 0x80;
  verify(bad_id);
  CompactNode read_only = contact(0x1c000001);
  verify(read_only);
  arrive(read_only.endpoint, write_query({.is_read_only = true}));
  for (const CompactNode& node :
       {stale, other_id, other_port, unanswered, wrong, late, bad_id, read_only}) {
    hand_out({node});
    EXPECT_EQ(faults(), 1u) << node.endpoint.text();
  }
  for (const char* const text :
       {"10.0.0.1", "127.0.0.1", "192.168.3.4", "172.31.0.1", "100.127.0.1", "169.254.1.1",
        "0.1.2.3", "224.0.0.1", "255.1.1.1", "fe80::1", "fd00::1", "2001:db8::1", "::1"}) {
    const IpAddress address = *IpAddress::parse(text);
    const CompactNode nowhere{wire::conforming_node_id(address, {}), {address, 1}};
    verify(nowhere);
    hand_out({nowhere});
    EXPECT_EQ(faults(), 1u) << text;
  }
  for (const char* const text : {"100.128.0.1", "172.32.0.1", "172.15.0.1", "2a00::1", "9.9.9.9"}) {
    const IpAddress address = *IpAddress::parse(text);
    const CompactNode somewhere{wire::conforming_node_id(address, {}), {address, 1}};
    verify(somewhere);
    hand_out({somewhere});
    EXPECT_EQ(faults(), 0u) << text << verdict_.text();
  }
}

TEST_F(DhtOracleTest, ReportsAVictimThatIsAskedOverAndOver) {
  const IpAddress victim = IpAddress::v4(0x17000001);
  for (uint16_t port = 1; port <= DhtOracle::kUnaskedPerHourMax; ++port) {
    ask({victim, port});
    pass(1s);
  }
  EXPECT_EQ(oracle_.unasked_max(), DhtOracle::kUnaskedPerHourMax);
  EXPECT_EQ(faults(), 0u) << verdict_.text();
  pass(10min);
  ask({victim, 999});
  EXPECT_EQ(faults(), 1u);
  pass(2h);
  ask({victim, 999});
  EXPECT_EQ(faults(), 0u);
  for (int i = 0; i < 100; ++i) {  // It lives, and is asked as often as the node likes.
    verify(kNeighbour);
    pass(1s);
  }
  EXPECT_EQ(faults(), 0u) << verdict_.text();
}

TEST_F(DhtOracleTest, ReportsAPrefixWithMoreThanItsShareOfTheRing) {
  core::dht::ContactRing ring({.v4_contacts = 800, .v6_contacts = 8}, {});
  for (uint32_t i = 0; i < 300; ++i) {
    (void)ring.admit(now_, contact(0x15000001 + (i / 3 << 8) + i % 3));
  }
  EXPECT_GE(ring.size(core::dht::Family::kV4), 150u);
  oracle_.check_ring(now_, ring);
  EXPECT_EQ(faults(), 0u) << verdict_.text();
  const std::vector<IpAddress> three = {IpAddress::v4(0x15000001), IpAddress::v4(0x15000002),
                                        IpAddress::v4(0x15000003)};
  oracle_.check_ring(now_, three);
  EXPECT_EQ(faults(), 1u);
  oracle_.check_ring(now_, {three[0], three[1], three[0]});
  EXPECT_EQ(faults(), 2u) << "twice, and one too many";
  oracle_.check_ring(now_,
                     {IpAddress(0x2a00'0000'0001'0000, 1), IpAddress(0x2a00'0000'0001'0001, 1),
                      IpAddress(0x2a00'0000'0001'0002, 1)});
  EXPECT_EQ(faults(), 1u);
  oracle_.check_ring(now_,
                     {IpAddress(0x2a00'0000'0001'0000, 1), IpAddress(0x2a00'0000'0002'0001, 1),
                      IpAddress(0x2a00'0000'0003'0002, 1)});
  EXPECT_EQ(faults(), 0u);
}

TEST_F(DhtOracleTest, JudgesWhatTheOracleOfRepliesLeavesToIt) {
  ReplyOracle replies(verdict_, {kNode.address});
  const KrpcBytes ping = write_query({});
  const core::Action actions[] = {datagram(kAsker.endpoint, ping),
                                  datagram(kNeighbour.endpoint, ping)};
  replies.check(now_, core::DeadlinePassed(), actions);
  EXPECT_EQ(faults(), 0u) << verdict_.text();
  const KrpcBytes other = {'x'};
  const core::Action not_of_the_dht[] = {datagram(kAsker.endpoint, other)};
  replies.check(now_, core::DeadlinePassed(), not_of_the_dht);
  EXPECT_EQ(faults(), 1u);
}

}  // namespace
}  // namespace roost::sim
