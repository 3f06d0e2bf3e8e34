// SPDX-License-Identifier: MIT
//
// Goal: every query gets the answer that the BEPs give it, and no address that has shown nothing is
// ever sent more than three times what came from it.
#include "core/dht/responder.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <vector>

#include "wire/mutable_item.h"

namespace roost::core::dht {
namespace {

using namespace std::chrono_literals;
using wire::KrpcErrorCode;
using wire::KrpcKind;
using wire::KrpcMethod;
using wire::KrpcQuery;

const Endpoint kOurs = *Endpoint::parse("198.51.100.1:3478");
const Endpoint kOursV6 = *Endpoint::parse("[2600::9]:3478");
const Endpoint kStranger = *Endpoint::parse("8.8.4.4:6881");
const Endpoint kStrangerV6 = *Endpoint::parse("[2600::1]:6881");
const wire::NodeId kOwnId{0xaa};
const wire::NodeId kQuerier{0xbb};
const wire::NodeId kTarget{0xcc};

class ResponderTest : public testing::Test {
 protected:
  ResponderTest()
      : verifier_({.contacts = {.v4_contacts = 800, .v6_contacts = 800},
                   .candidates = 64,
                   .proven_addresses = 256},
                  random_, now_),
        responder_({.peers = {.v4_peers = 2000, .v6_peers = 2000}, .items = 256}, verifier_,
                   tables_, random_) {
    verifier_.set_home(Family::kV4, Home{0, LocalEnd{kOurs, 0}, kOwnId});
    verifier_.set_home(Family::kV6, Home{1, LocalEnd{kOursV6, 0}, kOwnId});
    for (uint32_t i = 0; i < 40; ++i) {
      const Endpoint v4{IpAddress::v4(0x08090001 + (i << 8)), 1};
      const Endpoint v6{IpAddress(0x2600'0001'0000'0000 + (uint64_t{i} << 16), 1), 1};
      (void)verifier_.ring().admit(now_, {wire::NodeId{1}, v4});
      (void)verifier_.ring().admit(now_, {wire::NodeId{1}, v6});
    }
  }

  struct Outcome {
    std::string reply;  // Empty: none.
    size_t bytes = 0;   // Of all that was sent.
    size_t asked = 0;
    size_t pings = 0;
  };

  Outcome ask_raw(const Endpoint& from, Bytes payload) {
    const bool is_v4 = from.address.is_v4();
    const DatagramArrived input{static_cast<SocketId>(is_v4 ? 0 : 1),
                                LocalEnd{is_v4 ? kOurs : kOursV6, 0}, from, payload};
    const auto message = wire::parse_krpc(payload);
    EXPECT_TRUE(message && message->kind == KrpcKind::kQuery);
    Outcome outcome;
    outcome.asked = payload.size();
    responder_.step(now_, input, *message, kOwnId, out_);
    for (const Action& action : out_.actions()) {
      const auto& sent = std::get<SendDatagram>(action);
      EXPECT_EQ(from, sent.to);
      EXPECT_EQ(input.at, sent.from);
      outcome.bytes += sent.payload.size();
      const auto reply = wire::parse_krpc(sent.payload);
      EXPECT_TRUE(reply.has_value());
      if (reply && reply->kind == KrpcKind::kQuery) {
        ++outcome.pings;
      } else {
        EXPECT_TRUE(outcome.reply.empty()) << "one answer";
        EXPECT_EQ(from, reply->head.observed);
        outcome.reply = as_text(sent.payload);
      }
    }
    out_.clear();
    return outcome;
  }

  Outcome ask(const Endpoint& from, const KrpcQuery& query, bool is_read_only = false,
              std::string_view transaction_id = "aa") {
    std::array<uint8_t, wire::kKrpcSizeMax> buffer;
    return ask_raw(from, encode(wire::KrpcHead{.transaction_id = as_bytes(transaction_id),
                                               .is_read_only = is_read_only},
                                query, buffer));
  }

  // Views into `last_`.
  wire::KrpcResponse answer_to(const Endpoint& from, const KrpcQuery& query) {
    last_ = ask(from, query).reply;
    const auto message = wire::parse_krpc(as_bytes(last_));
    EXPECT_TRUE(message && message->kind == KrpcKind::kResponse) << last_;
    if (!message || message->kind != KrpcKind::kResponse) return {};
    const auto response = parse_response(*message);
    EXPECT_TRUE(response && response->id == kOwnId);
    return response.value_or(wire::KrpcResponse());
  }

  int64_t error_of(const Outcome& outcome) {
    const auto message = wire::parse_krpc(as_bytes(outcome.reply));
    EXPECT_TRUE(message && message->kind == KrpcKind::kError) << outcome.reply;
    return message && message->kind == KrpcKind::kError ? parse_error(*message).code : 0;
  }

  static KrpcQuery query(KrpcMethod method, const wire::NodeId& target = kTarget) {
    KrpcQuery query;
    query.method = method;
    query.id = kQuerier;
    query.target = target;
    return query;
  }

  std::string token(const Endpoint& from, KrpcMethod method = KrpcMethod::kGetPeers) {
    const auto response = answer_to(from, query(method));
    return std::string(as_text(response.token));
  }

  static size_t count_of(Bytes nodes, size_t size) {
    EXPECT_EQ(0u, nodes.size() % size);
    return nodes.size() / size;
  }

  SeededRandom random_{1};
  MonoTime now_{1h};
  Outbox out_;
  Verifier verifier_;
  // Far from kTarget and whatever else is asked for here.
  RoutingTables tables_{RoutingTable(wire::NodeId{0x5a}), RoutingTable(wire::NodeId{0x5a})};
  Responder responder_;
  std::string last_;
};

TEST_F(ResponderTest, AnswersAPingByteForByte) {
  verifier_.prove(now_, kStranger.address);
  const Outcome outcome = ask(kStranger, query(KrpcMethod::kPing));
  std::string expect = "d2:ip6:";
  expect += std::string("\x08\x08\x04\x04\x1a\xe1", 6) + "1:rd2:id20:";
  expect += std::string(as_text(kOwnId)) + "e1:t2:aa1:v4:RO";
  expect += std::string("\0\1", 2) + "1:y1:re";
  EXPECT_EQ(expect, outcome.reply);
}

TEST_F(ResponderTest, GivesNodesOfTheFamilyThatAsks) {
  verifier_.prove(now_, kStranger.address);
  verifier_.prove(now_, kStrangerV6.address);
  auto response = answer_to(kStranger, query(KrpcMethod::kFindNode));
  EXPECT_EQ(16u, count_of(response.nodes, wire::kCompactNodeV4Size));
  EXPECT_TRUE(response.nodes6.empty());
  response = answer_to(kStrangerV6, query(KrpcMethod::kFindNode));
  EXPECT_TRUE(response.nodes.empty());
  EXPECT_EQ(16u, count_of(response.nodes6, wire::kCompactNodeV6Size));
}

TEST_F(ResponderTest, GivesNodesOfTheFamiliesThatAreWanted) {
  verifier_.prove(now_, kStranger.address);
  KrpcQuery both = query(KrpcMethod::kFindNode);
  both.wants_v4 = both.wants_v6 = true;
  auto response = answer_to(kStranger, both);
  EXPECT_EQ(8u, count_of(response.nodes, wire::kCompactNodeV4Size));
  EXPECT_EQ(8u, count_of(response.nodes6, wire::kCompactNodeV6Size));
  KrpcQuery other = query(KrpcMethod::kFindNode);
  other.wants_v6 = true;
  response = answer_to(kStranger, other);
  EXPECT_TRUE(response.nodes.empty());
  EXPECT_EQ(16u, count_of(response.nodes6, wire::kCompactNodeV6Size));
}

TEST_F(ResponderTest, GivesOthersEachTime) {
  verifier_.prove(now_, kStranger.address);
  std::set<Endpoint> seen;
  for (int i = 0; i < 3; ++i) {
    const auto response = answer_to(kStranger, query(KrpcMethod::kFindNode));
    wire::for_each_compact_node(response.nodes, wire::kCompactNodeV4Size,
                                [&](const wire::CompactNode& node) { seen.insert(node.endpoint); });
  }
  EXPECT_EQ(40u, seen.size());
}

TEST_F(ResponderTest, GivesStrangersFewerNodesAndAPing) {
  const Outcome outcome = ask(kStranger, query(KrpcMethod::kFindNode));
  EXPECT_EQ(1u, outcome.pings);
  EXPECT_LE(outcome.bytes, 3 * outcome.asked);
  const auto response = parse_response(*wire::parse_krpc(as_bytes(outcome.reply)));
  ASSERT_TRUE(response);
  EXPECT_GE(count_of(response->nodes, wire::kCompactNodeV4Size), 3u);
  EXPECT_EQ(1u, responder_.stats().answers[static_cast<size_t>(Responder::Answer::kShortened)]);

  const Outcome read_only = ask(kStranger, query(KrpcMethod::kFindNode), true);
  EXPECT_EQ(0u, read_only.pings);
  EXPECT_LE(read_only.bytes, 3 * read_only.asked);
}

TEST_F(ResponderTest, NeverSendsStrangersMoreThanThreeTimesTheirQuery) {
  // Something large for each method to give.
  verifier_.prove(now_, kStranger.address);
  KrpcQuery put = query(KrpcMethod::kPut);
  const std::string put_token = token(kStranger, KrpcMethod::kGet);
  const std::string value = "900:" + std::string(900, 'x');
  put.token = as_bytes(put_token);
  put.value = as_bytes(value);
  (void)answer_to(kStranger, put);
  for (uint16_t i = 1; i <= 90; ++i) {
    const Endpoint from{IpAddress::v4(0x0a000001u + (uint32_t{i} << 8)), 6881};
    const std::string shown = token(from);
    KrpcQuery announce = query(KrpcMethod::kAnnouncePeer);
    announce.port = i;
    announce.token = as_bytes(shown);
    (void)ask(from, announce);
  }
  const wire::NodeId item = sha1(as_bytes(value));
  now_ += 31min;  // Nobody is proven any more.
  const std::string kMethods[] = {
      "ping", "find_node", "get_peers", "get", "sample_infohashes", "announce_peer", "put", "vote"};
  for (const std::string& method : kMethods) {
    for (const Endpoint& from : {*Endpoint::parse("9.9.9.9:1"), kStrangerV6}) {
      for (const std::string& arguments :
           {std::string(), "2:id20:" + std::string(20, 'q'),
            "2:id20:" + std::string(20, 'q') + "9:info_hash20:" + std::string(as_text(kTarget)) +
                "6:target20:" + std::string(as_text(item)) + "4:wantl2:n42:n6e",
            "2:id20:" + std::string(20, 'q') + "9:info_hash20:" + std::string(as_text(kTarget)) +
                "4:porti1e6:target20:" + std::string(as_text(item)) + "5:token4:abcd1:v1:x"}) {
        for (const size_t transaction_size : {1u, 2u, 32u}) {
          for (const std::string& rest :
               {std::string(), std::string("1:x300:") + std::string(300, 'x')}) {
            const std::string datagram = "d1:ad" + arguments + "e1:q" +
                                         std::to_string(method.size()) + ":" + method + "1:t" +
                                         std::to_string(transaction_size) + ":" +
                                         std::string(transaction_size, 't') + rest + "1:y1:qe";
            const Outcome outcome = ask_raw(from, as_bytes(datagram));
            ASSERT_LE(outcome.bytes, Responder::kReplyRatioMax * outcome.asked) << datagram;
            ASSERT_LE(outcome.pings, 1u);
          }
        }
      }
    }
  }
}

TEST_F(ResponderTest, KeepsPeersThatShowTheirToken) {
  const std::string shown = token(kStranger);
  EXPECT_EQ(Tokens::kSize, shown.size());
  KrpcQuery announce = query(KrpcMethod::kAnnouncePeer);
  announce.port = 7000;
  announce.token = as_bytes(shown);
  EXPECT_EQ(203, error_of(ask(*Endpoint::parse("8.8.5.5:6881"), announce))) << "not its token";
  EXPECT_EQ(1u, responder_.stats().bad_tokens);
  (void)answer_to(kStranger, announce);
  EXPECT_TRUE(verifier_.is_proven(now_, kStranger.address)) << "it has received its token";

  const Endpoint implied = *Endpoint::parse("8.8.6.6:1234");
  const std::string other = token(implied);
  announce.token = as_bytes(other);
  announce.has_implied_port = true;
  (void)answer_to(implied, announce);

  const auto response = answer_to(kStranger, query(KrpcMethod::kGetPeers));
  std::set<std::string> peers;
  wire::for_each_peer(response.peers, [&](const Endpoint& peer) { peers.insert(peer.text()); });
  EXPECT_EQ((std::set<std::string>{"8.8.4.4:7000", "8.8.6.6:1234"}), peers);
  EXPECT_FALSE(response.token.empty());
  EXPECT_FALSE(response.nodes.empty());
  EXPECT_TRUE(answer_to(kStranger, query(KrpcMethod::kGetPeers, wire::NodeId{1})).peers.empty());
}

TEST_F(ResponderTest, GivesAsManyPeersAsThereIsRoomFor) {
  for (uint16_t i = 0; i < 90; ++i) {
    const Endpoint from{IpAddress(0x2600'0002'0000'0000 + (uint64_t{i} << 16), 1), 6881};
    const std::string shown = token(from);
    KrpcQuery announce = query(KrpcMethod::kAnnouncePeer);
    announce.port = 1;
    announce.token = as_bytes(shown);
    (void)ask(from, announce);
  }
  verifier_.prove(now_, kStrangerV6.address);
  size_t peers = 0;
  const auto response = answer_to(kStrangerV6, query(KrpcMethod::kGetPeers));
  wire::for_each_peer(response.peers, [&](const Endpoint&) { ++peers; });
  EXPECT_EQ(50u, peers);
  EXPECT_LE(last_.size(), Responder::kReplySizeMax);
}

TEST_F(ResponderTest, KeepsImmutableItems) {
  const std::string shown = token(kStranger, KrpcMethod::kGet);
  const std::string value = "12:Hello World!";
  const wire::NodeId target = sha1(as_bytes(value));
  KrpcQuery put = query(KrpcMethod::kPut);
  put.value = as_bytes(value);
  put.token = as_bytes("none");
  EXPECT_EQ(203, error_of(ask(kStranger, put)));
  put.token = as_bytes(shown);
  (void)answer_to(kStranger, put);
  const auto response = answer_to(kStranger, query(KrpcMethod::kGet, target));
  EXPECT_EQ(value, as_text(response.value));
  EXPECT_FALSE(response.key || response.signature || response.seq);
  const std::string large = "998:" + std::string(998, 'x');
  put.value = as_bytes(large);
  EXPECT_EQ(205, error_of(ask(kStranger, put)));
}

TEST_F(ResponderTest, KeepsMutableItemsByTheirNumber) {
  const SigningKey key{SigningKey::Seed()};
  const std::string shown = token(kStranger, KrpcMethod::kGet);
  const std::string value = "5:first";
  const auto put_of = [&](int64_t seq, std::string_view text) {
    const auto item = wire::sign_mutable_item(key, seq, {}, as_bytes(text));
    KrpcQuery put = query(KrpcMethod::kPut);
    put.token = as_bytes(shown);
    put.value = as_bytes(text);
    put.key = item.key;
    put.signature = item.signature;
    put.seq = seq;
    return put;
  };
  (void)answer_to(kStranger, put_of(5, value));
  EXPECT_EQ(302, error_of(ask(kStranger, put_of(4, value))));
  KrpcQuery forged = put_of(6, value);
  forged.signature->front() ^= 1;
  EXPECT_EQ(206, error_of(ask(kStranger, forged)));
  KrpcQuery mismatch = put_of(6, value);
  mismatch.cas = 4;
  EXPECT_EQ(301, error_of(ask(kStranger, mismatch)));

  KrpcQuery get = query(KrpcMethod::kGet, sha1(key.public_key()));
  const auto response = answer_to(kStranger, get);
  EXPECT_EQ(value, as_text(response.value));
  EXPECT_EQ(5, response.seq);
  EXPECT_EQ(key.public_key(), response.key);
  get.seq = 5;
  const auto known = answer_to(kStranger, get);
  EXPECT_TRUE(known.value.empty()) << "who knows it is told only its number";
  EXPECT_EQ(5, known.seq);
  now_ += 31min;
  const auto stranger =
      answer_to(*Endpoint::parse("9.9.9.9:1"), query(KrpcMethod::kGet, get.target));
  EXPECT_TRUE(stranger.value.empty()) << "it does not fit";
}

TEST_F(ResponderTest, SamplesItsInfohashes) {
  const std::string shown = token(kStranger);
  std::set<wire::NodeId> announced;
  for (uint8_t i = 0; i < 3; ++i) {
    KrpcQuery announce = query(KrpcMethod::kAnnouncePeer, wire::NodeId{i});
    announce.port = 1;
    announce.token = as_bytes(shown);
    (void)answer_to(kStranger, announce);
    announced.insert(announce.target);
  }
  const auto response = answer_to(kStranger, query(KrpcMethod::kSampleInfohashes));
  ASSERT_TRUE(response.samples);
  std::set<wire::NodeId> samples;
  for (Bytes rest = *response.samples; !rest.empty(); rest = rest.subspan(20)) {
    samples.insert(*wire::read_node_id(rest.first(20)));
  }
  EXPECT_EQ(announced, samples);
  EXPECT_EQ(3, response.stored_count);
  EXPECT_GT(response.interval.value_or(0), 0);
}

TEST_F(ResponderTest, SaysWhatAQueryLacks) {
  verifier_.prove(now_, kStranger.address);
  EXPECT_EQ(203, error_of(ask_raw(kStranger, as_bytes("d1:ade1:q4:ping1:t2:aa1:y1:qe"))));
  EXPECT_EQ(204, error_of(ask_raw(kStranger, as_bytes("d1:ade1:q4:vote1:t2:aa1:y1:qe"))));
  EXPECT_EQ(2u, responder_.stats().answers[static_cast<size_t>(Responder::Answer::kError)]);
  // To a stranger whose query is smaller than what there is to say: nothing.
  const Outcome outcome = ask_raw(kStrangerV6, as_bytes("d1:ade1:q1:x1:t1:a1:y1:qe"));
  EXPECT_LE(outcome.bytes, 3 * outcome.asked);
}

TEST_F(ResponderTest, TakesAFewPutsASecondOfAPrefix) {
  const std::string shown = token(kStranger, KrpcMethod::kGet);
  KrpcQuery put = query(KrpcMethod::kPut);
  put.token = as_bytes(shown);
  put.value = as_bytes("2:hi");
  size_t refused = 0;
  for (int i = 0; i < 20; ++i) {
    const Outcome outcome = ask(kStranger, put);
    refused += wire::parse_krpc(as_bytes(outcome.reply))->kind == KrpcKind::kError;
  }
  EXPECT_EQ(20 - 2 * Responder::kPutsPerSecond, refused);
  EXPECT_EQ(refused, responder_.stats().puts_refused);
  EXPECT_EQ(202, error_of(ask(kStranger, put)));
  now_ += 1s;
  (void)answer_to(kStranger, put);
}

// Who is in the answer to find_node.
std::set<IpAddress> addresses_in(Bytes nodes) {
  std::set<IpAddress> addresses;
  wire::for_each_compact_node(nodes, wire::kCompactNodeV4Size, [&](const wire::CompactNode& node) {
    addresses.insert(node.endpoint.address);
  });
  return addresses;
}

TEST_F(ResponderTest, GivesItsNeighboursToWhoeverLooksNearIt) {
  verifier_.prove(now_, kStranger.address);
  for (uint32_t i = 0; i < 60; ++i) {  // Enough contacts to do without the table.
    const Endpoint contact{IpAddress::v4(0x08190001 + (i << 8)), 1};
    (void)verifier_.ring().admit(now_, {wire::NodeId{1}, contact});
  }
  std::set<IpAddress> neighbours;
  for (uint32_t i = 0; i < 8; ++i) {
    const Endpoint neighbour{IpAddress::v4(0x08290001 + (i << 8)), 1};
    (void)tables_[0].answered(now_, {wire::NodeId{0x58, static_cast<uint8_t>(i)}, neighbour});
    neighbours.insert(neighbour.address);
  }
  const auto near =
      addresses_in(answer_to(kStranger, query(KrpcMethod::kFindNode, wire::NodeId{0x59})).nodes);
  EXPECT_TRUE(std::includes(near.begin(), near.end(), neighbours.begin(), neighbours.end()));
  EXPECT_EQ(Responder::kNodesMax, near.size()) << "and contacts";
  for (const IpAddress& address :
       addresses_in(answer_to(kStranger, query(KrpcMethod::kFindNode)).nodes)) {
    EXPECT_EQ(0u, neighbours.count(address)) << "far away, contacts only";
  }
}

TEST_F(ResponderTest, GivesWhomItKnowsWhileThereAreFewContactsButNobodyHimself) {
  verifier_.prove(now_, kStranger.address);
  const Endpoint known{IpAddress::v4(0x08290001), 1};
  (void)tables_[0].answered(now_, {wire::NodeId{0xcd}, known});
  (void)tables_[0].answered(now_, {wire::NodeId{0xce}, kStranger});
  const auto given = addresses_in(answer_to(kStranger, query(KrpcMethod::kFindNode)).nodes);
  EXPECT_EQ(1u, given.count(known.address));
  EXPECT_EQ(0u, given.count(kStranger.address));
}

TEST_F(ResponderTest, GivesItsOwnItemUnderItsTarget) {
  const SigningKey key{SigningKey::Seed()};
  const auto item = wire::sign_mutable_item(key, 3, as_bytes("s"), as_bytes("2:us"));
  responder_.set_own_item(kTarget, &item);
  verifier_.prove(now_, kStranger.address);
  const auto response = answer_to(kStranger, query(KrpcMethod::kGet));
  EXPECT_EQ("2:us", as_text(response.value));
  EXPECT_EQ(key.public_key(), response.key);
  EXPECT_EQ(3, response.seq);
  KrpcQuery known = query(KrpcMethod::kGet);
  known.seq = 3;
  EXPECT_TRUE(answer_to(kStranger, known).value.empty());
}

}  // namespace
}  // namespace roost::core::dht
