// SPDX-License-Identifier: MIT
//
// Goal: until a peer has shown that it expects what comes, and when it has not for a while, nothing
// passes but the checks by which it can show it; and no peer that does not speak ICE is taken for
// one that has.
// Method: messages of both sides in each order, put together byte by byte; what looks like a check
// and is none; the table filled to its bounds; time.
#include "core/turn/consent.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "raw_stun.h"

namespace roost::core::turn {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::RawStun;
using Data = std::vector<uint8_t>;

constexpr SipHashKey kSecret{4, 5, 6};
constexpr uint16_t kRequest = 0x0001;
constexpr uint16_t kIndication = 0x0011;
constexpr uint16_t kSuccess = 0x0101;
constexpr uint16_t kError = 0x0111;
constexpr uint16_t kAllocate = 0x0003;
constexpr uint16_t kUsername = 0x0006;
// "theirs:ours": how the client writes it, and the peer.
constexpr std::string_view kOurName = "peer:us";
constexpr std::string_view kTheirName = "us:peer";

Data text(std::string_view value) {
  return {value.begin(), value.end()};
}
const Data kKey = text("key");
const Data kMedia = text("\x80 a packet of media");

Endpoint peer(uint16_t number) {
  return {IpAddress::v4(0x09090909), number};
}
const Endpoint kPeer = peer(9000);

// With the transaction ID that ends so.
Data message(RawStun stun, uint8_t id) {
  Data bytes = stun.bytes();
  bytes[19] = id;
  return bytes;
}
Data check(std::string_view name, uint8_t id) {
  return message(RawStun(kRequest).add(kUsername, text(name)).add_integrity(kKey), id);
}
Data success(uint8_t id) {
  return message(RawStun(kSuccess).add_integrity(kKey), id);
}

class ConsentTest : public testing::Test {
 protected:
  bool to_peer(const Data& data, const Endpoint& to = kPeer) {
    return consent_.admits_to_peer(now_, kSlot, to, data);
  }
  bool to_client(const Data& data, const Endpoint& from = kPeer) {
    return consent_.admits_to_client(now_, kSlot, from, data);
  }
  bool is_given(const Endpoint& of = kPeer) const { return consent_.is_given(now_, kSlot, of); }
  // The client's check and the peer's answer.
  void get_consent(const Endpoint& of) {
    EXPECT_TRUE(to_peer(check(kOurName, 1), of));
    EXPECT_TRUE(to_client(success(1), of));
    EXPECT_TRUE(is_given(of));
  }

  void pass(Duration time) { now_ += time; }

  static constexpr uint32_t kSlot = 2;
  MonoTime now_{hours(1)};
  Consent consent_{4, 2, kSecret};
};

TEST_F(ConsentTest, LetsNothingPassBeforeItIsGiven) {
  EXPECT_FALSE(to_peer(kMedia));
  EXPECT_FALSE(to_client(kMedia));
  EXPECT_TRUE(to_peer(check(kOurName, 1)));
  EXPECT_FALSE(to_peer(kMedia));
  EXPECT_FALSE(to_client(kMedia));
  EXPECT_FALSE(is_given());
}

TEST_F(ConsentTest, IsGivenByAnAnswerToACheck) {
  get_consent(kPeer);
  EXPECT_TRUE(to_peer(kMedia));
  EXPECT_TRUE(to_client(kMedia));
  EXPECT_TRUE(to_peer({}));
  EXPECT_TRUE(to_peer(Data(Consent::kCheckSizeMax + 1)));
  // By this peer for this allocation, and for nothing else.
  EXPECT_FALSE(to_peer(kMedia, peer(9001)));
  EXPECT_FALSE(consent_.admits_to_peer(now_, kSlot + 1, kPeer, kMedia));
  EXPECT_FALSE(consent_.admits_to_client(now_, kSlot - 1, kPeer, kMedia));
}

TEST_F(ConsentTest, IsGivenByTheAnswerToTheLastCheckAlone) {
  EXPECT_FALSE(to_client(success(1)));  // To nothing.
  EXPECT_TRUE(to_peer(check(kOurName, 1)));
  EXPECT_TRUE(to_peer(check(kOurName, 2)));
  EXPECT_FALSE(to_client(success(3)));
  EXPECT_FALSE(to_client(success(1)));
  EXPECT_FALSE(to_client(success(2), peer(9001)));
  EXPECT_FALSE(is_given());
  EXPECT_TRUE(to_client(success(2)));
  EXPECT_TRUE(is_given());
}

TEST_F(ConsentTest, IsNotGivenByAnErrorNorWithoutIntegrity) {
  EXPECT_TRUE(to_peer(check(kOurName, 1)));
  // They reach the client: a role conflict is one (RFC 8445 §7.3.1.1).
  EXPECT_TRUE(to_client(message(RawStun(kError).add_integrity(kKey), 1)));
  EXPECT_TRUE(to_client(message(RawStun(kError), 1)));
  // Servers of STUN answer like this.
  EXPECT_TRUE(to_client(message(RawStun(kSuccess), 1)));
  EXPECT_FALSE(is_given());
  EXPECT_TRUE(to_client(message(RawStun(kSuccess).add_integrity_sha256(kKey), 1)));
  EXPECT_TRUE(is_given());
}

TEST_F(ConsentTest, IsGivenByACheckThatMirrorsTheClients) {
  EXPECT_TRUE(to_peer(check(kOurName, 1)));
  EXPECT_TRUE(to_client(check("us:other", 2)));
  EXPECT_FALSE(to_client(check(kOurName, 3)));  // In which the peer would bear the client's name.
  EXPECT_TRUE(to_client(check("us:peer2", 4)));
  EXPECT_FALSE(is_given());
  EXPECT_TRUE(to_client(check(kTheirName, 5)));
  EXPECT_TRUE(is_given());
}

TEST_F(ConsentTest, IsGivenByTheClientsCheckThatMirrorsThePeers) {
  EXPECT_TRUE(to_client(check(kTheirName, 1)));
  EXPECT_FALSE(is_given());
  EXPECT_FALSE(to_peer(kMedia));
  EXPECT_TRUE(to_peer(check("peer2:us", 2)));
  EXPECT_FALSE(is_given());
  EXPECT_TRUE(to_peer(check(kOurName, 3)));
  EXPECT_TRUE(is_given());
}

TEST_F(ConsentTest, MirrorsAtTheFirstColon) {
  EXPECT_TRUE(to_peer(check("a:b:c", 1)));
  EXPECT_TRUE(to_client(check("c:a:b", 2)));
  EXPECT_FALSE(is_given());
  EXPECT_TRUE(to_client(check("b:c:a", 3)));
  EXPECT_TRUE(is_given());
}

TEST_F(ConsentTest, LetsTheClientAnswerOnlyAPeerThatHasAsked) {
  EXPECT_FALSE(to_peer(success(1)));
  EXPECT_TRUE(to_peer(check(kOurName, 1)));
  EXPECT_FALSE(to_peer(success(1)));
  EXPECT_TRUE(to_client(check("us:other", 7)));
  EXPECT_TRUE(to_peer(success(7)));
  EXPECT_TRUE(to_peer(message(RawStun(kError), 7)));
  EXPECT_FALSE(is_given());  // That the client answers says nothing of the peer.
}

// A server that sends back whatever it gets expects nothing.
TEST_F(ConsentTest, IsNotGivenByAnEcho) {
  for (const std::string_view name : {"peer:us", "us:us"}) {
    const Data ours = check(name, 1);
    to_peer(ours);
    EXPECT_FALSE(to_client(ours)) << name;
    EXPECT_FALSE(to_peer(success(1))) << name;
    EXPECT_FALSE(is_given()) << name;
  }
  // Nor by two of them, of which one mirrors the other: the second does not leave.
  EXPECT_TRUE(to_peer(check("peer:us", 2)));
  EXPECT_FALSE(to_client(check("peer:us", 2)));
  EXPECT_FALSE(to_peer(check("us:peer", 3)));
  EXPECT_FALSE(is_given());
}

TEST_F(ConsentTest, TakesNothingElseForACheck) {
  const Data plain = check(kOurName, 1);
  Data long_check = message(RawStun(kRequest)
                                .add(kUsername, text(kOurName))
                                .add(0x8022, Data(Consent::kCheckSizeMax))
                                .add_integrity(kKey),
                            1);
  Data cut = plain;
  cut.pop_back();
  Data trailing = plain;
  trailing.resize(plain.size() + 4);
  Data dns = {0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0, 3, 'w', 'w', 'w', 0, 0, 1, 0, 1};
  Data ntp(48);
  ntp[0] = 0x23;
  const std::pair<const char*, Data> kRows[] = {
      {"nothing", {}},
      {"DNS", dns},
      {"NTP", ntp},
      {"QUIC", Data(1200, 0xc0)},
      {"too long", long_check},
      {"cut off", cut},
      {"more behind it", trailing},
      {"classic STUN",
       message(RawStun(kRequest, 0x12345678).add(kUsername, text(kOurName)).add_integrity(kKey),
               1)},
      {"an indication", message(RawStun(kIndication).add(kUsername, text(kOurName)), 1)},
      {"another method",
       message(RawStun(kAllocate).add(kUsername, text(kOurName)).add_integrity(kKey), 1)},
      {"no user name", message(RawStun(kRequest).add_integrity(kKey), 1)},
      {"no integrity", message(RawStun(kRequest).add(kUsername, text(kOurName)), 1)},
      {"the user name behind the integrity",
       message(RawStun(kRequest).add_integrity(kKey).add(kUsername, text(kOurName)), 1)},
      {"one name", check("peer", 1)},
      {"half a name", check("peer:", 1)},
      {"the other half", check(":us", 1)},
      {"no name", check(":", 1)},
  };
  for (const auto& [what, bytes] : kRows) {
    SCOPED_TRACE(what);
    EXPECT_FALSE(to_peer(bytes));
    EXPECT_FALSE(to_client(bytes));
    EXPECT_FALSE(to_client(success(1)));
    EXPECT_FALSE(is_given());
  }
  EXPECT_TRUE(to_peer(plain));
  Data longest = message(RawStun(kRequest)
                             .add(kUsername, text(kOurName))
                             .add(0x8022, Data(Consent::kCheckSizeMax - 20 - 12 - 24 - 4))
                             .add_integrity(kKey),
                         9);
  ASSERT_EQ(longest.size(), Consent::kCheckSizeMax);
  EXPECT_TRUE(to_peer(longest));
}

TEST_F(ConsentTest, LetsThePeerWithTheOldestCheckGiveWay) {
  for (uint16_t i = 0; i < Consent::kPeersMax; ++i) to_peer(check(kOurName, 1), peer(i));
  // The first is asked again, so the second is the oldest.
  to_peer(check(kOurName, 2), peer(0));
  to_peer(check(kOurName, 1), peer(100));
  EXPECT_FALSE(to_client(success(1), peer(1)));
  EXPECT_TRUE(to_client(success(2), peer(0)));
  EXPECT_TRUE(to_client(success(1), peer(2)));
  EXPECT_TRUE(to_client(success(1), peer(100)));
}

TEST_F(ConsentTest, IsKeptHoweverManyOthersCome) {
  get_consent(peer(1));
  for (uint16_t i = 100; i < 1000; ++i) {
    EXPECT_TRUE(to_peer(check(kOurName, 1), peer(i)));
    EXPECT_TRUE(to_client(check("us:x", 2), peer(i)));
  }
  EXPECT_TRUE(is_given(peer(1)));
  // Nobody gives way to a newcomer once all have consented.
  for (uint16_t i = 2; i <= Consent::kPeersMax; ++i) get_consent(peer(i));
  EXPECT_FALSE(to_peer(check(kOurName, 1), peer(50)));
  EXPECT_FALSE(to_client(check(kTheirName, 1), peer(50)));
  for (uint16_t i = 1; i <= Consent::kPeersMax; ++i) EXPECT_TRUE(to_peer(kMedia, peer(i)));
}

// ---- How long (RFC 7675 §5.1).

TEST_F(ConsentTest, LapsesWhenThePeerIsSilentWhateverTheClientSends) {
  get_consent(kPeer);
  for (Duration silence{}; silence < Consent::kLifetime; silence += seconds(4)) {
    EXPECT_TRUE(to_peer(check(kOurName, static_cast<uint8_t>(silence / seconds(1)))))
        << "unanswered";
    EXPECT_TRUE(to_peer(kMedia));
    EXPECT_TRUE(to_client(kMedia)) << "which is no sign of consent";
    pass(seconds(4));
  }
  EXPECT_FALSE(is_given());
  EXPECT_FALSE(to_peer(kMedia));
  EXPECT_FALSE(to_client(kMedia));
  // Checks may pass, and with their answer it is there again.
  EXPECT_TRUE(to_peer(check(kOurName, 99)));
  EXPECT_FALSE(to_peer(kMedia));
  EXPECT_TRUE(to_client(success(99)));
  EXPECT_TRUE(to_peer(kMedia));
}

TEST_F(ConsentTest, LastsToTheMicrosecond) {
  get_consent(kPeer);
  pass(Consent::kLifetime - Duration(1));
  EXPECT_TRUE(is_given());
  EXPECT_TRUE(to_peer(kMedia));
  pass(Duration(1));
  EXPECT_FALSE(is_given());
  EXPECT_FALSE(to_peer(kMedia));
}

// Browsers check every 4 to 6 seconds; of seven checks one is answered.
TEST_F(ConsentTest, IsKeptByEachAnswerAlthoughSixChecksAreLost) {
  get_consent(kPeer);
  uint8_t id = 1;
  for (int round = 0; round < 20; ++round) {
    for (int lost = 0; lost < 6; ++lost) {
      pass(seconds(5));
      EXPECT_TRUE(to_peer(check(kOurName, ++id)));
      EXPECT_TRUE(to_peer(kMedia)) << round << ' ' << lost;
    }
    pass(seconds(5));
    EXPECT_TRUE(to_peer(check(kOurName, ++id)));
    pass(milliseconds(400));
    EXPECT_TRUE(to_client(kMedia)) << round;
    EXPECT_TRUE(to_client(success(id)));
  }
}

TEST_F(ConsentTest, IsKeptByThePeersOwnChecks) {
  get_consent(kPeer);
  for (uint8_t id = 10; id < 100; ++id) {
    pass(seconds(35));
    EXPECT_TRUE(to_client(check(kTheirName, id)));
    EXPECT_TRUE(to_peer(success(id)));
    EXPECT_TRUE(to_peer(kMedia));
  }
  // With other names it says nothing of this client.
  pass(seconds(35));
  EXPECT_TRUE(to_client(check("us:other", 200)));
  pass(seconds(1));
  EXPECT_FALSE(to_peer(kMedia));
}

// A check of the client's that mirrors one of the peer's says no more than that one did.
TEST_F(ConsentTest, IsNotKeptByTheClientsOwnWord) {
  EXPECT_TRUE(to_client(check(kTheirName, 1)));
  pass(seconds(20));
  EXPECT_TRUE(to_peer(check(kOurName, 2)));
  EXPECT_TRUE(to_peer(kMedia));
  pass(seconds(15));
  EXPECT_TRUE(to_peer(check(kOurName, 3)));
  EXPECT_TRUE(to_peer(kMedia));
  pass(seconds(1));
  EXPECT_TRUE(to_peer(check(kOurName, 4)));
  EXPECT_FALSE(to_peer(kMedia));
  EXPECT_FALSE(to_peer(success(1))) << "nor is an answer due to a check of so long ago";
}

TEST_F(ConsentTest, IsKeptByAnAnswerOnceAndByNoEchoOrError) {
  get_consent(kPeer);
  pass(seconds(30));
  EXPECT_TRUE(to_client(success(1)));  // Repeated.
  EXPECT_TRUE(to_peer(check(kOurName, 2)));
  EXPECT_TRUE(to_client(check(kOurName, 2)));  // It may pass, as everything may.
  EXPECT_TRUE(to_client(message(RawStun(kError).add_integrity(kKey), 2)));
  EXPECT_TRUE(to_client(message(RawStun(kSuccess), 2)));
  pass(seconds(6));
  EXPECT_FALSE(is_given());
  EXPECT_FALSE(to_client(success(1)));
}

TEST_F(ConsentTest, OfAnotherPeerIsNotKept) {
  get_consent(kPeer);
  pass(seconds(20));
  get_consent(peer(9001));
  pass(seconds(16));
  EXPECT_FALSE(to_peer(kMedia));
  EXPECT_TRUE(to_peer(kMedia, peer(9001)));
}

TEST_F(ConsentTest, GivesWayOnceItHasLapsed) {
  for (uint16_t i = 0; i < Consent::kPeersMax; ++i) get_consent(peer(i));
  EXPECT_FALSE(to_peer(check(kOurName, 1), peer(100)));
  pass(Consent::kLifetime - seconds(1));
  for (uint16_t i = 0; i < Consent::kPeersMax; ++i) {
    if (i != 5) get_consent(peer(i));
  }
  pass(seconds(1));
  get_consent(peer(100));
  EXPECT_FALSE(to_client(kMedia, peer(5)));
  EXPECT_TRUE(to_client(kMedia, peer(4)));
  EXPECT_FALSE(to_peer(check(kOurName, 1), peer(101)));
}

TEST_F(ConsentTest, IsForgottenWithTheAllocation) {
  get_consent(kPeer);
  consent_.forget(kSlot);
  EXPECT_FALSE(is_given());
  EXPECT_FALSE(to_peer(kMedia));
  EXPECT_FALSE(to_client(success(1)));
  consent_.forget(kSlot);
  get_consent(kPeer);
}

// Two allocations at a time, each with all its peers; what they give back serves the next ones.
TEST_F(ConsentTest, HasRoomForTheAllocationsThatItWasMadeFor) {
  const auto fill = [&](uint32_t slot) {
    for (uint16_t i = 0; i < Consent::kPeersMax; ++i) {
      if (!consent_.admits_to_peer(now_, slot, peer(i), check(kOurName, 1))) return false;
      EXPECT_TRUE(consent_.admits_to_client(now_, slot, peer(i), success(1)));
    }
    return true;
  };
  EXPECT_TRUE(fill(0));
  EXPECT_TRUE(fill(1));
  EXPECT_FALSE(fill(2));
  for (uint32_t i = 0; i < 100; ++i) {
    consent_.forget(i % 2);
    EXPECT_TRUE(fill(2 + i % 2)) << i;
    EXPECT_FALSE(fill(i % 2)) << i;
    consent_.forget(2 + i % 2);
    EXPECT_TRUE(fill(i % 2)) << i;
  }
  EXPECT_GT(Consent::bytes_for(4, 2), 2 * Consent::kPeersMax * sizeof(Endpoint));
}

}  // namespace
}  // namespace roost::core::turn
