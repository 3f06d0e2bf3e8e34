// SPDX-License-Identifier: MIT
//
// Goal: the messages of the Mainline DHT are read as its clients write them, whatever is wrong with
// them is told apart, and ours are written byte for byte as the BEPs have them.
#include "wire/krpc.h"

#include <gtest/gtest.h>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace roost::wire {
namespace {

using namespace std::string_view_literals;

NodeId id_of(std::string_view text) {
  return *read_node_id(as_bytes(text));
}

const NodeId kQuerier = id_of("abcdefghij0123456789");
const NodeId kTarget = id_of("mnopqrstuvwxyz123456");

KrpcMessage message_of(std::string_view datagram) {
  auto message = parse_krpc(as_bytes(datagram));
  EXPECT_TRUE(message.has_value()) << datagram << ": " << label(message.error());
  return *message;
}

KrpcQuery query_of(std::string_view datagram) {
  auto query = parse_query(message_of(datagram));
  EXPECT_TRUE(query.has_value()) << datagram << ": " << label(query.error());
  return *query;
}

// The examples of BEP 5, which say what we write, too.
TEST(Krpc, ReadsAndWritesTheQueriesOfBep5) {
  struct Row {
    std::string_view datagram;
    KrpcQuery expect;
  };
  const Row kRows[] = {
      {"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe",
       {.method = KrpcMethod::kPing, .id = kQuerier}},
      {"d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa1:y1:"
       "qe",
       {.method = KrpcMethod::kFindNode, .id = kQuerier, .target = kTarget}},
      {"d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:"
       "y1:qe",
       {.method = KrpcMethod::kGetPeers, .id = kQuerier, .target = kTarget}},
      {"d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz1234564:porti6881e5:token8:"
       "aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe",
       {.method = KrpcMethod::kAnnouncePeer,
        .id = kQuerier,
        .target = kTarget,
        .port = 6881,
        .token = as_bytes("aoeusnth")}},
      {"d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q17:sample_infohashes1:"
       "t2:aa1:y1:qe",
       {.method = KrpcMethod::kSampleInfohashes, .id = kQuerier, .target = kTarget}},
  };
  for (const Row& row : kRows) {
    const KrpcMessage message = message_of(row.datagram);
    EXPECT_EQ(KrpcKind::kQuery, message.kind);
    EXPECT_EQ("aa", as_text(message.head.transaction_id));
    EXPECT_FALSE(message.head.is_read_only);
    const KrpcQuery query = query_of(row.datagram);
    EXPECT_EQ(row.expect.method, query.method);
    EXPECT_EQ(row.expect.id, query.id);
    EXPECT_EQ(row.expect.target, query.target);
    EXPECT_EQ(row.expect.port, query.port);
    EXPECT_EQ(as_text(row.expect.token), as_text(query.token));
    std::array<uint8_t, kKrpcSizeMax> buffer;
    EXPECT_EQ(row.datagram,
              as_text(encode(KrpcHead{.transaction_id = as_bytes("aa")}, row.expect, buffer)));
  }
}

TEST(Krpc, ReadsAndWritesTheAnswersOfBep5) {
  const std::string_view kPong = "d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:y1:re";
  const std::string_view kPeers =
      "d1:rd2:id20:abcdefghij01234567895:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee1:t2:aa1:y1:re";
  const KrpcHead head{.transaction_id = as_bytes("aa")};
  std::array<uint8_t, kKrpcSizeMax> buffer;

  const auto pong = parse_response(message_of(kPong));
  ASSERT_TRUE(pong);
  EXPECT_EQ(kTarget, pong->id);
  EXPECT_TRUE(pong->nodes.empty() && pong->token.empty() && pong->peers.empty());
  EXPECT_EQ(kPong, as_text(encode(head, *pong, buffer)));

  const auto peers = parse_response(message_of(kPeers));
  ASSERT_TRUE(peers);
  std::vector<std::string> found;
  for_each_peer(peers->peers, [&](const Endpoint& peer) { found.push_back(peer.text()); });
  EXPECT_EQ((std::vector<std::string>{"97.120.106.101:11893", "105.100.104.116:28269"}), found);
  EXPECT_EQ(kPeers, as_text(encode(head, *peers, buffer)));

  const std::vector<Endpoint> list = {*Endpoint::parse("97.120.106.101:11893"),
                                      *Endpoint::parse("105.100.104.116:28269")};
  EXPECT_EQ("l6:axje.u6:idhtnme", as_text(write_peers(list, buffer)));
}

// Each part by itself, short and long, and all together.
TEST(Krpc, KnowsTheSizeOfAnAnswerBeforeItIsWritten) {
  const std::array<uint8_t, 120> bytes{};
  const KrpcHead bare{.transaction_id = as_bytes("aa")};
  KrpcResponse all{.id = kTarget};
  std::vector<std::pair<KrpcHead, KrpcResponse>> rows;
  rows.emplace_back(bare, all);
  const auto add = [&](const auto& set) {
    KrpcResponse one{.id = kTarget};
    set(one);
    set(all);
    rows.emplace_back(bare, one);
    rows.emplace_back(bare, all);
  };
  add([&](KrpcResponse& response) { response.nodes = Bytes(bytes).first(26); });
  add([&](KrpcResponse& response) { response.nodes6 = Bytes(bytes).first(114); });
  add([&](KrpcResponse& response) { response.token = Bytes(bytes).first(9); });
  add([&](KrpcResponse& response) { response.token = Bytes(bytes).first(10); });
  add([&](KrpcResponse& response) { response.peers = as_bytes("l6:axje.ue"); });
  add([&](KrpcResponse& response) { response.value = as_bytes("i1e"); });
  add([&](KrpcResponse& response) { response.key.emplace(); });
  add([&](KrpcResponse& response) { response.signature.emplace(); });
  add([&](KrpcResponse& response) { response.seq = 0; });
  add([&](KrpcResponse& response) { response.seq = std::numeric_limits<int64_t>::max(); });
  add([&](KrpcResponse& response) { response.interval = -10; });
  add([&](KrpcResponse& response) { response.stored_count = 100; });
  add([&](KrpcResponse& response) { response.samples = Bytes(); });
  add([&](KrpcResponse& response) { response.samples = Bytes(bytes).first(100); });
  for (const std::string_view observed : {"192.0.2.1:1", "[2001:db8::1]:1"}) {
    rows.emplace_back(KrpcHead{.transaction_id = as_bytes("0123456789"),
                               .version = as_bytes("RO01"),
                               .observed = Endpoint::parse(observed)},
                      all);
  }
  for (const auto& [head, response] : rows) {
    std::array<uint8_t, kKrpcSizeMax> buffer;
    const Bytes written = encode(head, response, buffer);
    ASSERT_FALSE(written.empty());
    EXPECT_EQ(written.size(), encoded_size(head, response)) << as_text(written);
  }
}

TEST(Krpc, ReadsAndWritesErrors) {
  const std::string_view kError = "d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee";
  const KrpcError error = parse_error(message_of(kError));
  EXPECT_EQ(201, error.code);
  EXPECT_EQ("A Generic Error Ocurred", as_text(error.text));
  std::array<uint8_t, kKrpcSizeMax> buffer;
  EXPECT_EQ(kError, as_text(encode(KrpcHead{.transaction_id = as_bytes("aa")},
                                   KrpcErrorCode::kGeneric, "A Generic Error Ocurred", buffer)));
  EXPECT_EQ(0, parse_error(message_of("d1:ele1:t2:aa1:y1:ee")).code);
  EXPECT_EQ(0, parse_error(message_of("d1:el1:xi5ee1:t2:aa1:y1:ee")).code);
}

TEST(Krpc, ReadsWhatLaterBepsAdd) {
  const KrpcMessage message = message_of(
      "d1:ad2:id20:abcdefghij01234567896:noseedi1e6:scrapei1e6:target20:mnopqrstuvwxyz123456"
      "4:wantl2:n42:n62:n9ee1:q9:find_node2:roi1e1:t2:aa1:v4:LT..1:y1:qe");
  EXPECT_TRUE(message.head.is_read_only);
  EXPECT_EQ("LT..", as_text(message.head.version));
  const auto query = parse_query(message);
  ASSERT_TRUE(query);
  EXPECT_TRUE(query->wants_v4);
  EXPECT_TRUE(query->wants_v6);
  EXPECT_TRUE(query->wants_scrape);

  const KrpcQuery implied = query_of(
      "d1:ad2:id20:abcdefghij012345678912:implied_porti1e9:info_hash20:mnopqrstuvwxyz1234564:"
      "porti6881e4:seedi1e5:token1:xe1:q13:announce_peer1:t2:aa1:y1:qe");
  EXPECT_TRUE(implied.has_implied_port);
  EXPECT_EQ(0, implied.port);
  EXPECT_TRUE(implied.is_seed);

  const KrpcMessage answer = message_of(
      "d2:ip6:\xc0\x00\x02\x01\x1a\xe1"
      "1:rd2:id20:abcdefghij0123456789e1:t2:aa1:y1:re"sv);
  EXPECT_EQ(*Endpoint::parse("192.0.2.1:6881"), answer.head.observed);
}

TEST(Krpc, KeepsItemsAsTheyWereEncoded) {
  const std::string put = "d1:ad3:casi4e2:id20:abcdefghij01234567891:k32:" + std::string(32, 'k') +
                          "4:salt6:foobar3:seqi5e3:sig64:" + std::string(64, 's') +
                          "5:token2:to1:vd1:b1:c1:a1:bee1:q3:put1:t2:aa1:y1:qe";
  const KrpcQuery query = query_of(put);
  EXPECT_EQ("d1:b1:c1:a1:be", as_text(query.value)) << "in the order that was signed";
  EXPECT_EQ("foobar", as_text(query.salt));
  EXPECT_EQ(5, query.seq);
  EXPECT_EQ(4, query.cas);
  EXPECT_TRUE(query.key && query.signature);
  std::array<uint8_t, kKrpcSizeMax> buffer;
  EXPECT_EQ(put, as_text(encode(KrpcHead{.transaction_id = as_bytes("aa")}, query, buffer)));
}

TEST(Krpc, TellsApartWhatIsNoMessage) {
  struct Row {
    std::string datagram;
    KrpcMessageError expect;
  };
  const Row kRows[] = {
      {"", KrpcMessageError::kNotBencoding},
      {"d", KrpcMessageError::kNotBencoding},
      {"le", KrpcMessageError::kNotBencoding},
      {"de", KrpcMessageError::kNoTransactionId},
      {"d1:t0:1:y1:qe", KrpcMessageError::kNoTransactionId},
      {"d1:ti5e1:y1:qe", KrpcMessageError::kNoTransactionId},
      {"d1:t33:" + std::string(33, 't') + "1:y1:qe", KrpcMessageError::kNoTransactionId},
      {"d1:t2:aae", KrpcMessageError::kUnknownKind},
      {"d1:t2:aa1:y1:xe", KrpcMessageError::kUnknownKind},
      {"d1:q4:ping1:t2:aa1:y1:qe", KrpcMessageError::kNoBody},
      {"d1:ale1:q4:ping1:t2:aa1:y1:qe", KrpcMessageError::kNoBody},
      {"d1:t2:aa1:y1:re", KrpcMessageError::kNoBody},
      {"d1:ede1:t2:aa1:y1:ee", KrpcMessageError::kNoBody},
      {"d1:t2:aa1:x1400:" + std::string(1400, 'x') + "1:y1:qe", KrpcMessageError::kTooLarge},
  };
  for (const Row& row : kRows) {
    const auto message = parse_krpc(as_bytes(row.datagram));
    ASSERT_FALSE(message.has_value()) << row.datagram;
    EXPECT_EQ(row.expect, message.error()) << row.datagram;
  }
}

TEST(Krpc, KnowsAMethodThatItDoesNotKnow) {
  const KrpcMessage message = message_of("d1:ade1:q4:vote1:t2:aa1:y1:qe");
  EXPECT_EQ(KrpcKind::kQuery, message.kind);
  EXPECT_EQ(KrpcMethod::kUnknown, message.method);
}

TEST(Krpc, TellsApartWhatAQueryLacks) {
  const std::string id = "2:id20:abcdefghij0123456789";
  const std::string hash = "9:info_hash20:mnopqrstuvwxyz123456";
  const std::string key = "1:k32:" + std::string(32, 'k');
  const std::string signature = "3:sig64:" + std::string(64, 's');
  struct Row {
    std::string arguments;
    std::string method;
    KrpcQueryError expect;
  };
  const Row kRows[] = {
      {"", "4:ping", KrpcQueryError::kBadId},
      {"2:id19:abcdefghij012345678", "4:ping", KrpcQueryError::kBadId},
      {"2:idi5e", "4:ping", KrpcQueryError::kBadId},
      {id, "9:find_node", KrpcQueryError::kBadTarget},
      {id + hash, "9:find_node", KrpcQueryError::kBadTarget},
      {id + "6:target1:x", "3:get", KrpcQueryError::kBadTarget},
      {id, "9:get_peers", KrpcQueryError::kBadTarget},
      {id + hash + "4:porti1e", "13:announce_peer", KrpcQueryError::kBadToken},
      {id + hash + "4:porti1e5:token0:", "13:announce_peer", KrpcQueryError::kBadToken},
      {id + hash + "4:porti1e5:token65:" + std::string(65, 't'), "13:announce_peer",
       KrpcQueryError::kBadToken},
      {id + hash + "5:token1:x", "13:announce_peer", KrpcQueryError::kBadPort},
      {id + hash + "4:porti0e5:token1:x", "13:announce_peer", KrpcQueryError::kBadPort},
      {id + hash + "4:porti65536e5:token1:x", "13:announce_peer", KrpcQueryError::kBadPort},
      {id + hash + "4:porti-1e5:token1:x", "13:announce_peer", KrpcQueryError::kBadPort},
      {id + "1:v1:x", "3:put", KrpcQueryError::kBadToken},
      {id + "5:token1:x", "3:put", KrpcQueryError::kBadValue},
      {id + key + "3:seqi1e5:token1:x1:v1:x", "3:put", KrpcQueryError::kBadKey},
      {id + "3:seqi1e" + signature + "5:token1:x1:v1:x", "3:put", KrpcQueryError::kBadKey},
      {id + "1:k1:x5:token1:x1:v1:x", "3:put", KrpcQueryError::kBadKey},
      {id + key + signature + "5:token1:x1:v1:x", "3:put", KrpcQueryError::kBadSeq},
      {id + key + "3:seqi-1e" + signature + "5:token1:x1:v1:x", "3:put", KrpcQueryError::kBadSeq},
      {"3:cas1:x" + id + "5:token1:x1:v1:x", "3:put", KrpcQueryError::kBadSeq},
      {id + "3:seq1:x6:target20:mnopqrstuvwxyz123456", "3:get", KrpcQueryError::kBadSeq},
  };
  for (const Row& row : kRows) {
    const std::string datagram = "d1:ad" + row.arguments + "e1:q" + row.method + "1:t2:aa1:y1:qe";
    const auto query = parse_query(message_of(datagram));
    ASSERT_FALSE(query.has_value()) << datagram;
    EXPECT_EQ(row.expect, query.error()) << datagram;
  }
}

TEST(Krpc, ReadsAnAnswerWithWhatItCanUse) {
  EXPECT_FALSE(parse_response(message_of("d1:rde1:t2:aa1:y1:re"))) << "who answers is needed";
  const auto response = parse_response(
      message_of("d1:rd2:id20:abcdefghij01234567895:nodes25:1234567890123456789012345"
                 "6:nodes65:123455:tokeni5e1:vi7e6:values3:xyze1:t2:aa1:y1:re"));
  ASSERT_TRUE(response);
  EXPECT_TRUE(response->nodes.empty());
  EXPECT_TRUE(response->nodes6.empty());
  EXPECT_TRUE(response->token.empty());
  EXPECT_TRUE(response->peers.empty());
  EXPECT_EQ("i7e", as_text(response->value));
}

TEST(Krpc, WritesNothingRatherThanHalfAMessage) {
  const KrpcHead head{.transaction_id = as_bytes("aa")};
  const KrpcQuery query{.method = KrpcMethod::kFindNode, .id = kQuerier, .target = kTarget};
  std::array<uint8_t, 200> buffer;
  const size_t whole = encode(head, query, buffer).size();
  ASSERT_GT(whole, 0u);
  for (size_t size = 0; size < whole; ++size) {
    EXPECT_TRUE(encode(head, query, MutableBytes(buffer).first(size)).empty());
  }
}

}  // namespace
}  // namespace roost::wire
