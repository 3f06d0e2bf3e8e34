// SPDX-License-Identifier: MIT
//
// Goal: each input is admitted, told apart, served and paid for.
// Method: a node, inputs by hand, and what comes out.
#include "node/node.h"

#include <gtest/gtest.h>

namespace roost::node {
namespace {

using namespace std::chrono_literals;

constexpr Endpoint kClient{IpAddress::v4(0x0b000001), 5000};
constexpr Endpoint kLocal{IpAddress::v4(0x0b000002), 3478};

class NodeTest : public testing::Test {
 protected:
  Node make(const Config& config = Config()) { return Node(config, {kLocal}, key_, random_, now_); }

  size_t step(Node& node, const core::Input& input) {
    out_.clear();
    node.step(now_, input, out_);
    node.check_invariants();
    return out_.actions().size();
  }

  static core::DatagramArrived datagram(Bytes payload, const Endpoint& from = kClient) {
    return {0, {kLocal, 0}, from, payload};
  }

  uint16_t status(Node& node, core::HttpMethod method, std::string_view path) {
    return status(node, {core::RequestId{1}, kClient, method, path, {}});
  }
  uint16_t status(Node& node, const core::HttpRequestArrived& request) {
    EXPECT_EQ(1u, step(node, request));
    return std::get<core::HttpReply>(out_.actions()[0]).status;
  }

  static core::HttpRequestArrived ask_for_credentials(
      core::HttpMethod method = core::HttpMethod::kGet, std::string_view authorization = {}) {
    return {core::RequestId{1}, kClient, method, "/v1/turn", {}, {}, "a.example", authorization};
  }

  static uint64_t drops(const Node& node, Node::Drop why) {
    return node.stats().drops[static_cast<size_t>(why)];
  }

  const SigningKey key_{SigningKey::Seed{}};
  SeededRandom random_{1};
  Now now_{MonoTime(1h), kWallTimeMin};
  core::Outbox out_;
  const std::vector<uint8_t> request_{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1,  2,
                                      3, 4, 5, 6, 7,    8,    9,    10,   11, 12};
};

TEST_F(NodeTest, AnswersABindingRequestToItsSender) {
  Node node = make();
  ASSERT_EQ(1u, step(node, datagram(request_)));
  const auto& send = std::get<core::SendDatagram>(out_.actions()[0]);
  EXPECT_EQ(kClient, send.to);
  EXPECT_EQ(32u, send.payload.size());
  EXPECT_EQ(32 + Budget::kHeaderBytes, node.budget().bytes_sent());
}

TEST_F(NodeTest, CountsEachReasonToDrop) {
  Config config;
  config.admission.packets_per_second_per_prefix = 2;
  config.dht.enabled = false;
  Node node = make(config);
  EXPECT_EQ(0u, step(node, datagram(request_, {kClient.address, 0})));
  EXPECT_EQ(0u, step(node, datagram(as_bytes("\xff"))));
  for (const std::string_view kind : {"d1:", "@channel"}) {
    EXPECT_EQ(0u, step(node, datagram(as_bytes(kind))));
  }
  EXPECT_EQ(0u, step(node, datagram(as_bytes("\x16no hello"))));
  EXPECT_EQ(0u, step(node, datagram(request_)));
  EXPECT_EQ(1u, drops(node, Node::Drop::kPortZero));
  EXPECT_EQ(1u, drops(node, Node::Drop::kUnknownKind));
  EXPECT_EQ(2u, drops(node, Node::Drop::kNotServed));
  EXPECT_EQ(1u, drops(node, Node::Drop::kAdmission));
}

TEST_F(NodeTest, FallsSilentWhenTheDonationIsUsedUp) {
  Config config;
  config.donate.monthly_bytes = 70;
  Node node = make(config);
  EXPECT_EQ(1u, step(node, datagram(request_)));
  EXPECT_EQ(0u, step(node, datagram(request_)));
  EXPECT_EQ(1u, node.budget().refusals(Budget::Refusal::kMonthly));
  step(node, core::StreamBytesSent{core::Transport::kTcp, 100});
  ASSERT_EQ(1u, step(node, core::StreamOpened{core::StreamId{1}, kClient}));
  EXPECT_TRUE(std::holds_alternative<core::RefuseStream>(out_.actions()[0]));
  EXPECT_EQ(503, status(node, core::HttpMethod::kGet, "/v1/node"));
}

// Each reply costs, so none but the first may be drawn from a connection while nothing is left; not
// even the one that says "too many requests".
TEST_F(NodeTest, EndsTheConnectionWhereNothingIsLeftToPayAReplyWith) {
  Config config;
  config.donate.monthly_bytes = 2100;  // Room for one reply of any size, and not for a second.
  config.admission.packets_per_second_per_prefix = 1;
  Node node = make(config);
  EXPECT_EQ(404, status(node, core::HttpMethod::kGet, "/x"));
  EXPECT_FALSE(std::get<core::HttpReply>(out_.actions()[0]).closes);
  step(node, core::StreamBytesSent{core::Transport::kTcp, 100});
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(503, status(node, core::HttpMethod::kGet, "/x"));
    EXPECT_TRUE(std::get<core::HttpReply>(out_.actions()[0]).closes);
  }
}

TEST_F(NodeTest, CountsConnectionsInAndOut) {
  Config config;
  config.admission.connections_per_prefix = 1;
  Node node = make(config);
  EXPECT_EQ(0u, step(node, core::StreamOpened{core::StreamId{1}, kClient}));
  EXPECT_EQ(1u, step(node, core::StreamOpened{core::StreamId{2}, kClient}));
  EXPECT_EQ(0u, step(node, core::StreamClosed{core::StreamId{1}, kClient}));
  EXPECT_EQ(0u, step(node, core::StreamOpened{core::StreamId{3}, kClient}));
}

TEST_F(NodeTest, OpensNoMoreConnectionsASecondThanAPrefixMaySendPackets) {
  Config config;
  config.admission.packets_per_second_per_prefix = 2;  // And a burst of two seconds.
  config.admission.connections_per_prefix = 100;
  Node node = make(config);
  size_t refused = 0;
  for (uint64_t i = 1; i <= 10; ++i) {
    refused += step(node, core::StreamOpened{core::StreamId{i}, kClient});
  }
  EXPECT_EQ(6u, refused);
  EXPECT_EQ(6u, node.stats().drops[static_cast<size_t>(Node::Drop::kAdmission)]);
}

TEST_F(NodeTest, AnswersHttp) {
  Node node = make();
  EXPECT_EQ(200, status(node, core::HttpMethod::kGet, "/v1/node"));
  EXPECT_EQ(405, status(node, core::HttpMethod::kPost, "/v1/node"));
  EXPECT_EQ(404, status(node, core::HttpMethod::kGet, "/"));
  now_.wall.reset();
  EXPECT_EQ(503, status(node, core::HttpMethod::kGet, "/v1/node"));
}

// ---- GET /v1/turn.

TEST_F(NodeTest, GivesOutCredentialsOfItsRelay) {
  Node node = make();
  EXPECT_EQ(200, status(node, ask_for_credentials()));
  EXPECT_EQ(204, status(node, ask_for_credentials(core::HttpMethod::kOptions)));
  EXPECT_EQ(405, status(node, ask_for_credentials(core::HttpMethod::kPost)));
  EXPECT_EQ(404, status(node, core::HttpMethod::kGet, "/v1/turn/"));
  EXPECT_EQ(401, status(node, ask_for_credentials(core::HttpMethod::kGet, "Bearer nobody's")));

  const Sha256Digest hash = sha256(as_bytes("token"));
  core::turn::Grant grant;
  grant.token_hash = hash;
  grant.id = load_u64(hash.data());
  node.set_grants({grant}, now_);
  ASSERT_EQ(1u, node.grants()->all().size());
  EXPECT_EQ(200, status(node, ask_for_credentials(core::HttpMethod::kGet, "Bearer token")));
  node.set_grants({}, now_);
  EXPECT_EQ(401, status(node, ask_for_credentials(core::HttpMethod::kGet, "Bearer token")));

  Config without_strangers;
  without_strangers.relay.stranger_allocations = 0;
  node.reload(without_strangers, now_);
  EXPECT_EQ(401, status(node, ask_for_credentials()));
  now_.wall.reset();
  EXPECT_EQ(503, status(node, ask_for_credentials()));
}

TEST_F(NodeTest, GivesOutNoCredentialsTowardsTheEndOfTheMonth) {
  Config config;
  config.donate.monthly_bytes = 1'000'000;
  Node node = make(config);
  EXPECT_EQ(200, status(node, ask_for_credentials()));
  step(node, core::StreamBytesSent{core::Transport::kTcp, 990'000});
  ASSERT_FALSE(node.budget().is_month_young());
  EXPECT_EQ(503, status(node, ask_for_credentials()));
  EXPECT_EQ(404, status(node, core::HttpMethod::kGet, "/x"));
}

TEST_F(NodeTest, HasNoCredentialsWhereItDoesNotRelay) {
  Config config;
  config.relay.enabled = false;
  Node node = make(config);
  EXPECT_EQ(404, status(node, ask_for_credentials()));
  EXPECT_EQ(404, status(node, ask_for_credentials(core::HttpMethod::kOptions)));
  node.set_grants({}, now_);
  EXPECT_EQ(nullptr, node.grants());
}

// Of a user name and the password, whether this node would have made it.
TEST_F(NodeTest, MintsUnderASecretThatOutlivesTheProcess) {
  const auto is_minted_by = [&](const SigningKey& key, std::string_view json) {
    const auto text = [&](std::string_view name) {
      const size_t begin = json.find(name) + name.size() + 3;
      return std::string(json.substr(begin, json.find('"', begin) - begin));
    };
    const auto secret = sha256(key.sign(as_bytes("roost: the secret of minted TURN credentials")));
    return core::turn::Minter(secret).password(text("username")) == text("password");
  };
  const SigningKey other{SigningKey::Seed(std::array<uint8_t, 32>{1})};
  for (const uint64_t seed : {1, 2}) {
    SeededRandom random{seed};
    Node node(Config(), {kLocal}, key_, random, now_);
    node.reload(Config(), now_);
    ASSERT_EQ(200, status(node, ask_for_credentials()));
    const auto& reply = std::get<core::HttpReply>(out_.actions()[0]);
    EXPECT_TRUE(is_minted_by(key_, as_text(reply.body)));
    EXPECT_FALSE(is_minted_by(other, as_text(reply.body)));
  }
}

}  // namespace
}  // namespace roost::node
