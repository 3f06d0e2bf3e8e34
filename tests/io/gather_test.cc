// SPDX-License-Identifier: MIT
//
// Goal: naps are taken where they save wake-ups, and by nobody who would wait alone.
#include "io/gather.h"

#include <gtest/gtest.h>

namespace roost::io {
namespace {

using namespace std::chrono_literals;

// What follows a turn with one packet, after a while of one every `gap`.
Duration after_one_every(Duration gap, Duration nap_max) {
  Gather gather(nap_max);
  MonoTime now{1h};
  Duration nap{};
  for (int i = 0; i < 100'000 && now < MonoTime{1h} + 1s; ++i) {
    nap = gather.after(now, 1);
    now += gap;
  }
  return nap;
}

TEST(Gather, NapsWhereSeveralAreToBeExpected) {
  struct Row {
    Duration gap;
    Duration nap_max;
    Duration expect;
  };
  const Row kRows[] = {
      {20ms, 1ms, 0us},                          // One call.
      {1ms, 1ms, 0us},                           // Twenty: one packet in a nap.
      {250us, 1ms, 1ms},                         // Four in it.
      {100us, 1ms, 760us},  {50us, 1ms, 360us},  // Eight come sooner.
      {100us, 0us, 0us},                         // Not wanted.
      {100us, 300us, 0us},                       // Three are not several.
      {20us, 300us, 120us}, {5us, 300us, 0us},   // Eight come while it wakes up.
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(row.expect, after_one_every(row.gap, row.nap_max)) << row.gap.count();
  }
}

TEST(Gather, DoesNotNapAfterATurnThatFoundEnough) {
  Gather gather(1ms);
  MonoTime now{1h};
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(Duration(), gather.after(now, Gather::kEnough));
    now += 1ms;
  }
}

TEST(Gather, ForgetsARushThatIsOver) {
  Gather gather(1ms);
  MonoTime now{1h};
  for (int i = 0; i < 1000; ++i) gather.after(now += 100us, 1);
  EXPECT_GT(gather.after(now += 100us, 1), Duration());
  EXPECT_EQ(Duration(), gather.after(now + 1s, 1));
}

}  // namespace
}  // namespace roost::io
