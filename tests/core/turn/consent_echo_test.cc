// SPDX-License-Identifier: MIT
//
// Goal: a host that sends back what it gets has not consented to anything, whatever a stranger
// makes of that. Method: every order in which checks and answers of the client can come back to it,
// and the nearest thing that an agent would do.
#include <array>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "core/turn/consent.h"
#include "wire/stun_builder.h"

namespace roost::core::turn {
namespace {

using wire::StunAttribute;
using wire::StunClass;
using wire::StunMethod;
using Data = std::vector<uint8_t>;

constexpr MonoTime kNow{std::chrono::hours(1)};
constexpr uint32_t kSlot = 1;
const Endpoint kPeer{IpAddress::v4(0x09090909), 7};
const Data kData(30, 0x80);

Data message(StunClass message_class, std::string_view name, uint8_t id) {
  Data buffer(512);
  wire::StunBuilder builder(buffer, message_class, StunMethod::kBinding,
                            std::array<uint8_t, 12>{id});
  if (!name.empty()) builder.add(StunAttribute::kUsername, as_bytes(name));
  builder.add_integrity(as_bytes("key"));
  const Bytes built = builder.finish();
  return {built.begin(), built.end()};
}
Data check(std::string_view name, uint8_t id) {
  return message(StunClass::kRequest, name, id);
}
Data answer(uint8_t id) {
  return message(StunClass::kSuccess, {}, id);
}

class ConsentEchoTest : public testing::Test {
 protected:
  bool to_peer(const Data& data) { return consent_.admits_to_peer(kNow, kSlot, kPeer, data); }
  bool comes_back(const Data& data) { return consent_.admits_to_client(kNow, kSlot, kPeer, data); }

  Consent consent_{4, 2, SipHashKey{1}};
};

TEST_F(ConsentEchoTest, DoesNotTakeOneCheckForThePeers) {
  EXPECT_TRUE(to_peer(check("theirs:ours", 1)));
  EXPECT_FALSE(comes_back(check("theirs:ours", 1)));
  EXPECT_FALSE(to_peer(answer(1)));  // So it cannot come back.
  EXPECT_FALSE(to_peer(kData));
}

TEST_F(ConsentEchoTest, DoesNotTakeACheckOfNamesThatAreTheSame) {
  EXPECT_FALSE(to_peer(check("self:self", 1)));
  EXPECT_TRUE(to_peer(check("a:a:a", 2)));
  EXPECT_FALSE(comes_back(check("a:a:a", 2)));
  EXPECT_FALSE(to_peer(kData));
}

TEST_F(ConsentEchoTest, DoesNotTakeTwoChecksThatAreEachOthersAnswer) {
  for (const bool both_first : {true, false}) {
    EXPECT_TRUE(to_peer(check("a:b", 1)));
    if (!both_first) {
      EXPECT_FALSE(comes_back(check("a:b", 1)));
    }
    EXPECT_FALSE(to_peer(check("b:a", 2)));
    EXPECT_FALSE(comes_back(check("a:b", 1)));
    EXPECT_FALSE(to_peer(kData));
    consent_.forget(kSlot);
  }
}

TEST_F(ConsentEchoTest, RemembersHoweverLongACheckTakesToComeBack) {
  // A chain of names, of which each is the client's in one check and the peer's in the next.
  EXPECT_TRUE(to_peer(check("a:b", 1)));
  EXPECT_TRUE(to_peer(check("c:a", 2)));
  EXPECT_TRUE(to_peer(check("d:c", 3)));
  for (const Data& late : {check("a:b", 1), check("c:a", 2), check("d:c", 3)}) {
    EXPECT_FALSE(comes_back(late));
  }
  // Not even after so many others that what was known of the peer has given way.
  for (uint16_t port = 1000; port < 1000 + 2 * Consent::kPeersMax; ++port) {
    EXPECT_TRUE(consent_.admits_to_peer(kNow, kSlot, {kPeer.address, port}, check("d:c", 4)));
  }
  EXPECT_FALSE(to_peer(check("c:d", 5)));
  EXPECT_FALSE(comes_back(check("d:c", 3)));
  EXPECT_FALSE(to_peer(kData));
}

TEST_F(ConsentEchoTest, KnowsSoManyNamesOfAClientAndNoMore) {
  for (size_t i = 0; i < Consent::kNamesMax; ++i) {
    EXPECT_TRUE(to_peer(check("peer:us" + std::to_string(i), 1)));
  }
  EXPECT_FALSE(to_peer(check("peer:one too many", 1)));
  EXPECT_TRUE(to_peer(check("peer:us0", 2)));  // As before.
  EXPECT_FALSE(to_peer(check("us0:one more", 3)));
  consent_.forget(kSlot);
  EXPECT_TRUE(to_peer(check("peer:one too many", 1)));
}

TEST_F(ConsentEchoTest, GoesOnToBelieveAgents) {
  EXPECT_TRUE(to_peer(check("theirs:ours", 1)));
  EXPECT_TRUE(comes_back(check("ours:theirs", 2)));
  EXPECT_TRUE(to_peer(kData));
  EXPECT_TRUE(comes_back(kData));
}

}  // namespace
}  // namespace roost::core::turn
