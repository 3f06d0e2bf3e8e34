// SPDX-License-Identifier: MIT
//
// Goal: the oracles read what clients say and hear as it is meant, and nothing into what is none.
// Method: messages built by the codec that the daemon uses, read by the other one.
#include "sim/client_message.h"

#include <gtest/gtest.h>

#include "wire/stun_builder.h"

namespace roost::sim {
namespace {

using wire::StunAttribute;

constexpr TransactionId kId = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
const Endpoint kV4{IpAddress::v4(0x14000001), 4000};
const Endpoint kV6{{0x2a00'0000'0000'0100, 1}, 6000};

class ClientMessageTest : public testing::Test {
 protected:
  Bytes connect() {
    wire::StunBuilder builder(buffer_, wire::StunClass::kRequest, wire::StunMethod::kConnect, kId);
    builder.add(StunAttribute::kUsername, as_bytes("me"));
    builder.add_u32(StunAttribute::kLifetime, 600);
    builder.add_xor_address(StunAttribute::kXorPeerAddress, kV4);
    builder.add_xor_address(StunAttribute::kXorPeerAddress, kV6);
    return builder.finish();
  }
  std::array<uint8_t, 256> buffer_;
};

TEST_F(ClientMessageTest, IsReadByteByByte) {
  const ClientMessage message{{}, connect()};
  EXPECT_EQ(message.type(), ClientMessage::kConnect);
  EXPECT_EQ(message.transaction_id(), kId);
  EXPECT_EQ(message.user(), "me");
  EXPECT_EQ(message.number(0x000d), 600u);
  EXPECT_EQ(message.endpoints(0x0012), (std::vector<Endpoint>{kV4, kV6}));
  EXPECT_FALSE(message.attribute(0x0022));
}

TEST_F(ClientMessageTest, OfWhatIsNoneSaysNothing) {
  const ClientMessage none{{}, connect().first(19)};
  EXPECT_EQ(none.type(), 0);
  EXPECT_EQ(none.user(), "");
  EXPECT_TRUE(none.endpoints(0x0012).empty());
  // The last attribute is cut.
  const ClientMessage cut{{}, connect().first(connect().size() - 1)};
  EXPECT_EQ(cut.endpoints(0x0012), std::vector<Endpoint>{kV4});
}

TEST_F(ClientMessageTest, TellsWhoseItIs) {
  const Bytes bytes = connect();
  const core::Input datagram = core::DatagramArrived{0, {kV6, 0}, kV4, bytes};
  EXPECT_EQ(ClientMessage::of(datagram)->client, (ClientEnd{kV4, kV6, {}}));
  const core::StreamId stream{7};
  const core::Input message =
      core::MessageArrived{stream, core::Transport::kTcp, {kV6, 0}, kV4, bytes};
  EXPECT_EQ(ClientMessage::of(message)->client, (ClientEnd{{}, {}, stream}));
  EXPECT_FALSE(ClientMessage::of(core::Input(core::DeadlinePassed{})));
  const core::Action send = core::SendDatagram{0, {kV6, 0}, kV4, bytes};
  EXPECT_EQ(ClientMessage::of(send)->client, (ClientEnd{kV4, kV6, {}}));
  const core::Action answer = core::SendMessage{stream, bytes};
  EXPECT_EQ(ClientMessage::of(answer)->client, (ClientEnd{{}, {}, stream}));
  EXPECT_FALSE(ClientMessage::of(core::Action(core::Note{"nothing"})));
}

}  // namespace
}  // namespace roost::sim
