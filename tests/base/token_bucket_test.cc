// SPDX-License-Identifier: MIT
//
// Goal: nobody gets more than the rate and the burst, to the token, and nobody gets less.
// Method: a table of waits and answers; then random steps at ordinary and at extreme rates against
// a naive model that counts in 128 bits.
#include "base/token_bucket.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace roost {
namespace {

using namespace std::chrono_literals;

__extension__ typedef unsigned __int128 Wide;

constexpr MonoTime kStart{1h};
constexpr uint64_t kMost = uint64_t{1} << 40;

TEST(TokenBucket, GrantsABurstAndThenTheRate) {
  // Each row: wait this long, then ask once.
  struct Row {
    Duration wait;
    bool granted;
  };
  constexpr Row kTwoPerSecondBurstThree[] = {
      {0ms, true},    {0ms, true},   {0ms, true},  {0ms, false},  // The burst, and no more.
      {499ms, false}, {1ms, true},   {0ms, false},                // One token each half second.
      {1h, true},     {0ms, true},   {0ms, true},  {0ms, false},  // A long rest fills it, no more.
      {-1h, false},   {0ms, false},                 // Time that goes back earns nothing,
      {1h, false},    {500ms, true}, {0ms, false},  // nor does the way back up.
  };
  constexpr TokenBucket::Options kOptions{.rate_per_second = 2, .burst = 3};
  MonoTime now = kStart;
  TokenBucket bucket(kOptions, now);
  for (size_t i = 0; i < std::size(kTwoPerSecondBurstThree); ++i) {
    now += kTwoPerSecondBurstThree[i].wait;
    EXPECT_EQ(bucket.take(kOptions, now), kTwoPerSecondBurstThree[i].granted) << "row " << i;
  }
}

TEST(TokenBucket, TakesAllOfACostOrNothing) {
  constexpr TokenBucket::Options kOptions{.rate_per_second = 10, .burst = 100};
  TokenBucket bucket(kOptions, kStart);
  EXPECT_FALSE(bucket.take(kOptions, kStart, 101));
  EXPECT_TRUE(bucket.take(kOptions, kStart, 60));
  EXPECT_FALSE(bucket.take(kOptions, kStart, 41));
  EXPECT_EQ(bucket.tokens(kOptions, kStart), 40u);
  EXPECT_TRUE(bucket.take(kOptions, kStart, 40));
  EXPECT_TRUE(bucket.take(kOptions, kStart, 0));
  EXPECT_EQ(bucket.tokens(kOptions, kStart), 0u);
  EXPECT_FALSE(bucket.take(kOptions, kStart, ~uint64_t{0}));
}

TEST(TokenBucket, SpendsWhatIsThereForWhatHasHappened) {
  constexpr TokenBucket::Options kOptions{.rate_per_second = 10, .burst = 100};
  TokenBucket bucket(kOptions, kStart);
  bucket.spend(kOptions, kStart, 30);
  EXPECT_EQ(bucket.tokens(kOptions, kStart), 70u);
  bucket.spend(kOptions, kStart, ~uint64_t{0});
  EXPECT_EQ(bucket.tokens(kOptions, kStart), 0u);
  EXPECT_EQ(bucket.tokens(kOptions, kStart + 99ms), 0u);
  EXPECT_EQ(bucket.tokens(kOptions, kStart + 100ms), 1u);
}

TEST(TokenBucket, IsReadyWhenItSaysSoAndNotAMicrosecondEarlier) {
  struct Row {
    uint64_t rate_per_second, burst, cost;
    Duration wait;
  };
  constexpr Row kRows[] = {
      {1, 1, 1, 1s},
      {2, 3, 3, 1500ms},
      {3, 1, 1, 333'334us},  // A third of a second is no whole number of microseconds.
      {7, 7, 3, 428'572us},
      {999'999, 1, 1, 2us},
      {600'000, 1, 1, 2us},  // More than half a token each microsecond is not a token.
      {1'000'000, 1, 1, 1us},
      {1'000'001, 1, 1, 1us},
      {kMost, 1, 1, 1us},
      {kMost, kMost, kMost, 1s},
      {1, kMost, kMost, std::chrono::seconds(kMost)},
      {5, 5, 0, 0us},
  };
  for (const Row& row : kRows) {
    const TokenBucket::Options options{row.rate_per_second, row.burst};
    TokenBucket bucket(options, kStart);
    EXPECT_EQ(bucket.ready_at(options, row.cost), kStart);
    ASSERT_TRUE(bucket.take(options, kStart, row.burst));
    const MonoTime ready = bucket.ready_at(options, row.cost);
    EXPECT_EQ(ready, kStart + row.wait) << row.rate_per_second;
    if (row.cost > 0) {
      EXPECT_LT(bucket.tokens(options, ready - 1us), row.cost) << row.rate_per_second;
      EXPECT_FALSE(bucket.take(options, ready - 1us, row.cost)) << row.rate_per_second;
    }
    EXPECT_TRUE(bucket.take(options, ready, row.cost)) << row.rate_per_second;
  }
}

TEST(TokenBucket, SurvivesHugeGaps) {
  constexpr TokenBucket::Options kRows[] = {{1, 1}, {kMost, 1}, {1, kMost}, {kMost, kMost}};
  for (const TokenBucket::Options& options : kRows) {
    TokenBucket bucket(options, MonoTime());
    ASSERT_TRUE(bucket.take(options, MonoTime(), options.burst));
    EXPECT_EQ(bucket.tokens(options, MonoTime::max()), options.burst);
    EXPECT_TRUE(bucket.take(options, MonoTime::max(), options.burst));
    EXPECT_FALSE(bucket.take(options, MonoTime(), 1));
    EXPECT_FALSE(bucket.take(options, MonoTime::max(), 1));
  }
}

// The definition, in numbers that cannot overflow.
class NaiveBucket {
 public:
  NaiveBucket(const TokenBucket::Options& options, MonoTime now)
      : options_(options), millionths_(full()), updated_at_(now) {}

  void advance(MonoTime now) {
    if (now <= updated_at_) return;
    const Wide earned =
        Wide{static_cast<uint64_t>((now - updated_at_).count())} * options_.rate_per_second;
    millionths_ = std::min(full(), millionths_ + earned);
    updated_at_ = now;
  }
  uint64_t tokens() const { return static_cast<uint64_t>(millionths_ / 1'000'000); }
  void take(uint64_t cost) { millionths_ -= Wide{cost} * 1'000'000; }
  MonoTime ready_at(uint64_t cost) const {
    const Wide wanted = Wide{cost} * 1'000'000;
    if (wanted <= millionths_) return updated_at_;
    const Wide rate = options_.rate_per_second;
    return updated_at_ + Duration(static_cast<int64_t>((wanted - millionths_ + rate - 1) / rate));
  }

 private:
  Wide full() const { return Wide{options_.burst} * 1'000'000; }

  TokenBucket::Options options_;
  Wide millionths_;
  MonoTime updated_at_;
};

TEST(TokenBucket, AgreesWithANaiveModelToTheToken) {
  constexpr uint64_t kAmounts[] = {1,       2,         3,         7,       50,        1000,
                                   999'999, 1'000'000, 1'000'001, 600'000, kMost - 1, kMost};
  SeededRandom random(1);
  for (const uint64_t rate : kAmounts) {
    for (const uint64_t burst : kAmounts) {
      const TokenBucket::Options options{rate, burst};
      MonoTime now = kStart;
      TokenBucket bucket(options, now);
      NaiveBucket naive(options, now);
      for (int step = 0; step < 500; ++step) {
        // From standing still to a million years, now and then backwards.
        const auto wait = static_cast<int64_t>(random.below(uint64_t{1} << random.below(55)));
        if (random.below(8) == 0) {
          now -= std::min(Duration(wait), now.time_since_epoch());
        } else if (now < MonoTime(Duration(int64_t{1} << 61))) {
          now += Duration(wait);
        }
        naive.advance(now);
        ASSERT_EQ(bucket.tokens(options, now), naive.tokens()) << rate << ' ' << burst;
        const uint64_t cost = random.below(1 + std::min(burst, naive.tokens() + 2));
        switch (random.below(3)) {
          case 0:
            ASSERT_EQ(bucket.take(options, now, cost), cost <= naive.tokens());
            if (cost <= naive.tokens()) naive.take(cost);
            break;
          case 1:
            bucket.spend(options, now, cost);
            naive.take(std::min(cost, naive.tokens()));
            break;
          default:
            ASSERT_TRUE(bucket.take(options, now, 0));
            ASSERT_EQ(bucket.ready_at(options, cost), naive.ready_at(cost))
                << rate << ' ' << burst << ' ' << cost;
        }
      }
    }
  }
}

TEST(TokenBucketDeathTest, HasARateABurstAndNoMoreThanTheBurst) {
  EXPECT_DEATH(TokenBucket({0, 1}, kStart), "broken invariant");
  EXPECT_DEATH(TokenBucket({1, 0}, kStart), "broken invariant");
  const TokenBucket bucket({1, 2}, kStart);
  EXPECT_DEATH(static_cast<void>(bucket.ready_at({1, 2}, 3)), "broken invariant");
}

}  // namespace
}  // namespace roost
