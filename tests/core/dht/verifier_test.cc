// SPDX-License-Identifier: MIT
//
// Goal: contacts are nodes that have answered after a silence, from an address that the Internet
// reaches and under an ID that is theirs; whoever lacks one of these never comes in, and nobody is
// sent more than he may be.
#include "core/dht/verifier.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace roost::core::dht {
namespace {

using namespace std::chrono_literals;

constexpr SocketId kSocket = 3;
const Endpoint kOurs = *Endpoint::parse("198.51.100.1:3478");
const Endpoint kTheirs = *Endpoint::parse("8.8.4.4:6881");
const wire::NodeId kOurId{0xaa};

struct Ping {
  std::string transaction_id;
  Endpoint to;
  PingPurpose purpose;
};

class VerifierTest : public testing::Test {
 protected:
  explicit VerifierTest(const Verifier::Options& options = default_options())
      : verifier_(options, random_, now_) {
    verifier_.set_home(Family::kV4, Home{kSocket, LocalEnd{kOurs, 0}, kOurId});
  }

  static Verifier::Options default_options() {
    Verifier::Options options;
    options.contacts = {.v4_contacts = 800, .v6_contacts = 800};
    options.candidates = 64;
    options.proven_addresses = 64;
    return options;
  }

  static wire::NodeId good_id(const Endpoint& node) {
    return wire::conforming_node_id(node.address, wire::NodeId{1, 2, 3});
  }

  // What was asked since the last time.
  std::vector<Ping> pings() {
    std::vector<Ping> found;
    for (const Action& action : out_.actions()) {
      const auto& sent = std::get<SendDatagram>(action);
      EXPECT_EQ(kSocket, sent.from);
      EXPECT_GE(Verifier::kPingSize, sent.payload.size());
      const auto message = wire::parse_krpc(sent.payload);
      EXPECT_TRUE(message && message->method == wire::KrpcMethod::kPing);
      const auto query = parse_query(*message);
      EXPECT_TRUE(query && query->id == kOurId);
      const std::string id(as_text(message->head.transaction_id));
      found.push_back({id, sent.to, static_cast<PingPurpose>(id.at(0))});
    }
    out_.clear();
    return found;
  }

  size_t query_from(const Endpoint& from, bool may_ping = true) {
    if (!verifier_.is_proven(now_, from.address)) {
      return verifier_.heard_query(now_, from, may_ping, out_);
    }
    verifier_.heard_proven(now_, from);
    return 0;
  }

  bool answer(const Ping& ping, const wire::NodeId& id, std::optional<Endpoint> from = {}) {
    std::array<uint8_t, 200> buffer;
    wire::KrpcResponse response;
    response.id = id;
    const Bytes payload =
        encode(wire::KrpcHead{.transaction_id = as_bytes(ping.transaction_id)}, response, buffer);
    const DatagramArrived input{kSocket, LocalEnd{kOurs, 0}, from.value_or(ping.to), payload};
    return verifier_.heard_answer(now_, input, *wire::parse_krpc(payload)).has_value();
  }

  std::vector<Ping> turn() {
    verifier_.step(now_, DeadlinePassed(), out_);
    return pings();
  }

  // From its first query until it is due.
  void make_candidate(const Endpoint& node) {
    query_from(node);
    const auto asked = pings();
    ASSERT_EQ(1u, asked.size());
    EXPECT_EQ(PingPurpose::kProof, asked[0].purpose);
    EXPECT_TRUE(answer(asked[0], good_id(node)));
  }

  size_t taken(Family family = Family::kV4) {
    std::array<wire::CompactNode, 8> contacts;
    return verifier_.take(now_, family, contacts);
  }

  SeededRandom random_{1};
  MonoTime now_{1h};
  Outbox out_;
  Verifier verifier_;
};

TEST_F(VerifierTest, TakesAContactThatAnswersAfterItsSilence) {
  EXPECT_EQ(Verifier::kPingSize, query_from(kTheirs));
  const auto proof = pings();
  ASSERT_EQ(1u, proof.size());
  EXPECT_EQ(kTheirs, proof[0].to);
  EXPECT_FALSE(verifier_.is_proven(now_, kTheirs.address));
  EXPECT_TRUE(answer(proof[0], good_id(kTheirs)));
  EXPECT_TRUE(verifier_.is_proven(now_, kTheirs.address));
  EXPECT_EQ(0u, taken()) << "its NAT may let our packets in only because it has asked";
  EXPECT_EQ(now_ + 15min, verifier_.next_deadline());

  now_ += 15min;
  const auto admission = turn();
  ASSERT_EQ(1u, admission.size());
  EXPECT_EQ(PingPurpose::kAdmission, admission[0].purpose);
  EXPECT_TRUE(answer(admission[0], good_id(kTheirs)));
  EXPECT_EQ(1u, taken());
  EXPECT_EQ(0u, query_from(kTheirs)) << "we know it";
}

TEST_F(VerifierTest, WaitsAnewForWhoeverGoesOnAsking) {
  make_candidate(kTheirs);
  now_ += 10min;
  EXPECT_EQ(0u, query_from(kTheirs));
  now_ += 10min;
  EXPECT_TRUE(turn().empty());
  now_ += 5min;
  EXPECT_EQ(1u, turn().size());
}

TEST_F(VerifierTest, NeverTakesTheSilent) {
  make_candidate(kTheirs);
  now_ += 15min;
  ASSERT_EQ(1u, turn().size());
  EXPECT_EQ(0u, taken());
  EXPECT_FALSE(verifier_.next_deadline()) << "and forgets them";
}

TEST_F(VerifierTest, NeverMakesACandidateOfAnAddressThatHasProvenNothing) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Verifier::kPingSize, query_from(kTheirs));
  EXPECT_EQ(10u, pings().size());
  EXPECT_FALSE(verifier_.next_deadline());
  EXPECT_EQ(0u, query_from(kTheirs, false)) << "nor sends what may not be sent";
  EXPECT_TRUE(pings().empty());
}

// Everybody asks at once: whoever is not asked back keeps what a ping would have taken.
TEST_F(VerifierTest, AsksBackOnlySoManyInASecond) {
  const auto asked_back = [this](uint32_t first, size_t queries) {
    size_t count = 0;
    for (uint32_t i = 0; i < queries; ++i) {
      const size_t spent = query_from({IpAddress::v4(0x08080000 + first + i), 1});
      EXPECT_EQ(pings().size() * Verifier::kPingSize, spent);
      count += spent > 0;
    }
    return count;
  };
  EXPECT_EQ(Verifier::kProofsPerSecond, asked_back(0, 2 * Verifier::kProofsPerSecond));
  size_t within_a_second = 0;
  for (uint32_t i = 1; i <= 100; ++i) {
    now_ += 10ms;
    within_a_second += asked_back(i << 16, 100);
  }
  EXPECT_EQ(Verifier::kProofsPerSecond, within_a_second);
}

TEST_F(VerifierTest, NeverTakesAnIdThatIsNotItsAddress) {
  make_candidate(kTheirs);
  now_ += 15min;
  const auto admission = turn();
  ASSERT_EQ(1u, admission.size());
  wire::NodeId wrong = good_id(kTheirs);
  wrong[0] ^= 0x80;
  EXPECT_TRUE(answer(admission[0], wrong));
  EXPECT_EQ(0u, taken());
  EXPECT_EQ(1u, verifier_.stats().refused_id);
}

TEST_F(VerifierTest, NeverTakesAnAddressThatTheInternetCannotReach) {
  for (const std::string_view text : {"127.0.0.1:1", "10.0.0.1:1", "100.64.0.1:1", "192.0.2.1:1",
                                      "169.254.0.1:1", "[fd00::1]:1", "[2002:808:404::1]:1"}) {
    EXPECT_EQ(0u, query_from(*Endpoint::parse(text))) << text;
  }
  EXPECT_TRUE(pings().empty());
  EXPECT_EQ(7u, verifier_.stats().refused_special_purpose);
}

TEST_F(VerifierTest, BelievesNoAnswerOfAnother) {
  query_from(kTheirs);
  const auto proof = pings();
  ASSERT_EQ(1u, proof.size());
  const Endpoint other = *Endpoint::parse("8.8.4.5:6881");
  EXPECT_FALSE(answer(proof[0], good_id(other), other));
  EXPECT_FALSE(answer({"aa", kTheirs, PingPurpose::kProof}, good_id(kTheirs)));
  EXPECT_FALSE(verifier_.is_proven(now_, other.address));
  now_ += 61s;
  EXPECT_FALSE(answer(proof[0], good_id(kTheirs))) << "too late";
}

TEST_F(VerifierTest, AsksContactsAgainAndDropsTheDead) {
  const Endpoint dead = *Endpoint::parse("9.9.9.9:6881");
  for (const Endpoint& node : {kTheirs, dead}) {
    (void)verifier_.ring().admit(now_, {good_id(node), node});
  }
  for (int minute = 0; minute < 120; ++minute) {
    now_ += 1min;
    for (const Ping& ping : turn()) {
      if (ping.purpose == PingPurpose::kVerify && ping.to == kTheirs) {
        EXPECT_TRUE(answer(ping, good_id(kTheirs)));
      }
    }
  }
  EXPECT_TRUE(verifier_.ring().contains(kTheirs));
  EXPECT_FALSE(verifier_.ring().contains(dead));
  EXPECT_EQ(1u, taken());
}

TEST_F(VerifierTest, KeepsToItsPace) {
  for (uint32_t i = 0; i < 300; ++i) {
    verifier_.ring().restore(now_, {wire::NodeId{1}, {IpAddress::v4(0x08080101 + (i << 8)), 1}},
                             2h);
  }
  ASSERT_GT(verifier_.ring().size(Family::kV4), 200u);
  size_t asked = 0;
  for (int i = 0; i < 50; ++i) {  // Five seconds.
    for (const Ping& ping : turn()) {
      EXPECT_TRUE(answer(ping, good_id(ping.to)));  // Else it would wait for somebody to answer.
      ++asked;
    }
    now_ += 100ms;
  }
  EXPECT_GE(asked, 100u);
  EXPECT_LE(asked, 20u + 20 * 5);
}

// A day without a line, or with a donation that is used up.
TEST_F(VerifierTest, GivesNobodyUpWhileNobodyAnswers) {
  for (uint32_t i = 0; i < 300; ++i) {
    const Endpoint node{IpAddress::v4(0x08080101 + (i << 8)), 1};
    (void)verifier_.ring().admit(now_, {good_id(node), node});
  }
  const size_t before = verifier_.ring().size(Family::kV4);
  size_t asked = 0;
  for (int i = 0; i < 24 * 60 * 60; ++i) {
    now_ += 1s;
    asked += turn().size();
  }
  EXPECT_TRUE(verifier_.is_line_dead(now_, Family::kV4));
  EXPECT_EQ(before, verifier_.ring().size(Family::kV4));
  EXPECT_LE(asked, 20u * 11 + 24 * 60 + 10) << "one a minute";

  // The line is back: all are asked, and the one that is dead goes.
  const Endpoint dead{IpAddress::v4(0x08080101), 1};
  for (int i = 0; i < 60 * 60; ++i) {
    now_ += 1s;
    for (const Ping& ping : turn()) {
      if (ping.to == dead) continue;
      EXPECT_TRUE(answer(ping, good_id(ping.to)));
    }
  }
  EXPECT_FALSE(verifier_.is_line_dead(now_, Family::kV4));
  EXPECT_EQ(before - 1, verifier_.ring().size(Family::kV4));
  EXPECT_EQ(8u, taken());
}

TEST_F(VerifierTest, TakesAnswersToLookupsAtOnceOnlyWhileItHasFewContacts) {
  const auto node = [](uint32_t number) {
    return Endpoint{IpAddress::v4(0x08080101 + (number << 8)), 1};
  };
  for (uint32_t i = 0; i < 200; ++i) verifier_.heard_elsewhere(now_, {good_id(node(i)), node(i)});
  EXPECT_EQ(Verifier::kContactsMin, verifier_.ring().size(Family::kV4));
  now_ += 15min;
  size_t admissions = 0;
  for (int i = 0; i < 60; ++i, now_ += 1s) {
    for (const Ping& ping : turn()) {
      admissions += ping.purpose == PingPurpose::kAdmission;
      EXPECT_TRUE(answer(ping, good_id(ping.to)));
    }
  }
  EXPECT_GT(admissions, 0u) << "the others wait like everybody";
  EXPECT_GT(verifier_.ring().size(Family::kV4), Verifier::kContactsMin);
}

TEST_F(VerifierTest, MeasuresWhatItHandsOut) {
  (void)verifier_.ring().admit(now_, {good_id(kTheirs), kTheirs});
  EXPECT_EQ(1u, taken());
  now_ += 15min;
  const auto asked = turn();
  ASSERT_EQ(1u, asked.size());
  EXPECT_EQ(PingPurpose::kQuality15, asked[0].purpose);
  EXPECT_TRUE(answer(asked[0], good_id(kTheirs)));
  EXPECT_EQ(1u, verifier_.quality().counters()[0].answered);
}

TEST_F(VerifierTest, TakesItselfForNoContact) {
  verifier_.set_home(Family::kV4, Home{kSocket, LocalEnd{kOurs, 0}, good_id(kTheirs)});
  verifier_.heard_elsewhere(now_, {good_id(kTheirs), kTheirs});
  EXPECT_EQ(0u, verifier_.ring().size(Family::kV4));
  const Endpoint other = *Endpoint::parse("8.8.5.5:6881");
  verifier_.heard_elsewhere(now_, {good_id(other), other});
  EXPECT_EQ(1u, verifier_.ring().size(Family::kV4));
}

TEST_F(VerifierTest, AsksNobodyInAFamilyWithoutAHome) {
  const Endpoint v6 = *Endpoint::parse("[2600::1]:6881");
  EXPECT_EQ(0u, query_from(v6));
  verifier_.ring().restore(now_, {wire::NodeId{1}, v6}, 2h);
  EXPECT_TRUE(turn().empty());
}

class LocalVerifierTest : public VerifierTest {
 protected:
  LocalVerifierTest() : VerifierTest(local_options()) {}
  static Verifier::Options local_options() {
    Verifier::Options options = default_options();
    options.takes_special_purpose = true;
    return options;
  }
};

TEST_F(LocalVerifierTest, TakesLoopbackWhereThatIsAskedFor) {
  const Endpoint local = *Endpoint::parse("127.0.0.1:6881");
  make_candidate(local);
  now_ += 15min;
  const auto admission = turn();
  ASSERT_EQ(1u, admission.size());
  EXPECT_TRUE(answer(admission[0], wire::NodeId{7}));
  EXPECT_EQ(1u, taken());
}

}  // namespace
}  // namespace roost::core::dht
