// SPDX-License-Identifier: MIT
//
// Goal: our questions say who we are, leave from where we are, and are understood.
#include "core/dht/own_query.h"

#include <gtest/gtest.h>

namespace roost::core::dht {
namespace {

TEST(OwnQuery, IsSentAsWhatItIs) {
  const Home home{3, LocalEnd{*Endpoint::parse("0.0.0.0:3478"), 0}, wire::NodeId{0x11}};
  const Endpoint to = *Endpoint::parse("8.8.4.4:6881");
  Outbox out;
  wire::KrpcQuery query;
  query.method = wire::KrpcMethod::kFindNode;
  query.target = {0x22};
  send_query(home, true, as_bytes("abcd"), query, to, out, Grade::kUnproven);
  ASSERT_EQ(1u, out.actions().size());
  const auto& sent = std::get<SendDatagram>(out.actions()[0]);
  EXPECT_EQ(3, sent.from);
  EXPECT_EQ(to, sent.to);
  EXPECT_EQ(Grade::kUnproven, sent.grade);
  const auto message = wire::parse_krpc(sent.payload);
  ASSERT_TRUE(message);
  EXPECT_EQ(wire::KrpcKind::kQuery, message->kind);
  EXPECT_TRUE(message->head.is_read_only);
  EXPECT_EQ("abcd", as_text(message->head.transaction_id));
  EXPECT_TRUE(same_bytes(kVersion, message->head.version));
  const auto parsed = parse_query(*message);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(home.id, parsed->id);
  EXPECT_EQ(wire::NodeId{0x22}, parsed->target);
}

}  // namespace
}  // namespace roost::core::dht
