// SPDX-License-Identifier: MIT
//
// Goal: nodes that know one address only find each other, remember who is alive, learn who they are
// themselves, and get back what they have left with others; and nothing that strangers send makes a
// node do more than it may.
// Method: whole servers in virtual time, with a network of our own between them.
#include "core/dht/server.h"

#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/crypto_hash.h"

namespace roost::core::dht {
namespace {

SigningKey make_key() {
  SigningKey::Seed seed;
  seed.mutable_bytes()[0] = 7;
  return SigningKey(seed);
}

using namespace std::chrono_literals;
using wire::KrpcMethod;

constexpr Duration kDelay = 20ms;
const wire::NodeId kNetwork{0x4e, 0x45};

Endpoint endpoint_of(size_t number) {
  return {IpAddress::v4(0x08080001 + (static_cast<uint32_t>(number) << 8)), 6881};
}

Server::Options options_of(size_t number) {
  Server::Options options;
  options.verifier = {.contacts = {.v4_contacts = 800}, .candidates = 256, .proven_addresses = 256};
  options.responder = {.peers = {.v4_peers = 1000, .v6_peers = 1000}, .items = 64};
  options.sockets[0] = SocketId{0};
  options.id_seed = sha1(as_bytes(std::to_string(number)));
  options.network = kNetwork;
  options.port = 6881;
  options.has_bootstrap_names = true;
  options.external_addresses[0] = endpoint_of(number).address;
  return options;
}

// One that does not know its address.
Server::Options unsure_options_of(size_t number) {
  Server::Options options = options_of(number);
  options.external_addresses[0].reset();
  return options;
}

class Swarm {
 public:
  struct Member {
    explicit Member(const Server::Options& options, uint64_t seed, MonoTime now)
        : random(seed), server(options, random, now) {}
    SeededRandom random;
    Server server;
    bool is_alive = true;
    size_t names_ordered = 0;
    std::vector<std::string> found_items;  // Their values.
  };

  size_t add(const Server::Options& options) {
    members_.push_back(std::make_unique<Member>(options, members_.size() + 1, now));
    members_.back()->server.set_supernode(now, true);
    return members_.size() - 1;
  }
  size_t add() { return add(options_of(members_.size())); }
  Server& operator[](size_t number) { return members_[number]->server; }
  Member& member(size_t number) { return *members_[number]; }
  size_t size() const { return members_.size(); }

  void run(Duration time) {
    const MonoTime end = now + time;
    while (true) {
      MonoTime next = queue_.empty() ? end : queue_.begin()->first;
      size_t due = members_.size();
      for (size_t i = 0; i < members_.size(); ++i) {
        const auto deadline = members_[i]->server.next_deadline();
        if (members_[i]->is_alive && deadline && *deadline <= next) {
          if (*deadline < next || due == members_.size()) due = i;
          next = std::min(next, *deadline);
        }
      }
      if (next >= end) break;
      now = std::max(now, next);
      if (due < members_.size()) {
        step(due, DeadlinePassed());
      } else {
        deliver();
      }
    }
    now = end;
    for (const auto& member : members_) member->server.check_invariants();
  }

  // As if it came from the network; returns what is sent for it.
  std::vector<std::pair<Endpoint, std::string>> send(size_t to, const Endpoint& from,
                                                     Bytes payload) {
    Outbox out;
    members_[to]->server.step(now, DatagramArrived{0, LocalEnd{endpoint_of(to), 0}, from, payload},
                              out);
    std::vector<std::pair<Endpoint, std::string>> sent;
    for (const Action& action : out.actions()) {
      const auto& datagram = std::get<SendDatagram>(action);
      sent.emplace_back(datagram.to, std::string(as_text(datagram.payload)));
    }
    return sent;
  }

  MonoTime now{1h};
  std::vector<Endpoint> names;  // What those of `[dht] bootstrap` resolve to.
  bool is_cut_off = false;
  uint64_t sent_to_nobody = 0;

 private:
  struct Packet {
    Endpoint from;
    Endpoint to;
    std::string payload;
  };

  template <typename Input>
  void step(size_t number, const Input& input) {
    Outbox out;
    members_[number]->server.step(now, input, out);
    if (const auto& item = members_[number]->server.found_item()) {
      EXPECT_TRUE(signature_matches(*item));
      members_[number]->found_items.emplace_back(as_text(item->value));
    }
    bool wants_names = false;
    for (const Action& action : out.actions()) {
      wants_names |= std::holds_alternative<ResolveNames>(action);
      const auto* const sent = std::get_if<SendDatagram>(&action);
      if (sent == nullptr) continue;
      queue_.emplace(now + kDelay,
                     Packet{endpoint_of(number), sent->to, std::string(as_text(sent->payload))});
    }
    if (!wants_names) return;
    ++members_[number]->names_ordered;
    step(number, NamesResolved{names});
  }

  void deliver() {
    const Packet packet = queue_.begin()->second;
    queue_.erase(queue_.begin());
    for (size_t i = 0; i < members_.size(); ++i) {
      if (endpoint_of(i) != packet.to || !members_[i]->is_alive) continue;
      if (is_cut_off && (i == 0 || packet.from == endpoint_of(0))) break;
      return step(
          i, DatagramArrived{0, LocalEnd{packet.to, 0}, packet.from, as_bytes(packet.payload)});
    }
    ++sent_to_nobody;
  }

  std::vector<std::unique_ptr<Member>> members_;
  std::multimap<MonoTime, Packet> queue_;
};

std::string encoded(const wire::KrpcQuery& query, bool is_read_only = false) {
  std::array<uint8_t, wire::kKrpcSizeMax> buffer;
  return std::string(
      as_text(encode(wire::KrpcHead{.transaction_id = as_bytes("tt"), .is_read_only = is_read_only},
                     query, buffer)));
}

TEST(DhtServer, FindsEverybodyFromOneAddress) {
  Swarm swarm;
  for (size_t i = 0; i < 20; ++i) swarm.add(i < 14 ? options_of(i) : unsure_options_of(i));
  swarm.names = {endpoint_of(0)};
  swarm.run(2min);
  for (size_t i = 0; i < swarm.size(); ++i) {
    EXPECT_GE(swarm[i].table(Family::kV4).size(), 12u) << i;
    EXPECT_EQ(endpoint_of(i).address, swarm[i].external_address(Family::kV4)) << i;
    EXPECT_TRUE(wire::conforms(swarm[i].own_id(Family::kV4), endpoint_of(i).address)) << i;
    EXPECT_FALSE(swarm[i].query_rate(Family::kV4).is_ignored()) << i;
    EXPECT_LE(swarm.member(i).names_ordered, 2u) << i;
  }
}

TEST(DhtServer, HandsOutWhatItsOwnLookupsHaveFoundInItsFirstMinute) {
  Swarm swarm;
  for (int i = 0; i < 20; ++i) swarm.add();
  swarm.names = {endpoint_of(1)};
  swarm.run(2min);
  // One that begins now, and that nobody has asked anything yet.
  const size_t young = swarm.add();
  swarm.run(1min);
  EXPECT_GE(swarm[young].verifier().ring().size(Family::kV4), 8u);
  wire::KrpcQuery query;
  query.method = KrpcMethod::kFindNode;
  query.target = swarm[young].own_id(Family::kV4);
  query.target[0] ^= 0x80;
  const Endpoint newcomer = endpoint_of(200);
  const std::string question = encoded(query);
  const auto sent = swarm.send(young, newcomer, as_bytes(question));
  size_t bytes = 0;
  size_t nodes = 0;
  for (const auto& [to, payload] : sent) {
    EXPECT_EQ(newcomer, to);
    bytes += payload.size();
    const auto message = wire::parse_krpc(as_bytes(payload));
    ASSERT_TRUE(message);
    if (message->kind != wire::KrpcKind::kResponse) continue;
    const auto response = parse_response(*message);
    nodes += response->nodes.size() / wire::kCompactNodeV4Size;
  }
  EXPECT_GE(nodes, 3u);
  EXPECT_LE(bytes, 3 * question.size());
}

TEST(DhtServer, OrdersNamesLessAndLessOftenWhileNobodyAnswers) {
  Swarm swarm;
  swarm.add();
  swarm.names = {endpoint_of(77)};
  swarm.run(6h);
  EXPECT_GE(swarm.member(0).names_ordered, 8u);
  EXPECT_LE(swarm.member(0).names_ordered, 12u);
  EXPECT_EQ(swarm.member(0).names_ordered, swarm.sent_to_nobody);
}

TEST(DhtServer, OrdersNamesEveryMinuteWhileNoneResolves) {
  Swarm swarm;
  swarm.add();
  swarm.run(1h);
  EXPECT_GE(swarm.member(0).names_ordered, 55u);
  EXPECT_LE(swarm.member(0).names_ordered, 61u);
}

TEST(DhtServer, WithoutNamesItWaitsForSomebodyToAsk) {
  Swarm swarm;
  Server::Options options = options_of(0);
  options.has_bootstrap_names = false;
  swarm.add(options);
  swarm.run(10min);
  EXPECT_EQ(0u, swarm.member(0).names_ordered);
  EXPECT_EQ(0u, swarm.sent_to_nobody);
  // The others know it, and that is enough.
  for (int i = 0; i < 10; ++i) swarm.add();
  swarm.names = {endpoint_of(0)};
  swarm.run(2min);
  EXPECT_GE(swarm[0].table(Family::kV4).size(), 8u);
}

TEST(DhtServer, NoticesThatItIsIgnored) {
  Swarm swarm;
  for (int i = 0; i < 20; ++i) swarm.add();
  swarm.names = {endpoint_of(0)};
  swarm.run(2min);
  for (size_t i = 1; i < swarm.size(); ++i) swarm.member(i).is_alive = false;
  swarm.run(60min);
  EXPECT_TRUE(swarm[0].query_rate(Family::kV4).is_ignored());
  EXPECT_GE(swarm[0].table(Family::kV4).size(), 8u) << "it may be our own line";
  EXPECT_GE(swarm.member(0).names_ordered, 4u) << "but it looks for a new way in";
  for (size_t i = 10; i < swarm.size(); ++i) swarm.member(i).is_alive = true;
  swarm.run(60min);
  EXPECT_FALSE(swarm[0].query_rate(Family::kV4).is_ignored());
  std::array<wire::CompactNode, 64> nodes;
  const size_t count = swarm[0].table(Family::kV4).nearest(kNetwork, nodes);
  EXPECT_GE(count, 8u);
  for (size_t i = 1; i < 10; ++i) {
    EXPECT_FALSE(swarm[0].verifier().ring().contains(endpoint_of(i))) << "they are gone after all";
    for (size_t k = 0; k < count; ++k) EXPECT_NE(endpoint_of(i), nodes[k].endpoint);
  }
}

TEST(DhtServer, KnowsAllWhomItKnewOnceItsLineIsBack) {
  Swarm swarm;
  for (int i = 0; i < 16; ++i) swarm.add();
  swarm.names = {endpoint_of(1)};
  swarm.run(25min);
  const size_t contacts = swarm[0].verifier().ring().size(Family::kV4);
  const size_t nodes = swarm[0].table(Family::kV4).size();
  EXPECT_GE(contacts, 8u);
  swarm.is_cut_off = true;  // Nothing gets through to number 0, or from it.
  swarm.run(65min);         // All have been due twice.
  EXPECT_TRUE(swarm[0].verifier().is_line_dead(swarm.now, Family::kV4));
  EXPECT_EQ(contacts, swarm[0].verifier().ring().size(Family::kV4));
  swarm.is_cut_off = false;
  swarm.run(10min);
  EXPECT_FALSE(swarm[0].verifier().is_line_dead(swarm.now, Family::kV4));
  EXPECT_LE(contacts, swarm[0].verifier().ring().size(Family::kV4));
  EXPECT_GE(swarm[0].table(Family::kV4).size(), nodes / 2);
  const auto ages = swarm[0].verifier().ring().ages(swarm.now, Family::kV4);
  EXPECT_EQ(0u, ages.back()) << "and all have been asked again";
}

TEST(DhtServer, SupernodesFindEachOtherUnderTheNetworksInfohash) {
  Swarm swarm;
  for (int i = 0; i < 20; ++i) swarm.add();
  swarm.names = {endpoint_of(0)};
  for (size_t i = 0; i < 20; ++i) {
    if (i != 3 && i != 5 && i != 7) swarm[i].set_supernode(swarm.now, i < 2);
  }
  swarm[0].set_supernode(swarm.now, true);
  swarm.run(3min);
  swarm[9].forget_found_peers();
  swarm.run(Server::kAnnounceEvery);
  std::vector<Endpoint> found;
  for (const auto& peer : swarm[9].found_peers()) found.push_back(peer.endpoint);
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a.address < b.address; });
  EXPECT_EQ((std::vector<Endpoint>{endpoint_of(0), endpoint_of(1), endpoint_of(3), endpoint_of(5),
                                   endpoint_of(7)}),
            found);
  swarm[9].forget_found_peers();
  EXPECT_TRUE(swarm[9].found_peers().empty());
  const auto others = swarm[3].found_peers();
  EXPECT_EQ(4u, others.size());
  for (const auto& peer : others) EXPECT_NE(endpoint_of(3), peer.endpoint) << "but itself";
}

TEST(DhtServer, ALeafIsNeverKeptByOthers) {
  Swarm swarm;
  for (int i = 0; i < 12; ++i) {
    swarm.add();
    if (i == 11) swarm[11].set_supernode(swarm.now, false);
  }
  swarm.names = {endpoint_of(0)};
  swarm.run(3min);
  for (size_t i = 0; i < 11; ++i) {
    std::array<wire::CompactNode, 64> nodes;
    const size_t count = swarm[i].table(Family::kV4).nearest(kNetwork, nodes);
    for (size_t k = 0; k < count; ++k) EXPECT_NE(endpoint_of(11), nodes[k].endpoint);
    EXPECT_FALSE(swarm[i].verifier().ring().contains(endpoint_of(11)));
  }
  EXPECT_GE(swarm[11].table(Family::kV4).size(), 8u) << "it knows them all the same";
}

TEST(DhtServer, PutsItsRecordWhereOthersGetItAndGivesItUnderTheInfohash) {
  Swarm swarm;
  for (int i = 0; i < 20; ++i) swarm.add();
  swarm.names = {endpoint_of(0)};
  const SigningKey key = make_key();
  const auto item = wire::sign_mutable_item(key, 1, as_bytes("roost"), as_bytes("d1:pi1ee"));
  swarm[2].set_own_item(swarm.now, item);
  swarm.run(3min);
  const auto ask = [&](size_t whom, const wire::NodeId& target) {
    swarm[whom].verifier().prove(swarm.now, endpoint_of(90).address);
    wire::KrpcQuery query;
    query.method = KrpcMethod::kGet;
    query.target = target;
    const auto sent = swarm.send(whom, endpoint_of(90), as_bytes(encoded(query)));
    for (const auto& [to, payload] : sent) {
      const auto message = wire::parse_krpc(as_bytes(payload));
      if (!message || message->kind != wire::KrpcKind::kResponse) continue;
      const auto response = parse_response(*message);
      if (response && response->key == key.public_key())
        return std::string(as_text(response->value));
    }
    return std::string();
  };
  size_t holders = 0;
  const auto target = wire::mutable_item_target(key.public_key(), as_bytes("roost"));
  for (size_t i = 0; i < swarm.size(); ++i) holders += ask(i, target) == "d1:pi1ee";
  EXPECT_GE(holders, 6u);
  EXPECT_EQ("d1:pi1ee", ask(2, kNetwork));
  EXPECT_EQ("", ask(3, kNetwork));
}

TEST(DhtServer, LooksUpWhatAnotherHasPut) {
  Swarm swarm;
  for (int i = 0; i < 20; ++i) swarm.add();
  swarm.names = {endpoint_of(0)};
  const SigningKey key = make_key();
  swarm[2].set_own_item(swarm.now,
                        wire::sign_mutable_item(key, 1, as_bytes("roost"), as_bytes("d1:pi1ee")));
  swarm.run(3min);
  const auto searches = [&] {
    return swarm[9].stats().searches[static_cast<size_t>(SearchPurpose::kItem)];
  };
  ASSERT_TRUE(swarm[9].may_look_up_item());
  swarm[9].look_up_item(swarm.now, key.public_key(), as_bytes("roost"));
  EXPECT_FALSE(swarm[9].may_look_up_item()) << "one at a time";
  swarm.run(30s);
  EXPECT_EQ(1u, searches());
  const auto& found = swarm.member(9).found_items;
  EXPECT_GE(found.size(), 4u) << "each holder tells of it";
  for (const std::string& value : found) EXPECT_EQ("d1:pi1ee", value);
  EXPECT_FALSE(swarm[9].found_item().has_value());

  swarm.member(9).found_items.clear();
  ASSERT_TRUE(swarm[9].may_look_up_item());
  swarm[9].look_up_item(swarm.now, key.public_key(), as_bytes("other"));
  swarm.run(30s);
  EXPECT_EQ(2u, searches());
  EXPECT_TRUE(swarm.member(9).found_items.empty());
}

TEST(DhtServer, BelievesNoAddressThatItsOwnerHasSettled) {
  Swarm swarm;
  Server::Options options = options_of(0);
  options.external_addresses[0] = IpAddress::v4(0x01020304);
  swarm.add(options);
  for (int i = 0; i < 12; ++i) swarm.add();
  swarm.names = {endpoint_of(0)};
  swarm.run(2min);
  EXPECT_EQ(IpAddress::v4(0x01020304), swarm[0].external_address(Family::kV4));
  EXPECT_TRUE(wire::conforms(swarm[0].own_id(Family::kV4), IpAddress::v4(0x01020304)));
}

TEST(DhtServer, TakesNoAnswerThatItHasNotAskedFor) {
  Swarm swarm;
  swarm.add(unsure_options_of(0));
  swarm.run(1min);
  std::array<uint8_t, 512> buffer;
  std::array<uint8_t, wire::kCompactNodeV4Size> nodes{1};
  nodes[25] = 1;
  wire::KrpcResponse response{.id = wire::NodeId{1}};
  response.nodes = nodes;
  for (const std::string_view id : {"aaaa", "aaaaaaaa",
                                    "\x06"
                                    "aaaaaaa",
                                    "\x05"
                                    "aaaaaaa"}) {
    const Bytes answer =
        encode(wire::KrpcHead{.transaction_id = as_bytes(id), .observed = endpoint_of(66)},
               response, buffer);
    EXPECT_TRUE(swarm.send(0, endpoint_of(50), answer).empty());
  }
  EXPECT_EQ(4u, swarm[0].stats().drops[static_cast<size_t>(Server::Drop::kUnasked)]);
  EXPECT_EQ(0u, swarm[0].table(Family::kV4).size());
  EXPECT_EQ(0u, swarm[0].search_count());
  EXPECT_FALSE(swarm[0].external_address(Family::kV4));
}

TEST(DhtServer, AnswersNothingThatIsMalformed) {
  Swarm swarm;
  swarm.add();
  for (const std::string_view text : {"d", "de", "d1:y1:qe", "d1:t1:a1:y1:ze"}) {
    EXPECT_TRUE(swarm.send(0, endpoint_of(50), as_bytes(text)).empty()) << text;
  }
  EXPECT_EQ(4u, swarm[0].stats().drops[static_cast<size_t>(Server::Drop::kMalformed)]);
}

TEST(DhtServer, AsksNoAddressThatTheInternetDoesNotReach) {
  Swarm swarm;
  swarm.add();
  swarm.names = {*Endpoint::parse("127.0.0.1:6881"),
                 *Endpoint::parse("192.168.1.1:53"),
                 *Endpoint::parse("100.64.0.1:1"),
                 {endpoint_of(3).address, 0}};
  swarm.run(1h);
  EXPECT_GE(swarm.member(0).names_ordered, 2u);
  EXPECT_EQ(0u, swarm.sent_to_nobody);
}

// Whoever asks is pinged, and the answer to that says where it goes.
TEST(DhtServer, BelievesNothingOfItsAddressThatStrangersSayUnasked) {
  Swarm swarm;
  swarm.add(unsure_options_of(0));
  wire::KrpcQuery query;
  query.method = KrpcMethod::kPing;
  const std::string question = encoded(query);
  std::array<uint8_t, 512> buffer;
  size_t answered = 0;
  for (size_t i = 20; i < 40; ++i) {
    for (const auto& [to, payload] : swarm.send(0, endpoint_of(i), as_bytes(question))) {
      const auto ping = wire::parse_krpc(as_bytes(payload));
      if (!ping || ping->kind != wire::KrpcKind::kQuery) continue;
      const wire::KrpcHead head{.transaction_id = ping->head.transaction_id,
                                .observed = endpoint_of(99)};
      (void)swarm.send(0, to, encode(head, wire::KrpcResponse{.id = wire::NodeId{1}}, buffer));
      ++answered;
    }
  }
  EXPECT_EQ(20u, answered);
  EXPECT_FALSE(swarm[0].external_address(Family::kV4));
}

TEST(DhtServer, HasTheIdOfTheAddressThatTheOwnerNamesNow) {
  Swarm swarm;
  swarm.add();
  swarm[0].set_external_addresses(swarm.now, {IpAddress::v4(0x01020304), std::nullopt});
  EXPECT_TRUE(wire::conforms(swarm[0].own_id(Family::kV4), IpAddress::v4(0x01020304)));
  EXPECT_EQ(IpAddress::v4(0x01020304), swarm[0].external_address(Family::kV4));
}

}  // namespace
}  // namespace roost::core::dht
