// SPDX-License-Identifier: MIT
//
// Goal: the swarm and the oracles speak the language of the DHT. Method: their own reader and
// writer against those of the daemon, which share no code with them, and against what is no
// message.
#include "sim/krpc_text.h"

#include <gtest/gtest.h>
#include <string>

#include "sim/dice.h"
#include "wire/krpc.h"

namespace roost::sim {
namespace {

constexpr wire::NodeId kId{1, 2, 3};
constexpr wire::NodeId kTarget{4, 5, 6};
const wire::CompactNode kNodes[] = {{{7}, {IpAddress::v4(0x14000001), 6881}},
                                    {{8}, {IpAddress(0x2a00'0000'0000'0001, 9), 513}},
                                    {{9}, {IpAddress::v4(0x15000001), 1}}};

TEST(KrpcText, WritesQueriesThatTheDaemonReads) {
  for (const std::string_view method : {"ping", "find_node", "get_peers", "announce_peer"}) {
    for (const bool is_read_only : {false, true}) {
      KrpcQuestion question{.method = method,
                            .transaction_id = "xyz",
                            .id = kId,
                            .is_read_only = is_read_only,
                            .token = "a token"};
      if (method != "ping") question.target = kTarget;
      const KrpcBytes bytes = write_query(question);
      const auto message = wire::parse_krpc(bytes);
      ASSERT_TRUE(message) << method;
      EXPECT_EQ(message->kind, wire::KrpcKind::kQuery);
      EXPECT_EQ(wire::label(message->method), method);
      EXPECT_EQ(as_text(message->head.transaction_id), "xyz");
      EXPECT_EQ(message->head.is_read_only, is_read_only);
      const auto query = wire::parse_query(*message);
      ASSERT_TRUE(query) << method << ' ' << as_text(bytes);
      EXPECT_EQ(query->id, kId);
      EXPECT_EQ(query->target, method == "ping" ? wire::NodeId{} : kTarget);
      EXPECT_EQ(as_text(query->token), method == "announce_peer" ? "a token" : "");

      const auto own = read_krpc(bytes);
      ASSERT_TRUE(own);
      EXPECT_EQ(own->kind, 'q');
      EXPECT_EQ(own->method, method);
      EXPECT_EQ(own->id, kId);
      EXPECT_EQ(own->target, question.target);
      EXPECT_EQ(own->is_read_only, is_read_only);
    }
  }
}

TEST(KrpcText, WritesAnswersThatTheDaemonReads) {
  const KrpcBytes bytes = write_answer({.transaction_id = "t",
                                        .id = kId,
                                        .nodes = kNodes,
                                        .token = "tok",
                                        .observed = kNodes[1].endpoint});
  const auto message = wire::parse_krpc(bytes);
  ASSERT_TRUE(message);
  const auto response = wire::parse_response(*message);
  ASSERT_TRUE(response);
  EXPECT_EQ(response->id, kId);
  EXPECT_EQ(as_text(response->token), "tok");
  EXPECT_EQ(message->head.observed, kNodes[1].endpoint);
  std::vector<wire::CompactNode> found;
  const auto add = [&found](const wire::CompactNode& node) { found.push_back(node); };
  wire::for_each_compact_node(response->nodes, wire::kCompactNodeV4Size, add);
  wire::for_each_compact_node(response->nodes6, wire::kCompactNodeV6Size, add);
  EXPECT_EQ(found, (std::vector{kNodes[0], kNodes[2], kNodes[1]}));
}

TEST(KrpcText, ReadsWhatTheDaemonWrites) {
  std::array<uint8_t, 1200> buffer;
  std::array<uint8_t, 2 * wire::kCompactNodeV4Size> nodes;
  Writer writer(nodes);
  wire::write_compact(writer, kNodes[0]);
  wire::write_compact(writer, kNodes[2]);
  const wire::KrpcHead head{.transaction_id = as_bytes("12345678"),
                            .version = as_bytes("ROST"),
                            .observed = kNodes[0].endpoint};
  const Bytes answer = wire::encode(
      head, wire::KrpcResponse{.id = kId, .nodes = nodes, .token = as_bytes("tok")}, buffer);
  const auto read = read_krpc(answer);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->kind, 'r');
  EXPECT_EQ(read->transaction_id, "12345678");
  EXPECT_EQ(read->id, kId);
  EXPECT_EQ(read->token, "tok");
  EXPECT_EQ(read->nodes, (std::vector{kNodes[0], kNodes[2]}));

  const Bytes error = wire::encode(head, wire::KrpcErrorCode::kProtocol, "no", buffer);
  ASSERT_TRUE(read_krpc(error));
  EXPECT_EQ(read_krpc(error)->kind, 'e');
}

TEST(KrpcText, ReadsNothingInWhatIsNoMessage) {
  const KrpcBytes whole = write_answer({.transaction_id = "t",
                                        .id = kId,
                                        .nodes = kNodes,
                                        .token = "tok",
                                        .observed = kNodes[1].endpoint});
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(read_krpc(Bytes(whole).first(size))) << size;
  }
  for (const std::string_view text :
       {"", "d", "de", "le", "d1:y1:qe1", "d1:y1:xe", "d1:y99999:qe", "d1:yi1ee", "ddddd",
        "d999999999999999999999:", "d1:y:e", "i5e", "1:q"}) {
    EXPECT_FALSE(read_krpc(as_bytes(text))) << text;
  }
  Dice dice(1);
  for (int i = 0; i < 10'000; ++i) {
    KrpcBytes changed = whole;
    for (uint64_t changes = dice.between(1, 4); changes > 0; --changes) {
      changed[dice.below(changed.size())] = static_cast<uint8_t>(dice.any());
    }
    const auto read = read_krpc(changed);
    EXPECT_LE(read ? read->nodes.size() : 0, changed.size() / 26);
  }
}

}  // namespace
}  // namespace roost::sim
