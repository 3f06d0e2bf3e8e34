// SPDX-License-Identifier: MIT
//
// Goal: the oracle of allocations reports whatever goes on without somebody who vouches for it, for
// too long, beyond its bytes, or to peers that do not expect it, and nothing that is lawful.
// Method: allocations of a friend, a grant and a stranger; for each promise a planted breach, and
// the nearest that is still right.
#include "sim/allocation_oracle.h"

#include <array>
#include <chrono>
#include <gtest/gtest.h>

#include "wire/stun_builder.h"

namespace roost::sim {
namespace {

using namespace std::chrono_literals;
using core::Payer;
using wire::StunAttribute;
using wire::StunBuilder;
using wire::StunClass;
using wire::StunMethod;
using Data = std::vector<uint8_t>;

constexpr MonoTime kStart{1h};
constexpr WallTime kWall{std::chrono::sys_days{std::chrono::year{2027} / 6 / 15}};
constexpr Endpoint kOurs{IpAddress::v4(0x14000101), 3478};
constexpr Endpoint kClient{IpAddress::v4(0x0b000001), 5000};
constexpr Endpoint kPeer{IpAddress::v4(0x0c000001), 9000};
constexpr Endpoint kOtherPeer{IpAddress::v4(0x0c000001), 9001};
constexpr core::RelayId kRelay{7};
constexpr core::StreamId kStream{3};
constexpr uint64_t kGrant = 0x0123456789abcdef;
constexpr std::array<uint8_t, 12> kAllocateId = {1};
constexpr std::array<uint8_t, 12> kCheckId = {2};
constexpr std::array<uint8_t, 12> kTheirCheckId = {3};

const Data kData(20, 0xaa);

std::string granted(std::chrono::seconds left) {
  return std::to_string((kWall + left).time_since_epoch().count()) +
         ":0123456789abcdef.AAAAAAAAAAA";
}
std::string stranger(std::chrono::seconds left = 1h, char digit = '0') {
  return std::to_string((kWall + left).time_since_epoch().count()) + ":s" + std::string(16, digit) +
         ".AAAAAAAAAAA";
}

template <typename Add>
Data message(StunClass message_class, StunMethod method, std::span<const uint8_t, 12> id, Add add) {
  Data buffer(700);
  StunBuilder builder(buffer, message_class, method, id);
  add(builder);
  const Bytes built = builder.finish();
  return {built.begin(), built.end()};
}

Data request(StunMethod method, const std::string& username,
             std::span<const uint8_t, 12> id = kAllocateId) {
  return message(StunClass::kRequest, method, id, [&](StunBuilder& builder) {
    builder.add(StunAttribute::kUsername, as_bytes(username));
  });
}
Data success(StunMethod method, std::chrono::seconds lifetime,
             std::span<const uint8_t, 12> id = kAllocateId) {
  return message(StunClass::kSuccess, method, id, [&](StunBuilder& builder) {
    builder.add_u32(StunAttribute::kLifetime, static_cast<uint32_t>(lifetime.count()));
  });
}
Data ice(StunClass message_class, std::span<const uint8_t, 12> id, const std::string& names = "",
         bool is_signed = true) {
  return message(message_class, StunMethod::kBinding, id, [&](StunBuilder& builder) {
    if (!names.empty()) builder.add(StunAttribute::kUsername, as_bytes(names));
    if (is_signed) builder.add_integrity(as_bytes("a key"));
  });
}
Data check(const std::string& names = "theirs:ours", std::span<const uint8_t, 12> id = kCheckId) {
  return ice(StunClass::kRequest, id, names);
}
Data their_check(const std::string& names = "ours:theirs") {
  return check(names, kTheirCheckId);
}

core::turn::Grant grant(uint64_t bytes_max = 0) {
  core::turn::Grant made;
  made.id = kGrant;
  made.payer = Payer::kFriendOfFriend;
  made.bytes_max = bytes_max;
  return made;
}

class AllocationOracleTest : public testing::Test {
 protected:
  using Actions = std::vector<core::Action>;

  static node::Config::Relay bounds() {
    node::Config::Relay relay;
    relay.allocations = 40;
    relay.allocations_per_user = 3;
    relay.allocations_per_prefix = 30;
    relay.stranger_allocations = 4;
    relay.stranger_allocations_per_user = 2;
    relay.stranger_bytes = 1000;
    relay.stranger_time = 2min;
    return relay;
  }

  void SetUp() override { oracle_.set_grants({grant()}); }

  // How many faults that step is.
  uint64_t faults(const core::Input& input, const Actions& actions = {}, bool is_cut = false) {
    const uint64_t before = verdict_.count();
    oracle_.check(now_, input, actions, is_cut);
    return verdict_.count() - before;
  }
  void pass(Duration time) {
    now_.mono += time;
    if (now_.wall) *now_.wall += std::chrono::floor<std::chrono::seconds>(time);
  }

  uint64_t allocate(const std::string& username, const Endpoint& client = kClient,
                    core::RelayId relay = kRelay) {
    const Data bytes = request(StunMethod::kAllocate, username);
    return faults(core::DatagramArrived{0, {kOurs, 0}, client, bytes},
                  {core::OpenRelay{relay, kOurs.address}});
  }
  // So many, each from a prefix of its own.
  uint64_t allocate_many(size_t count, const std::string& username, uint32_t first = 1) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t number = first + i;
      sum += allocate(username, {IpAddress::v4(0x0d000000 + (number << 8)), 5000},
                      core::RelayId{100 + number});
    }
    return sum;
  }
  uint64_t tell(StunMethod method, std::chrono::seconds lifetime,
                std::span<const uint8_t, 12> id = kAllocateId) {
    const Data bytes = success(method, lifetime, id);
    return faults(core::RelayOpened{kRelay, kOurs},
                  {core::SendDatagram{0, {kOurs, 0}, kClient, bytes}});
  }
  // Who asks, and whether he is told that it was granted.
  void refresh(const std::string& username, std::chrono::seconds lifetime, bool is_granted = true) {
    constexpr std::array<uint8_t, 12> kId = {9};
    const Data bytes = request(StunMethod::kRefresh, username, kId);
    EXPECT_EQ(faults(core::DatagramArrived{0, {kOurs, 0}, kClient, bytes}), 0u);
    if (!is_granted) return;
    EXPECT_EQ(tell(StunMethod::kRefresh, lifetime, kId), 0u);
  }
  uint64_t send(Bytes data = kData, Payer payer = Payer::kFriend, const Endpoint& peer = kPeer) {
    core::SendFromRelay order{kRelay, peer, data};
    order.payer = payer;
    return faults(core::DatagramArrived{0, {kOurs, 0}, kClient, kData}, {order});
  }
  uint64_t send_as_stranger(Bytes data, const Endpoint& peer = kPeer) {
    return send(data, Payer::kStranger, peer);
  }
  uint64_t receive(Bytes data = kData, Payer payer = Payer::kStranger,
                   const Endpoint& peer = kPeer) {
    core::SendDatagram order{0, {kOurs, 0}, kClient, kData};
    order.payer = payer;
    return faults(core::RelayDatagramArrived{kRelay, peer, data}, {order});
  }
  // What the node does not pass on is heard all the same.
  void hear(Bytes data) { EXPECT_EQ(faults(core::RelayDatagramArrived{kRelay, kPeer, data}), 0u); }

  Now now_{kStart, kWall};
  Verdict verdict_;
  AllocationOracle oracle_{verdict_, bounds()};
};

// ---- Who vouches.

TEST_F(AllocationOracleTest, KnowsForWhomAnAllocationMayBeMade) {
  EXPECT_EQ(allocate("friend"), 0u);
  EXPECT_EQ(allocate_many(1, granted(1h)), 0u);
  EXPECT_EQ(allocate_many(1, stranger(), 2), 0u);
  EXPECT_EQ(allocate_many(1, granted(0s), 3), 1u);
  EXPECT_EQ(allocate_many(1, stranger(-1s), 4), 1u);
  oracle_.set_grants({});
  EXPECT_EQ(allocate_many(1, granted(1h), 5), 1u);
  node::Config::Relay closed = bounds();
  closed.stranger_allocations = 0;
  oracle_.set_bounds(closed);
  EXPECT_GE(allocate_many(1, stranger(), 6), 1u);
}

TEST_F(AllocationOracleTest, WantsAClockForWhatExpires) {
  now_.wall.reset();
  EXPECT_EQ(allocate("friend"), 0u);
  EXPECT_EQ(allocate_many(1, stranger()), 1u);
}

TEST_F(AllocationOracleTest, SeesWhatOutlivesItsGrant) {
  allocate(granted(1h));
  EXPECT_EQ(faults(core::DeadlinePassed{}), 0u);
  oracle_.set_grants({});
  // Until the deadline, which is due, it may go on.
  EXPECT_EQ(send(kData, Payer::kFriendOfFriend), 0u);
  EXPECT_EQ(faults(core::DeadlinePassed{}), 1u);
  EXPECT_EQ(faults(core::DeadlinePassed{}), 1u);
}

TEST_F(AllocationOracleTest, IsContentWithWhatEndsWithItsGrant) {
  allocate(granted(1h));
  oracle_.set_grants({});
  EXPECT_EQ(faults(core::DeadlinePassed{}, {core::CloseRelay{kRelay}}), 0u);
  EXPECT_EQ(faults(core::DeadlinePassed{}), 0u);
  EXPECT_EQ(oracle_.allocation_count(), 0u);
}

TEST_F(AllocationOracleTest, GivesManyMoreDeadlines) {
  ASSERT_EQ(allocate_many(20, "friend"), 17u);  // Three is what one user may have.
  allocate(granted(1h));
  oracle_.set_grants({});
  EXPECT_EQ(faults(core::DeadlinePassed{}), 0u);
  EXPECT_EQ(faults(core::DeadlinePassed{}), 1u);
}

TEST_F(AllocationOracleTest, SeesStrangersWhoStayWhereTheyAreNotServed) {
  allocate(stranger());
  node::Config::Relay fewer = bounds();
  fewer.stranger_allocations = 1;
  oracle_.set_bounds(fewer);
  EXPECT_EQ(faults(core::DeadlinePassed{}), 0u);
  fewer.stranger_allocations = 0;
  oracle_.set_bounds(fewer);
  EXPECT_EQ(faults(core::DeadlinePassed{}), 1u);
}

TEST_F(AllocationOracleTest, SeesWhatOutlivesItsStream) {
  const Data bytes = request(StunMethod::kAllocate, "friend");
  const core::MessageArrived input{kStream, core::Transport::kTcp, {kOurs, 0}, kClient, bytes};
  EXPECT_EQ(faults(input, {core::OpenRelay{kRelay, kOurs.address}}), 0u);
  EXPECT_EQ(faults(core::StreamClosed{core::StreamId{4}, kClient}), 0u);
  EXPECT_EQ(faults(core::StreamClosed{kStream, kClient}), 1u);
  EXPECT_EQ(faults(core::StreamClosed{kStream, kClient}, {core::CloseRelay{kRelay}}), 0u);
}

// ---- How many.

TEST_F(AllocationOracleTest, CountsThoseOfAUser) {
  EXPECT_EQ(allocate_many(3, "friend"), 0u);
  EXPECT_EQ(allocate_many(1, "another", 4), 0u);
  EXPECT_EQ(allocate_many(1, "friend", 5), 1u);
  EXPECT_EQ(allocate_many(3, granted(1h), 6), 0u);
  EXPECT_EQ(allocate_many(1, granted(2h), 9), 1u);  // New credentials are no new user.
}

TEST_F(AllocationOracleTest, CountsThoseOfStrangers) {
  EXPECT_EQ(allocate_many(2, stranger(1h, '1')), 0u);
  EXPECT_EQ(allocate_many(2, stranger(1h, '2'), 3), 0u);
  EXPECT_EQ(allocate_many(1, stranger(1h, '3'), 5), 1u);
}

TEST_F(AllocationOracleTest, CountsThoseOfOneStranger) {
  EXPECT_EQ(allocate_many(2, stranger(1h, '1')), 0u);
  EXPECT_EQ(allocate_many(1, stranger(2h, '1'), 3), 1u);
}

TEST_F(AllocationOracleTest, CountsThoseOfAPrefixAndAll) {
  uint64_t sum = 0;
  for (uint16_t i = 1; i <= 31; ++i) {
    sum += allocate("user" + std::to_string(i), {IpAddress::v4(0x0d000000 + i), 5000},
                    core::RelayId{i});
  }
  EXPECT_EQ(sum, 1u);
  for (uint16_t i = 32; i <= 40; ++i) {
    EXPECT_EQ(allocate_many(1, "user" + std::to_string(i), i), 0u);
  }
  EXPECT_EQ(allocate_many(1, "user41", 41), 1u);
}

TEST_F(AllocationOracleTest, DoesNotCountWhatWasRefusedOrHasEnded) {
  allocate_many(3, "friend");
  EXPECT_EQ(faults(core::RelayRefused{core::RelayId{101}}), 0u);
  EXPECT_EQ(allocate_many(1, "friend", 4), 0u);
  EXPECT_EQ(faults(core::DeadlinePassed{}, {core::CloseRelay{core::RelayId{102}}}), 0u);
  EXPECT_EQ(allocate_many(1, "friend", 5), 0u);
  oracle_.forget();
  EXPECT_EQ(allocate_many(3, "friend"), 0u);
}

// ---- How long.

TEST_F(AllocationOracleTest, KnowsHowLongTheClientWasTold) {
  allocate("friend");
  EXPECT_EQ(tell(StunMethod::kAllocate, 600s), 0u);
  pass(10min);
  EXPECT_EQ(send(), 0u);
  pass(2s);
  EXPECT_EQ(send(), 1u);
  refresh("friend", 600s);
  EXPECT_EQ(send(), 0u);
}

TEST_F(AllocationOracleTest, KnowsHowLongAStrangerMayStay) {
  allocate(stranger());
  pass(2min);
  EXPECT_EQ(send_as_stranger(check()), 0u);
  refresh(stranger(), 600s);  // Whatever it is told.
  pass(1s);
  EXPECT_EQ(send_as_stranger(check()), 1u);
}

TEST_F(AllocationOracleTest, LetsAStrangerStayWhereThatHasNoBound) {
  node::Config::Relay relay = bounds();
  relay.stranger_time = {};
  oracle_.set_bounds(relay);
  allocate(stranger());
  pass(50min);
  EXPECT_EQ(send_as_stranger(check()), 0u);
}

TEST_F(AllocationOracleTest, KnowsHowLongCredentialsAreGood) {
  allocate(granted(60s));
  pass(60s);
  EXPECT_EQ(send(kData, Payer::kFriendOfFriend), 0u);
  pass(1s);
  EXPECT_EQ(send(kData, Payer::kFriendOfFriend), 1u);
  refresh(granted(5min), 60s, false);  // What was not granted extends nothing.
  EXPECT_EQ(send(kData, Payer::kFriendOfFriend), 1u);
  refresh(granted(5min), 60s);
  EXPECT_EQ(send(kData, Payer::kFriendOfFriend), 0u);
}

TEST_F(AllocationOracleTest, BelievesInWhatTheDonationDidNotTell) {
  allocate(granted(60s));
  pass(50s);
  const Data bytes = request(StunMethod::kRefresh, granted(10min));
  EXPECT_EQ(faults(core::DatagramArrived{0, {kOurs, 0}, kClient, bytes}, {}, true), 0u);
  pass(1min);
  EXPECT_EQ(send(kData, Payer::kFriendOfFriend), 0u);
}

// ---- How much, and on whose account.

TEST_F(AllocationOracleTest, KnowsTheClass) {
  allocate(granted(1h));
  EXPECT_EQ(send(kData, Payer::kFriendOfFriend), 0u);
  EXPECT_EQ(send(kData, Payer::kFriend), 1u);
  EXPECT_EQ(receive(kData, Payer::kFriend), 1u);
}

TEST_F(AllocationOracleTest, CountsTheBytesOfAStranger) {
  allocate(stranger());
  send_as_stranger(check());
  hear(ice(StunClass::kSuccess, kCheckId));
  const size_t used = check().size() + AllocationOracle::kHeaderBytes;
  const Data half(400 - AllocationOracle::kHeaderBytes);
  EXPECT_EQ(send_as_stranger(half), 0u);
  EXPECT_EQ(receive(half), 0u);
  EXPECT_EQ(send_as_stranger(Data(200 - used - AllocationOracle::kHeaderBytes)), 0u);
  EXPECT_EQ(receive(Data(1)), 1u);
}

TEST_F(AllocationOracleTest, CountsTheBytesOfAStrangersCredentialsOnAllItsAllocations) {
  node::Config::Relay relay = bounds();
  relay.consent = false;
  oracle_.set_bounds(relay);
  allocate(stranger());
  allocate_many(1, stranger());
  const Data data(600 - AllocationOracle::kHeaderBytes);
  core::SendFromRelay second{core::RelayId{101}, kPeer, data};
  second.payer = Payer::kStranger;
  EXPECT_EQ(send_as_stranger(data), 0u);
  EXPECT_EQ(faults(core::RelayOpened{kRelay, kOurs}, {second}), 1u);
  // After a jump of the clock they may be valid again.
  *now_.wall -= 1h;
  EXPECT_EQ(faults(core::RelayOpened{kRelay, kOurs}, {second}), 0u);
}

TEST_F(AllocationOracleTest, CountsTheBytesOfAGrantOnAllItsAllocations) {
  oracle_.set_grants({grant(500)});
  allocate(granted(1h));
  EXPECT_EQ(send(Data(400), Payer::kFriendOfFriend), 0u);
  allocate_many(1, granted(2h));
  core::SendFromRelay order{core::RelayId{101}, kPeer, kData};
  order.payer = Payer::kFriendOfFriend;
  EXPECT_EQ(faults(core::RelayOpened{kRelay, kOurs}, {order}), 0u);
  EXPECT_EQ(faults(core::RelayOpened{kRelay, kOurs}, {order}), 1u);
  oracle_.set_grants({grant(2000)});
  EXPECT_EQ(faults(core::RelayOpened{kRelay, kOurs}, {order}), 0u);
}

TEST_F(AllocationOracleTest, CountsWhatIsHandedOverOnBothSides) {
  allocate(stranger(1h, '1'));
  const Endpoint other{IpAddress::v4(0x0d000100), 5000};
  allocate_many(1, stranger(1h, '2'));
  Data data(504, 0);
  store_u16(data.data(), 0x4001);
  store_u16(data.data() + 2, 500);
  core::SendDatagram order{0, {kOurs, 0}, other, kData};
  order.payer = Payer::kStranger;
  const core::DatagramArrived input{0, {kOurs, 0}, kClient, data};
  EXPECT_EQ(faults(input, {order}), 0u);
  EXPECT_EQ(faults(input, {order}), 2u);
}

TEST_F(AllocationOracleTest, SeesDataForNobody) {
  EXPECT_EQ(receive(), 1u);
}

// ---- Who expects it.

TEST_F(AllocationOracleTest, LetsAStrangerAskAndNoMore) {
  node::Config::Relay relay = bounds();
  relay.stranger_bytes = 0;
  oracle_.set_bounds(relay);
  allocate(stranger());
  EXPECT_EQ(send_as_stranger(check()), 0u);
  EXPECT_EQ(send_as_stranger(kData), 1u);
  EXPECT_EQ(send_as_stranger(ice(StunClass::kRequest, kCheckId)), 1u);  // Of no agent.
  EXPECT_EQ(send_as_stranger(ice(StunClass::kRequest, kCheckId, "a:b", false)), 1u);
  EXPECT_EQ(send_as_stranger(ice(StunClass::kIndication, kCheckId, "a:b")), 1u);
  EXPECT_EQ(send_as_stranger(ice(StunClass::kSuccess, kTheirCheckId)), 1u);  // Nobody has asked.
  EXPECT_EQ(send_as_stranger(check(std::string(500, 'a') + ":b")), 1u);
  Data cut = check();
  cut.pop_back();
  EXPECT_EQ(send_as_stranger(cut), 1u);
}

TEST_F(AllocationOracleTest, LetsFriendsSendAnything) {
  allocate("friend");
  EXPECT_EQ(send(kData), 0u);
  EXPECT_EQ(receive(kData, Payer::kFriend), 0u);
}

TEST_F(AllocationOracleTest, LetsAnythingPassWhereTheOwnerDoesNotCare) {
  node::Config::Relay relay = bounds();
  relay.consent = false;
  oracle_.set_bounds(relay);
  allocate(stranger());
  EXPECT_EQ(send_as_stranger(kData), 0u);
  EXPECT_EQ(receive(kData), 0u);
}

TEST_F(AllocationOracleTest, TakesAnAnswerForConsent) {
  allocate(stranger());
  EXPECT_EQ(receive(kData), 1u);
  EXPECT_EQ(receive(ice(StunClass::kSuccess, kCheckId)), 1u);  // To what?
  send_as_stranger(check());
  EXPECT_EQ(receive(ice(StunClass::kError, kCheckId, "", false)), 0u);
  EXPECT_EQ(send_as_stranger(kData), 1u);
  EXPECT_EQ(receive(ice(StunClass::kSuccess, kCheckId)), 0u);
  EXPECT_EQ(send_as_stranger(kData), 0u);
  EXPECT_EQ(receive(kData), 0u);
  EXPECT_EQ(send_as_stranger(kData, kOtherPeer), 1u);  // It speaks for itself only.
}

TEST_F(AllocationOracleTest, KnowsWhenConsentLapses) {
  const Duration lasts = AllocationOracle::kConsentLasts;
  allocate(stranger());
  send_as_stranger(check());
  EXPECT_EQ(receive(ice(StunClass::kSuccess, kCheckId)), 0u);
  pass(lasts - 1us);
  EXPECT_EQ(send_as_stranger(kData), 0u);
  EXPECT_EQ(receive(kData), 0u);
  EXPECT_EQ(send_as_stranger(check("theirs:ours", kTheirCheckId)), 0u);
  pass(1us);
  EXPECT_EQ(send_as_stranger(kData), 1u);
  EXPECT_EQ(receive(kData), 1u);
  // With the peer's own check it is there again, for as long, and so is leave to answer that.
  EXPECT_EQ(receive(their_check()), 0u);
  pass(lasts - 1us);
  EXPECT_EQ(send_as_stranger(kData), 0u);
  EXPECT_EQ(send_as_stranger(ice(StunClass::kSuccess, kTheirCheckId)), 0u);
  EXPECT_EQ(send_as_stranger(check()), 0u);  // Which says nothing new.
  pass(1us);
  EXPECT_EQ(send_as_stranger(kData), 1u);
  EXPECT_EQ(send_as_stranger(ice(StunClass::kSuccess, kTheirCheckId)), 1u);
}

TEST_F(AllocationOracleTest, DoesNotTakeAnUnsignedAnswerForConsent) {
  allocate(stranger());
  send_as_stranger(check());
  hear(ice(StunClass::kSuccess, kCheckId, "", false));
  EXPECT_EQ(send_as_stranger(kData), 1u);
}

TEST_F(AllocationOracleTest, TakesACheckWithTheSameNamesForConsent) {
  for (const bool is_ours_first : {true, false}) {
    oracle_.forget();
    allocate(stranger());
    if (is_ours_first) {
      EXPECT_EQ(send_as_stranger(check()), 0u);
    }
    EXPECT_EQ(receive(their_check()), 0u);
    if (!is_ours_first) {
      // It may be answered, and that is all.
      EXPECT_EQ(send_as_stranger(ice(StunClass::kSuccess, kTheirCheckId)), 0u);
      EXPECT_EQ(send_as_stranger(kData), 1u);
      EXPECT_EQ(send_as_stranger(check()), 0u);
    }
    EXPECT_EQ(send_as_stranger(kData), 0u);
  }
}

TEST_F(AllocationOracleTest, DoesNotTakeACheckOfOthersForConsent) {
  allocate(stranger());
  send_as_stranger(check());
  hear(their_check("ours:somebody"));
  EXPECT_EQ(send_as_stranger(kData), 1u);
}

TEST_F(AllocationOracleTest, DoesNotTakeAnEchoForConsent) {
  allocate(stranger());
  // Two checks, each of which is the other one's answer when it comes back.
  EXPECT_EQ(send_as_stranger(check("a:b")), 0u);
  EXPECT_EQ(send_as_stranger(check("b:a", kTheirCheckId)), 0u);
  hear(check("a:b"));
  hear(check("b:a", kTheirCheckId));
  EXPECT_EQ(send_as_stranger(kData), 1u);
  EXPECT_EQ(send_as_stranger(check("self:self")), 0u);
  hear(check("self:self"));
  EXPECT_EQ(send_as_stranger(kData), 1u);
  // Its own answer to its own check.
  const Data answer = ice(StunClass::kSuccess, kCheckId);
  EXPECT_EQ(send_as_stranger(answer), 1u);
  hear(answer);
  EXPECT_EQ(send_as_stranger(kData), 1u);
}

}  // namespace
}  // namespace roost::sim
