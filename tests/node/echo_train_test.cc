// SPDX-License-Identifier: MIT
// Goal: packets are counted in each direction, once, and only if they are this train's.
#include "node/echo_train.h"

#include <gtest/gtest.h>

namespace roost::node {
namespace {

using namespace std::chrono_literals;
using Packet = std::vector<uint8_t>;

constexpr MonoTime kStart{1h};

Packet packet_at(EchoTrain& train, MonoTime now) {
  const auto packet = train.poll(now);
  EXPECT_TRUE(packet);
  return packet ? Packet(packet->begin(), packet->end()) : Packet();
}

TEST(EchoTrain, LeavesAtAnEvenPace) {
  SeededRandom random(1);
  EchoTrain train(3, random, kStart);
  for (const auto at : {0ms, 50ms, 100ms}) {
    EXPECT_EQ(kStart + at, train.next_deadline());
    EXPECT_FALSE(train.poll(kStart + at - 1us));
    EXPECT_EQ(packet_at(train, kStart + at).size(), EchoTrain::kPacketSize);
    EXPECT_FALSE(train.poll(kStart + at));
  }
  EXPECT_FALSE(train.is_over(kStart + 100ms));
  EXPECT_EQ(kStart + 1600ms, train.next_deadline());
  EXPECT_FALSE(train.is_over(kStart + 1600ms - 1us));
  EXPECT_TRUE(train.is_over(kStart + 1600ms));
}

TEST(EchoTrain, TellsWhereItsPacketsAreLost) {
  SeededRandom random(1);
  EchoTrain train(4, random, kStart);
  for (int i = 0; i < 4; ++i) {
    const MonoTime now = kStart + i * 50ms;
    const Packet packet = packet_at(train, now);
    if (i == 0) continue;  // Lost on the way there.
    EXPECT_TRUE(train.take_there(packet));
    if (i == 1) continue;  // Lost on the way back.
    train.take_back(now + i * 10ms, packet);
  }
  const EchoTrain::Result result = train.result();
  EXPECT_EQ(result.sent, 4u);
  EXPECT_EQ(result.reached, 3u);
  EXPECT_EQ(result.returned, 2u);
  EXPECT_EQ(result.round_trip_min, Duration(20ms));
  EXPECT_EQ(result.round_trip_median, Duration(20ms));
}

TEST(EchoTrain, IsOverWhenAllAreBack) {
  SeededRandom random(1);
  EchoTrain train(3, random, kStart);
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(train.is_over(kStart + i * 50ms));
    const Packet packet = packet_at(train, kStart + i * 50ms);
    EXPECT_TRUE(train.take_there(packet));
    train.take_back(kStart + i * 50ms + (3 - i) * 1ms, packet);
  }
  EXPECT_TRUE(train.is_over(kStart + 101ms));
  EXPECT_EQ(train.result().round_trip_min, Duration(1ms));
  EXPECT_EQ(train.result().round_trip_median, Duration(2ms));
}

TEST(EchoTrain, CountsNothingTwiceAndNothingOfOthers) {
  SeededRandom random(1);
  EchoTrain train(2, random, kStart);
  EchoTrain other(2, random, kStart);
  const Packet packet = packet_at(train, kStart);
  EXPECT_FALSE(train.take_there(packet_at(other, kStart)));
  Packet unsent = packet;
  unsent[19] = 1;
  Packet short_one(packet.begin(), packet.end() - 1);
  for (const Packet& wrong : {unsent, short_one, Packet()}) EXPECT_FALSE(train.take_there(wrong));

  // What never was at the other end cannot come back from it.
  train.take_back(kStart + 1ms, packet);
  EXPECT_EQ(train.result().returned, 0u);

  EXPECT_TRUE(train.take_there(packet));
  EXPECT_FALSE(train.take_there(packet));
  train.take_back(kStart + 2ms, packet);
  train.take_back(kStart + 9ms, packet);
  EXPECT_EQ(train.result().reached, 1u);
  EXPECT_EQ(train.result().returned, 1u);
  EXPECT_EQ(train.result().round_trip_median, Duration(2ms));
}

}  // namespace
}  // namespace roost::node
