// SPDX-License-Identifier: MIT
//
// Goal: who speaks DTLS is admitted and paid for like everybody else, and what comes over DTLS is
// served as datagrams are. Method: a node, ClientHellos made byte by byte, and what comes out.
#include <gtest/gtest.h>

#include "node/node.h"
#include "raw_dtls.h"

namespace roost::node {
namespace {

using namespace std::chrono_literals;

constexpr Endpoint kClient{IpAddress::v4(0x0b000001), 5000};
constexpr Endpoint kLocal{IpAddress::v4(0x0b000002), 3478};
constexpr core::StreamId kAssociation{77};

class NodeDtls : public testing::Test {
 protected:
  void start(const Config& config = Config()) {
    node_.emplace(config, std::vector<Endpoint>{kLocal}, key_, random_, now_);
  }
  size_t step(const core::Input& input) {
    out_.clear();
    node_->step(now_, input, out_);
    node_->check_invariants();
    return out_.actions().size();
  }
  size_t datagram(const std::string& payload, const Endpoint& from = kClient) {
    kept_ = payload;
    return step(core::DatagramArrived{0, {kLocal, 0}, from, as_bytes(kept_)});
  }
  size_t message(const std::string& payload, core::Transport transport = core::Transport::kDtls) {
    kept_ = payload;
    return step(
        core::MessageArrived{kAssociation, transport, {kLocal, 0}, kClient, as_bytes(kept_)});
  }
  template <typename Action>
  const Action* only() const {
    return out_.actions().size() == 1 ? std::get_if<Action>(&out_.actions()[0]) : nullptr;
  }
  uint64_t drops(Node::Drop why) const { return node_->stats().drops[static_cast<size_t>(why)]; }

  const SigningKey key_{SigningKey::Seed{}};
  SeededRandom random_{1};
  Now now_{MonoTime(1h), kWallTimeMin};
  core::Outbox out_;
  std::optional<Node> node_;
  std::string kept_;
  const std::string request_{"\0\1\0\0\x21\x12\xa4\x42transactioni", 20};
};

TEST_F(NodeDtls, AsksForACookieAndPaysForTheQuestion) {
  start();
  datagram(raw_client_hello());
  const auto* const send = only<core::SendDatagram>();
  ASSERT_NE(send, nullptr);
  EXPECT_EQ(send->to, kClient);
  EXPECT_EQ(node_->budget().bytes_sent(), send->payload.size() + Budget::kHeaderBytes);
  const std::string cookie = raw_cookie_of(std::string(as_text(send->payload)));
  datagram(raw_client_hello({.message_sequence = 1, .cookie = cookie}));
  EXPECT_NE(only<core::AcceptDtls>(), nullptr);
}

TEST_F(NodeDtls, AsksNobodyWhomItWouldNotAnswer) {
  Config config;
  config.admission.packets_per_second_per_prefix = 1;
  start(config);
  EXPECT_EQ(1u, datagram(raw_client_hello()));
  EXPECT_EQ(1u, datagram(raw_client_hello()));
  EXPECT_EQ(0u, datagram(raw_client_hello()));
  EXPECT_EQ(1u, drops(Node::Drop::kAdmission));
  EXPECT_EQ(0u, datagram(raw_client_hello(), {kClient.address, 0}));

  config = {};
  config.donate.monthly_bytes = 63;  // A cookie costs 64.
  start(config);
  EXPECT_EQ(0u, datagram(raw_client_hello()));

  config = {};
  config.stun.enabled = false;
  start(config);
  EXPECT_EQ(1u, datagram(raw_client_hello()));  // There is still the relay.
  config.relay.enabled = false;
  start(config);
  EXPECT_EQ(0u, datagram(raw_client_hello()));
  EXPECT_EQ(1u, drops(Node::Drop::kNotServed));
}

TEST_F(NodeDtls, CountsAssociationsAsConnections) {
  Config config;
  config.donate.connections = 1;
  start(config);
  EXPECT_EQ(0u, step(core::StreamOpened{kAssociation, kClient}));
  EXPECT_EQ(1u, step(core::StreamOpened{core::StreamId{1}, kClient}));
  EXPECT_EQ(0u, step(core::StreamClosed{kAssociation, kClient}));
  EXPECT_EQ(0u, step(core::StreamOpened{core::StreamId{2}, kClient}));
}

TEST_F(NodeDtls, AnswersInTheAssociation) {
  start();
  ASSERT_EQ(1u, message(request_));
  ASSERT_NE(only<core::SendMessage>(), nullptr);
  EXPECT_EQ(only<core::SendMessage>()->stream, kAssociation);
  EXPECT_EQ(node_->stun_stats().successes[static_cast<size_t>(core::Transport::kDtls)], 1u);
  EXPECT_EQ(node_->stats().received[static_cast<size_t>(core::Transport::kDtls)], 1u);
}

// Over TCP the same ends the connection, because a client would wait for ever.
TEST_F(NodeDtls, LeavesOutWhatItDoesNotAnswerAndKeepsTheAssociation) {
  Config config;
  config.admission.packets_per_second_per_prefix = 1;
  start(config);
  EXPECT_EQ(0u, message("@channel"));
  EXPECT_EQ(1u, drops(Node::Drop::kNotServed));
  EXPECT_EQ(1u, message("@channel", core::Transport::kTls));
  EXPECT_NE(only<core::RefuseStream>(), nullptr);
  EXPECT_EQ(0u, message(request_));
  EXPECT_EQ(1u, drops(Node::Drop::kAdmission));
  now_.mono += 10s;
  EXPECT_EQ(1u, message(request_));
}

TEST_F(NodeDtls, CountsTheHeadersOfEachDatagramOfAnAssociation) {
  start();
  step(core::StreamBytesSent{core::Transport::kDtls, 1000, 3});
  EXPECT_EQ(node_->budget().bytes_sent(), 1000 + 3 * Budget::kHeaderBytes);
  EXPECT_EQ(node_->stats().datagrams_sent, 3u);
  EXPECT_EQ(node_->stats().sent_bytes[static_cast<size_t>(core::Transport::kDtls)], 1000u);
}

}  // namespace
}  // namespace roost::node
