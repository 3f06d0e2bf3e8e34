// SPDX-License-Identifier: MIT
//
// Goal: the pace is that of the last week in which the node ran, and unknown until it can be known.
// Method: a clock of our own, and runs whose pace is a round number.
#include "node/pace.h"

#include <gtest/gtest.h>

namespace roost::node {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;

constexpr MonoTime kStart(1000h);

// A run that is looked at every `period`, and sends so much in each.
class Busy {
 public:
  void go_on(Duration time, Duration period, uint64_t bytes) {
    for (Duration passed{}; passed < time; passed += period) {
      now += period;
      bytes_sent += bytes;
      pace.look(now, bytes_sent);
    }
  }
  std::optional<uint64_t> per_day() const { return pace.bytes_in(24h, now, bytes_sent); }

  MonoTime now = kStart;
  uint64_t bytes_sent = 0;
  Pace pace{kStart};
};

TEST(Pace, IsUnknownInTheFirstHour) {
  Busy run;
  run.go_on(59min, 1min, 1000);
  EXPECT_EQ(std::nullopt, run.per_day());
  run.go_on(1min, 1min, 1000);
  EXPECT_EQ(24u * 60 * 1000, run.per_day());
}

TEST(Pace, IsThatOfTheWholeRunInItsFirstWeek) {
  Busy run;
  run.go_on(days(3), 1h, 0);
  run.go_on(days(3), 1h, 2000);
  EXPECT_EQ(24u * 1000, run.per_day());
}

TEST(Pace, ForgetsWhatIsMoreThanAWeekAgo) {
  Busy run;
  run.go_on(days(30), 1h, 1'000'000);
  run.go_on(days(6), 1h, 0);
  EXPECT_GT(run.per_day().value(), 1'000'000u);
  run.go_on(days(2), 1h, 0);
  EXPECT_EQ(0u, run.per_day());
  run.go_on(days(8), 1h, 10);
  EXPECT_EQ(240u, run.per_day());
}

TEST(Pace, IsRightWhenNobodyLookedForLong) {
  Busy run;
  run.go_on(days(1), 1h, 100);
  run.now += days(300);  // Not a single packet.
  EXPECT_LT(run.per_day().value(), 100u);
  run.pace.look(run.now, run.bytes_sent);
  run.go_on(days(8), 1min, 1);
  EXPECT_EQ(24u * 60, run.per_day());
}

TEST(Extrapolate, IsExactWhereTheProductIsLarge) {
  EXPECT_EQ(0u, extrapolate(0, 1s, days(31)));
  EXPECT_EQ(3u, extrapolate(10, 3s, 1s));
  EXPECT_EQ(7u, extrapolate(1, 4s, 31s));
  constexpr uint64_t kPetabyte = 1'000'000'000'000'000;
  EXPECT_EQ(31 * kPetabyte, extrapolate(kPetabyte, days(1), days(31)));
  EXPECT_EQ(31 * kPetabyte / 7, extrapolate(kPetabyte, days(7), days(31)));
}

}  // namespace
}  // namespace roost::node
