// SPDX-License-Identifier: MIT
//
// Goal: a full line is shared as the header promises: committed is never more than the donation, a
// light flow always gets through, and what an idle class owns is lent and back at once.
// Method: the verdicts of single packets at chosen moments; then whole minutes of heavy and light
// flows, packet by packet.
#include "core/turn/fair_share.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <vector>

namespace roost::core::turn {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Verdict = FairShare::Verdict;

constexpr MonoTime kStart{seconds(1'000'000)};

// A million bytes per second: 600'000 for friends, 300'000 for their friends, 100'000 for
// strangers.
constexpr FairShare::Options kMegabyte{
    .bytes_per_second = 1'000'000, .percent = {0, 60, 30, 10}, .allocation_bytes_per_second = {}};

// A user with one allocation.
struct One {
  FairShare::UserMeter user;
  FairShare::Meter meter;
};

// How many packets of that size in a row get the verdict.
int count_in_a_row(FairShare& share, MonoTime now, Payer payer, One& one, uint64_t bytes,
                   Verdict verdict) {
  int count = 0;
  while (count < 1'000'000 && share.grade(now, payer, one.user, one.meter, bytes) == verdict)
    ++count;
  return count;
}

TEST(FairShare, CommitsEverythingWhereThereIsNoLimit) {
  FairShare share({}, kStart);
  One meter;
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_EQ(share.grade(kStart, Payer::kStranger, meter.user, meter.meter, 1 << 20),
              Verdict::kCommitted);
  }
}

TEST(FairShare, HoldsOneAllocationToItsOwnLimitWhoeverIsIdle) {
  constexpr uint64_t kDonations[] = {0, 1'000'000};
  for (const uint64_t donation : kDonations) {
    FairShare::Options options = kMegabyte;
    options.bytes_per_second = donation;
    options.allocation_bytes_per_second = {0, 10'000, 10'000, 10'000};
    FairShare share(options, kStart);
    One meter;
    EXPECT_EQ(count_in_a_row(share, kStart, Payer::kFriend, meter, 1000, Verdict::kCommitted), 10);
    EXPECT_EQ(share.grade(kStart, Payer::kFriend, meter.user, meter.meter, 1000),
              Verdict::kOverOwnLimit);
    // What was refused costs nothing; a tenth of a second earns one more packet.
    const MonoTime later = kStart + milliseconds(100);
    EXPECT_EQ(count_in_a_row(share, later, Payer::kFriend, meter, 1000, Verdict::kCommitted), 1);
    // Another one has its own.
    One other;
    EXPECT_EQ(count_in_a_row(share, later, Payer::kFriend, other, 1000, Verdict::kCommitted), 10);
  }
}

TEST(FairShare, CommitsAClassItsShareAndCallsTheRestExcess) {
  struct Row {
    Payer payer;
    int expect;  // Packets of 1000 bytes in the first moment, and in each second behind it.
  };
  const Row kRows[] = {
      {Payer::kFriend, 600}, {Payer::kFriendOfFriend, 300}, {Payer::kStranger, 100}};
  for (const Row& row : kRows) {
    FairShare share(kMegabyte, kStart);
    One meter;
    EXPECT_EQ(count_in_a_row(share, kStart, row.payer, meter, 1000, Verdict::kCommitted),
              row.expect);
    // Excess costs nothing of what is earned meanwhile.
    EXPECT_EQ(share.grade(kStart, row.payer, meter.user, meter.meter, 1'000'000), Verdict::kExcess);
    for (int second = 1; second <= 3; ++second) {
      EXPECT_EQ(count_in_a_row(share, kStart + seconds(second), row.payer, meter, 1000,
                               Verdict::kCommitted),
                row.expect);
    }
  }
}

TEST(FairShare, LendsWhatAClassLeavesUnusedAndTakesItBackAtOnce) {
  FairShare share(kMegabyte, kStart);
  One stranger;
  One friendly;
  MonoTime now = kStart;
  int excess = 0;
  for (int i = 0; i < 10'000; ++i, now += milliseconds(1)) {
    const Verdict verdict = share.grade(now, Payer::kStranger, stranger.user, stranger.meter, 1000);
    ASSERT_NE(verdict, Verdict::kOverOwnLimit);
    excess += verdict == Verdict::kExcess;
  }
  EXPECT_GE(excess, 8'800);  // Nine tenths, but for the burst at the start.
  EXPECT_LE(excess, 9'000);
  // However long that went on, the owner's first packets are committed: its whole second of them.
  EXPECT_EQ(count_in_a_row(share, now, Payer::kFriend, friendly, 1000, Verdict::kCommitted), 600);
}

TEST(FairShare, GivesAClassWithoutAShareOnlyExcess) {
  FairShare::Options options = kMegabyte;
  options.percent = {0, 100, 0, 0};
  FairShare share(options, kStart);
  One meter;
  // A share of nothing still has the smallest bucket, of one large packet or two, once.
  const int committed =
      count_in_a_row(share, kStart, Payer::kStranger, meter, 1000, Verdict::kCommitted);
  EXPECT_LE(committed, 4);
  int later = 0;
  for (int i = 1; i <= 60; ++i) {
    later += share.grade(kStart + seconds(i), Payer::kStranger, meter.user, meter.meter, 1000) ==
             Verdict::kCommitted;
  }
  EXPECT_EQ(later, 0);
}

TEST(FairShare, SharesAClassEquallyAmongThoseThatAreActive) {
  FairShare share(kMegabyte, kStart);
  std::array<One, 4> meters;
  std::vector<uint64_t> committed(meters.size());
  MonoTime now = kStart;
  constexpr int kSeconds = 30;
  for (int i = 0; i < kSeconds * 1000; ++i, now += milliseconds(1)) {
    for (size_t m = 0; m < meters.size(); ++m) {
      // Each tries for the whole class; the first ones of a millisecond have no advantage.
      if (share.grade(now, Payer::kFriend, meters[m].user, meters[m].meter, 600) ==
              Verdict::kCommitted &&
          i >= 10'000) {
        committed[m] += 600;
      }
    }
  }
  for (const uint64_t bytes : committed) {
    EXPECT_NEAR(static_cast<double>(bytes), 20 * 150'000.0, 0.05 * 20 * 150'000);
  }
}

TEST(FairShare, NeverCommitsMoreThanTheDonationAndABurstOfLittleMoreThanASecond) {
  FairShare share(kMegabyte, kStart);
  std::array<One, 30> meters;
  uint64_t committed = 0;
  MonoTime now = kStart;
  for (int i = 0; i < 5'000; ++i, now += milliseconds(1)) {
    for (size_t m = 0; m < meters.size(); ++m) {
      const auto payer = static_cast<Payer>(1 + m % 3);
      if (share.grade(now, payer, meters[m].user, meters[m].meter, 500 + 37 * m) ==
          Verdict::kCommitted) {
        committed += 500 + 37 * m;
      }
    }
    ASSERT_LE(committed, 1'125'000u + 1000u * static_cast<unsigned>(i)) << i;
  }
  EXPECT_GE(committed, 5'000'000u);  // And not much less: nothing is held back for nobody.
}

TEST(FairShare, CommitsNoMoreToManyWhoBeginOneAfterTheOther) {
  // Each newcomer's own bucket is full, and made for as many as there were before it.
  FairShare share(kMegabyte, kStart);
  std::array<One, 30> meters;
  int committed = 0;
  for (One& meter : meters) {
    committed += count_in_a_row(share, kStart, Payer::kFriend, meter, 1000, Verdict::kCommitted);
  }
  EXPECT_GE(committed, 600);
  EXPECT_LE(committed, 675);
}

// Ten flows that each want the whole donation, at once or one after the other, and one of a voice
// call's size. `pause` is between the light one's packets.
int excess_of_a_light_flow(milliseconds stagger, milliseconds pause) {
  FairShare share(kMegabyte, kStart);
  std::array<One, 10> heavy;
  One light;
  int excess = 0;
  MonoTime now = kStart;
  const MonoTime light_begins = kStart + seconds(12);
  for (int i = 0; i < 40'000; ++i, now += milliseconds(1)) {
    for (size_t h = 0; h < heavy.size(); ++h) {
      if (now < kStart + stagger * static_cast<int>(h)) continue;
      for (int packet = 0; packet < 2; ++packet) {
        const Verdict verdict =
            share.grade(now, Payer::kFriend, heavy[h].user, heavy[h].meter, 1000);
        EXPECT_NE(verdict, Verdict::kOverOwnLimit);
      }
    }
    const Duration since = now - light_begins;
    if (since < Duration() || since % pause != Duration()) continue;
    excess += share.grade(now, Payer::kFriend, light.user, light.meter, 200) != Verdict::kCommitted;
  }
  return excess;
}

TEST(FairShare, AlwaysCommitsALightFlowBesideTenHeavyOnes) {
  struct Row {
    milliseconds stagger, pause;
  };
  const Row kRows[] = {{milliseconds(0), milliseconds(20)},
                       {milliseconds(0), milliseconds(300)},
                       {milliseconds(0), milliseconds(3000)},
                       {milliseconds(700), milliseconds(20)},
                       {milliseconds(700), milliseconds(3000)}};
  for (const Row& row : kRows) {
    EXPECT_EQ(excess_of_a_light_flow(row.stagger, row.pause), 0)
        << row.stagger.count() << " ms between the heavy ones, " << row.pause.count()
        << " ms between the light one's packets";
  }
}

// Two users who each want the whole class, one of them with `count` allocations that all send.
std::array<uint64_t, 2> committed_to_one_and_to_many(size_t count) {
  FairShare share(kMegabyte, kStart);
  One one;
  FairShare::UserMeter many;
  std::vector<FairShare::Meter> meters(count);
  std::array<uint64_t, 2> committed{};
  MonoTime now = kStart;
  for (int i = 0; i < 30'000; ++i, now += milliseconds(1)) {
    const bool counts = i >= 10'000;
    if (share.grade(now, Payer::kFriend, one.user, one.meter, 700) == Verdict::kCommitted) {
      committed[0] += counts ? 700 : 0;
    }
    for (FairShare::Meter& meter : meters) {
      if (share.grade(now, Payer::kFriend, many, meter, 700) == Verdict::kCommitted) {
        committed[1] += counts ? 700 : 0;
      }
    }
  }
  return committed;
}

TEST(FairShare, GivesAUserWithManyAllocationsNoMoreThanOneWithASingleOne) {
  for (const size_t count : {size_t{1}, size_t{4}, size_t{31}}) {
    const auto [one, many] = committed_to_one_and_to_many(count);
    EXPECT_NEAR(static_cast<double>(one), 20 * 300'000.0, 0.05 * 20 * 300'000) << count;
    EXPECT_NEAR(static_cast<double>(many), 20 * 300'000.0, 0.05 * 20 * 300'000) << count;
  }
}

TEST(FairShare, TakesNothingFromAUserForAllocationsOfAnothersThatAreIdle) {
  FairShare share(kMegabyte, kStart);
  One one;
  FairShare::UserMeter many;
  std::array<FairShare::Meter, 31> idle;
  uint64_t committed = 0;
  MonoTime now = kStart;
  for (int i = 0; i < 30'000; ++i, now += milliseconds(1)) {
    // A keep-alive each, every ten seconds.
    if (i % 10'000 < 31) {
      EXPECT_NE(share.grade(now, Payer::kFriend, many, idle[static_cast<size_t>(i % 10'000)], 60),
                Verdict::kOverOwnLimit);
    }
    if (share.grade(now, Payer::kFriend, one.user, one.meter, 700) == Verdict::kCommitted) {
      committed += 700;
    }
  }
  // It shares a second with each of those keep-alives and the next one, as with one user's.
  EXPECT_GE(committed, 26u * 600'000u);
}

TEST(FairShare, LeavesAUsersLightFlowItsPartBesideTheHeavyOnesOfTheSameUser) {
  FairShare share(kMegabyte, kStart);
  FairShare::UserMeter user;
  std::array<FairShare::Meter, 5> heavy;
  FairShare::Meter light;
  int excess = 0;
  MonoTime now = kStart;
  for (int i = 0; i < 30'000; ++i, now += milliseconds(1)) {
    for (FairShare::Meter& meter : heavy) {
      EXPECT_NE(share.grade(now, Payer::kFriend, user, meter, 1000), Verdict::kOverOwnLimit);
    }
    if (i % 20 == 0) {
      excess += share.grade(now, Payer::kFriend, user, light, 200) != Verdict::kCommitted;
    }
  }
  EXPECT_EQ(excess, 0);
}

TEST(FairShare, GivesNoNewPartToAUserWhoMakesOneAllocationAfterTheOther) {
  FairShare share(kMegabyte, kStart);
  FairShare::UserMeter user;
  int committed = 0;
  for (int i = 0; i < 100; ++i) {
    One fresh;
    while (share.grade(kStart, Payer::kFriend, user, fresh.meter, 1000) == Verdict::kCommitted) {
      ++committed;
    }
  }
  EXPECT_LE(committed, 675);
}

TEST(FairShare, CountsWhoIsActiveForThisSecondAndTheLast) {
  FairShare share(kMegabyte, kStart);
  EXPECT_EQ(share.active_count(Payer::kFriend), 1u);
  std::array<One, 5> meters;
  for (int twice = 0; twice < 2; ++twice) {
    for (One& meter : meters) {
      EXPECT_NE(share.grade(kStart, Payer::kFriend, meter.user, meter.meter, 100),
                Verdict::kOverOwnLimit);
    }
  }
  EXPECT_EQ(share.active_count(Payer::kFriend), 5u);
  EXPECT_EQ(share.active_count(Payer::kStranger), 1u);

  const auto touch = [&](seconds at) {
    EXPECT_NE(share.grade(kStart + at, Payer::kFriend, meters[0].user, meters[0].meter, 100),
              Verdict::kOverOwnLimit);
    return share.active_count(Payer::kFriend);
  };
  EXPECT_EQ(touch(seconds(1)), 5u);
  EXPECT_EQ(touch(seconds(2)), 1u);
  // A whole second without anybody is as good as many.
  for (One& meter : meters) {
    EXPECT_NE(share.grade(kStart + seconds(3), Payer::kFriend, meter.user, meter.meter, 1),
              Verdict::kOverOwnLimit);
  }
  EXPECT_EQ(share.active_count(Payer::kFriend), 5u);
  EXPECT_EQ(touch(seconds(5)), 1u);
}

TEST(FairShare, TakesNewOptionsForThoseThatHaveBegun) {
  FairShare share(kMegabyte, kStart);
  One meter;
  EXPECT_EQ(share.grade(kStart, Payer::kFriend, meter.user, meter.meter, 1000),
            Verdict::kCommitted);
  FairShare::Options options = kMegabyte;
  options.bytes_per_second = 100'000;
  share.set_options(options, kStart);
  const int committed =
      count_in_a_row(share, kStart, Payer::kFriend, meter, 1000, Verdict::kCommitted);
  EXPECT_LE(committed, 60);
  share.set_options({}, kStart);
  EXPECT_EQ(share.grade(kStart, Payer::kFriend, meter.user, meter.meter, 1 << 20),
            Verdict::kCommitted);
}

}  // namespace
}  // namespace roost::core::turn
