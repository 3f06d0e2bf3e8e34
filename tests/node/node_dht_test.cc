// SPDX-License-Identifier: MIT
//
// Goal: the node serves the DHT on its port, pays for it, and says what it does.
// Method: queries by hand, and what comes out.
#include <gtest/gtest.h>

#include "base/crypto_hash.h"
#include "node/node.h"

namespace roost::node {
namespace {

using namespace std::chrono_literals;

const Endpoint kLocal{IpAddress::v4(0x0b000002), 3478};
const Endpoint kClient{IpAddress::v4(0x08080404), 6881};
constexpr std::string_view kPing = "d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe";

class NodeDhtTest : public testing::Test {
 protected:
  Node make(const Config& config = Config()) { return Node(config, {kLocal}, key_, random_, now_); }

  size_t step(Node& node, const core::Input& input) {
    out_.clear();
    node.step(now_, input, out_);
    return out_.actions().size();
  }
  static core::DatagramArrived datagram(std::string_view payload, const Endpoint& from = kClient) {
    return {0, {kLocal, 0}, from, as_bytes(payload)};
  }

  const SigningKey key_{SigningKey::Seed{}};
  SeededRandom random_{1};
  Now now_{MonoTime(1h), kWallTimeMin};
  core::Outbox out_;
};

TEST_F(NodeDhtTest, AnswersAndPays) {
  Node node = make();
  ASSERT_EQ(2u, step(node, datagram(kPing)));  // Its own ping, and the answer.
  uint64_t bytes = 0;
  for (const core::Action& action : out_.actions()) {
    const auto& sent = std::get<core::SendDatagram>(action);
    EXPECT_EQ(kClient, sent.to);
    bytes += sent.payload.size();
  }
  EXPECT_LE(bytes, 3 * kPing.size());
  EXPECT_EQ(bytes + 2 * Budget::kHeaderBytes, node.budget().bytes_sent());
}

TEST_F(NodeDhtTest, IsSilentWhereItIsOffOrThePrefixOrTheMonthIsUsedUp) {
  Config config;
  config.dht.enabled = false;
  Node off = make(config);
  EXPECT_EQ(0u, step(off, datagram(kPing)));
  EXPECT_EQ(1u, off.stats().drops[static_cast<size_t>(Node::Drop::kNotServed)]);
  EXPECT_EQ(nullptr, off.dht());

  config = Config();
  config.admission.packets_per_second_per_prefix = 1;
  Node limited = make(config);
  EXPECT_EQ(2u, step(limited, datagram(kPing)));
  EXPECT_EQ(2u, step(limited, datagram(kPing)));  // A burst of two seconds.
  EXPECT_EQ(0u, step(limited, datagram(kPing)));

  config = Config();
  config.donate.monthly_bytes = 80;
  Node poor = make(config);
  EXPECT_EQ(0u, step(poor, datagram(kPing)));
}

TEST_F(NodeDhtTest, AsksForTheNamesWhenItsTimeHasCome) {
  Node node = make();
  for (int i = 0; i < 100; ++i) {
    const auto deadline = node.next_deadline();
    ASSERT_TRUE(deadline);
    now_.mono = std::max(now_.mono, *deadline);
    step(node, core::DeadlinePassed());
    for (const core::Action& action : out_.actions()) {
      if (!std::holds_alternative<core::ResolveNames>(action)) continue;
      EXPECT_GE(now_.mono, MonoTime(1h + core::dht::Server::kNamesAfter));
      const Endpoint found[] = {kClient};
      EXPECT_EQ(1u, step(node, core::NamesResolved{found}));
      return;
    }
  }
  FAIL() << "it has not";
}

TEST_F(NodeDhtTest, GivesItsRecordUnderTheInfohashOfItsNetwork) {
  Config config;
  config.node.role = RoleChoice::kSupernode;
  config.node.external_addresses = {IpAddress::v4(0x05060708)};
  Node node = make(config);
  step(node, core::DeadlinePassed());
  node.dht()->verifier().prove(now_.mono, kClient.address);
  std::array<uint8_t, wire::kKrpcSizeMax> buffer;
  wire::KrpcQuery query;
  query.method = wire::KrpcMethod::kGet;
  query.target = sha1(as_bytes("roost supernode v1main"));
  const Bytes asked = encode(wire::KrpcHead{.transaction_id = as_bytes("aa")}, query, buffer);
  ASSERT_EQ(1u, step(node, {datagram(as_text(asked))}));
  const auto message = wire::parse_krpc(std::get<core::SendDatagram>(out_.actions()[0]).payload);
  ASSERT_TRUE(message && message->kind == wire::KrpcKind::kResponse);
  const auto response = parse_response(*message);
  EXPECT_EQ(node.public_key(), response->key);
  EXPECT_FALSE(response->value.empty());
}

}  // namespace
}  // namespace roost::node
