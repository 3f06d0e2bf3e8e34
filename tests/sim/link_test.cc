// SPDX-License-Identifier: MIT
//
// Goal: a line does to packets what its profile says, and nothing else.
// Method: profiles with one trait each, and the moments at which packets come out.
#include "sim/link.h"

#include <algorithm>
#include <gtest/gtest.h>

namespace roost::sim {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime kStart(1h);
constexpr uint32_t kAlways = 1'000'000;
constexpr Endpoint kV4{IpAddress::v4(0x14000001), 3478};
constexpr Endpoint kV6{{0x2a00'0000'0000'0000, 1}, 3478};

Packet packet(PacketKind kind, size_t payload_size = 72, const Endpoint& to = kV4) {
  return {kind, 0, to, to, std::vector<uint8_t>(payload_size)};
}

Packet datagram(size_t payload_size = 72, const Endpoint& to = kV4) {
  return packet(PacketKind::kDatagram, payload_size, to);
}

class LinkTest : public testing::Test {
 protected:
  // Since kStart; requires that the packet comes out once.
  Duration arrival(Link& link, const Packet& packet, Duration sent_at = {}) {
    const Link::Arrivals arrivals = link.send(kStart + sent_at, packet, dice_);
    EXPECT_EQ(arrivals.count, 1u);
    return arrivals.at[0] - kStart;
  }
  size_t count(Link& link, const Packet& packet, Duration sent_at = {}) {
    return link.send(kStart + sent_at, packet, dice_).count;
  }

  Dice dice_{1};
};

TEST(Packet, CountsTheHeadersOfItsProtocols) {
  struct Row {
    PacketKind kind;
    Endpoint to;
    size_t expect;
  };
  constexpr Row kRows[] = {
      {PacketKind::kDatagram, kV4, 20 + 8 + 10},
      {PacketKind::kDatagram, kV6, 40 + 8 + 10},
      {PacketKind::kOpen, kV4, 20 + 20 + 10},
      {PacketKind::kEnd, kV6, 40 + 20 + 10},
  };
  for (const Row& row : kRows) EXPECT_EQ(packet(row.kind, 10, row.to).wire_bytes(), row.expect);
}

TEST_F(LinkTest, OfNoTraitDeliversAtOnce) {
  Link link(kPerfectLink, dice_);
  EXPECT_EQ(arrival(link, datagram()), 0us);
  EXPECT_EQ(arrival(link, datagram(), 3us), 3us);
}

TEST_F(LinkTest, HasADelayOfItsOwnAndJitterOnTop) {
  const LinkProfile profile = {
      .name = "a test's", .delay_min = 5ms, .delay_mean = 20ms, .jitter = 2ms};
  Duration least = 1h;
  Duration most{};
  for (int i = 0; i < 300; ++i) {
    Link link(profile, dice_);
    Duration nearest = 1h;
    Duration farthest{};
    for (int second = 0; second < 20; ++second) {
      const Duration sent_at = std::chrono::seconds(second);
      const Duration delay = arrival(link, datagram(), sent_at) - sent_at;
      nearest = std::min(nearest, delay);
      farthest = std::max(farthest, delay);
    }
    ASSERT_LE(farthest - nearest, 2ms);
    ASSERT_GT(farthest, nearest);
    least = std::min(least, nearest);
    most = std::max(most, farthest);
  }
  // Three hundred lines come near to both bounds: from delay_min to as far above delay_mean.
  EXPECT_GE(least, 5ms);
  EXPECT_LE(least, 6ms);
  EXPECT_LE(most, 37ms);
  EXPECT_GE(most, 35ms);
}

TEST_F(LinkTest, LetsNoneOvertakeAnotherByJitter) {
  Link link({.name = "a test's", .jitter = 10ms}, dice_);
  Duration latest{};
  for (int i = 0; i < 1000; ++i) {
    const Duration next = arrival(link, datagram(), std::chrono::microseconds(i));
    ASSERT_GE(next, latest);
    latest = next;
  }
}

TEST_F(LinkTest, LetsNoneOvertakeWhatIsUnderWayWhenItGetsFaster) {
  Link link({.name = "a test's", .delay_min = 100ms, .delay_mean = 100ms}, dice_);
  EXPECT_EQ(arrival(link, datagram()), 100ms);
  link.set_profile(kPerfectLink, dice_);
  EXPECT_EQ(link.profile().name, "perfect");
  EXPECT_EQ(arrival(link, datagram(), 10ms), 100ms);
  EXPECT_EQ(arrival(link, datagram(), 101ms), 101ms);
}

TEST_F(LinkTest, LosesDatagramsThatAreLargerThanItsMtu) {
  struct Row {
    Packet packet;
    size_t expect;
  };
  const Row rows[] = {
      {datagram(1472, kV4), 1},
      {datagram(1473, kV4), 0},
      {datagram(1452, kV6), 1},
      {datagram(1453, kV6), 0},
      {packet(PacketKind::kData, 5000), 1},  // TCP finds out how much fits.
  };
  Link link({.name = "a test's", .packet_bytes_max = 1500}, dice_);
  for (const Row& row : rows) EXPECT_EQ(count(link, row.packet), row.expect);
  EXPECT_EQ(link.stats().too_large, 2u);
  EXPECT_EQ(link.stats().sent, 5u);
}

// Packets of 100 bytes take 100 ms at 1000 bytes a second.
TEST_F(LinkTest, PutsOnePacketAfterTheOtherOnTheLine) {
  Link link({.name = "a test's", .bytes_per_second = 1000}, dice_);
  EXPECT_EQ(arrival(link, datagram(72)), 100ms);
  EXPECT_EQ(arrival(link, datagram(72)), 200ms);
  EXPECT_EQ(arrival(link, datagram(72), 150ms), 300ms);
  EXPECT_EQ(arrival(link, datagram(72), 1s), 1100ms);
}

TEST_F(LinkTest, LosesDatagramsThatFindItsQueueFull) {
  Link link({.name = "a test's", .bytes_per_second = 1000, .queue_bytes_max = 250}, dice_);
  EXPECT_EQ(count(link, datagram(72)), 1u);
  EXPECT_EQ(count(link, datagram(72)), 1u);
  EXPECT_EQ(count(link, datagram(72)), 0u);
  EXPECT_EQ(count(link, datagram(22)), 1u);
  EXPECT_EQ(count(link, datagram(72), 50ms), 0u);
  EXPECT_EQ(count(link, datagram(72), 100ms), 1u);
  EXPECT_EQ(link.stats().queue_full, 2u);
}

TEST_F(LinkTest, LosesAsManyDatagramsAsItSays) {
  Link link({.name = "a test's", .loss_ppm = 250'000}, dice_);
  size_t arrived = 0;
  for (int i = 0; i < 40'000; ++i) arrived += count(link, datagram());
  // About seven standard deviations (87) to either side of three quarters.
  EXPECT_NEAR(static_cast<double>(arrived), 30'000, 600);
  EXPECT_EQ(link.stats().lost, 40'000 - arrived);
}

TEST_F(LinkTest, DelaysSegmentsAndNeverLosesThem) {
  Link link({.name = "a test's", .loss_ppm = kAlways}, dice_);
  EXPECT_EQ(count(link, datagram()), 0u);
  for (const PacketKind kind : {PacketKind::kOpen, PacketKind::kData, PacketKind::kEnd}) {
    // Five times lost: 300 ms, doubled each time.
    EXPECT_EQ(arrival(link, packet(kind)), 9300ms);
  }
  EXPECT_EQ(link.stats().lost, 1u);
}

TEST_F(LinkTest, LetsSegmentsWaitWhereItsQueueIsFull) {
  Link link({.name = "a test's", .bytes_per_second = 1000, .queue_bytes_max = 250}, dice_);
  for (int i = 1; i <= 5; ++i) {
    EXPECT_EQ(arrival(link, packet(PacketKind::kData, 60)), i * 100ms);
  }
  EXPECT_EQ(count(link, datagram()), 0u);
  EXPECT_EQ(link.stats().queue_full, 1u);
}

TEST_F(LinkTest, DoublesDatagramsAndNoSegments) {
  Link link({.name = "a test's", .duplicate_ppm = kAlways, .reorder_by_max = 10ms}, dice_);
  Duration longest{};
  for (int i = 0; i < 100; ++i) {
    const Link::Arrivals arrivals = link.send(kStart, datagram(), dice_);
    ASSERT_EQ(arrivals.count, 2u);
    EXPECT_EQ(arrivals.at[0], kStart);
    ASSERT_GE(arrivals.at[1], arrivals.at[0]);
    longest = std::max(longest, arrivals.at[1] - arrivals.at[0]);
  }
  EXPECT_GT(longest, 5ms);
  EXPECT_LE(longest, 10ms);
  EXPECT_EQ(link.stats().duplicated, 100u);
  EXPECT_EQ(count(link, packet(PacketKind::kData)), 1u);
}

TEST_F(LinkTest, HoldsDatagramsUpForSoLongAtMostThatOthersOvertakeThem) {
  Link link({.name = "a test's", .reorder_ppm = 500'000, .reorder_by_max = 10ms}, dice_);
  Duration latest{};
  size_t overtaken = 0;
  for (int i = 0; i < 1000; ++i) {
    const Duration sent_at = i * 1ms;
    const Duration next = arrival(link, datagram(), sent_at);
    ASSERT_GE(next, sent_at);
    ASSERT_LE(next, sent_at + 10ms);
    overtaken += next < latest;
    latest = std::max(latest, next);
  }
  EXPECT_GT(overtaken, 100u);
  EXPECT_NEAR(static_cast<double>(link.stats().reordered), 500, 110);
  // Segments are put in order by the ends; the line does not disturb them.
  EXPECT_EQ(arrival(link, packet(PacketKind::kData), 2s), 2s);
}

TEST(Link, OfTheSameSeedDoesTheSame) {
  Dice one_dice(5);
  Dice same_dice(5);
  Link one(kHostileLink, one_dice);
  Link same(kHostileLink, same_dice);
  for (int i = 0; i < 1000; ++i) {
    const MonoTime at = kStart + i * 5ms;
    const Link::Arrivals a = one.send(at, datagram(), one_dice);
    const Link::Arrivals b = same.send(at, datagram(), same_dice);
    ASSERT_EQ(a.count, b.count);
    ASSERT_EQ(a.at, b.at);
  }
  EXPECT_EQ(one.stats().lost, same.stats().lost);
  EXPECT_GT(one.stats().lost, 0u);
}

}  // namespace
}  // namespace roost::sim
