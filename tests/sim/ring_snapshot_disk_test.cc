// SPDX-License-Identifier: MIT
//
// Goal: contacts that were kept are there after every loss of power, on a disk that also fails, to
// write or to read, and fills up. Method: lives of a ring that only grows, each cut off at a moment
// of the dice; what a life reads is whole, and no less than what the ones before were told is kept.
#include <algorithm>
#include <gtest/gtest.h>

#include "core/dht/ring_snapshot.h"
#include "sim/disk_queue.h"

namespace roost::sim {
namespace {

using namespace std::chrono_literals;
using core::dht::ContactRing;
using core::dht::Family;
using core::dht::RingSnapshot;

constexpr WallTime kWall{std::chrono::sys_days{std::chrono::year{2026} / 12 / 1}};
constexpr SipHashKey kSecret{1, 2, 3};

class Life {
 public:
  Life(SimDisk& disk, Dice& dice, MonoTime& now)
      : dice_(dice),
        now_(now),
        ring({.v4_contacts = 40'000, .v6_contacts = 8}, kSecret),
        snapshot(ring),
        queue_(disk) {
    snapshot.start(clocks(), out_);
    carry_out();
  }

  void admit(uint32_t count) {
    for (; count > 0; --count) {
      const auto host = static_cast<uint32_t>(dice_.below(uint64_t{1} << 32));
      (void)ring.admit(now_, {{}, {IpAddress::v4(host), 6881}});
    }
  }
  // What comes next: an answer of the disk, or a deadline.
  void step() {
    if (const auto time = queue_.begin()) {
      now_ += *time;
      queue_.finish([this](const core::Input& input) {
        if (const auto* const done = std::get_if<core::CommitDone>(&input)) {
          snapshot.step(clocks(), *done, out_);
        } else {
          snapshot.step(clocks(), std::get<core::RangeRead>(input), out_);
        }
      });
    } else {
      ASSERT_TRUE(snapshot.next_deadline());
      now_ = std::max(now_, *snapshot.next_deadline());
      snapshot.step(clocks(), core::DeadlinePassed{}, out_);
    }
    carry_out();
  }
  // What the process does before it ends by itself. False if it did not get through in time.
  bool keep_now(int steps_max) {
    snapshot.keep_now(clocks(), out_);
    carry_out();
    for (; snapshot.is_keeping() && steps_max > 0; --steps_max) step();
    return !snapshot.is_keeping();
  }
  void cut_power() {
    (void)queue_.begin();
    queue_.cut_power(dice_);
  }

 private:
  Now clocks() const {
    return {now_, kWall + std::chrono::floor<std::chrono::seconds>(now_.time_since_epoch())};
  }
  void carry_out() {
    for (const core::Action& action : out_.actions()) {
      if (const auto* const commit = std::get_if<core::Commit>(&action)) {
        EXPECT_TRUE(queue_.add(*commit));
      } else if (const auto* const read = std::get_if<core::ReadRange>(&action)) {
        EXPECT_TRUE(queue_.add(*read));
      }
    }
    out_.clear();
  }

  Dice& dice_;
  MonoTime& now_;

 public:
  ContactRing ring;
  RingSnapshot snapshot;

 private:
  DiskQueue queue_;
  core::Outbox out_;
};

TEST(RingSnapshotDisk, ReadsAllThatWasKeptAfterEveryLossOfPower) {
  uint64_t kept_often = 0;
  uint64_t lost_often = 0;
  uint64_t kept_at_the_end = 0;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    Dice dice(seed);
    SimDisk disk({});
    MonoTime now{1h};
    size_t kept = 0;
    for (int lives = 0; lives < 12; ++lives) {
      disk.set_size_max(64 * 1024 * 1024);
      Life life(disk, dice, now);
      if (dice.below(3) == 0) disk.fail_next_reads(static_cast<uint32_t>(dice.below(15)));
      while (!life.snapshot.is_loaded()) life.step();
      const RingSnapshot::Stats& stats = life.snapshot.stats();
      ASSERT_EQ(0u, stats.pages_damaged + stats.pages_missing);
      ASSERT_GE(life.ring.size(Family::kV4), kept);
      life.admit(static_cast<uint32_t>(dice.below(1500)));
      if (dice.below(2) == 0) disk.set_size_max(dice.below(300'000));
      for (uint64_t left = dice.below(120); left > 0; --left) {
        if (dice.below(20) == 0) disk.fail_next(static_cast<uint32_t>(1 + dice.below(3)));
        if (dice.below(20) == 0) life.admit(20);
        life.step();
        if (stats.snapshots > 0) kept = std::max<size_t>(kept, stats.contacts_kept);
      }
      if (dice.below(3) == 0) {
        const uint64_t before = stats.snapshots;
        const bool had_begun = life.snapshot.is_keeping();
        const bool is_through = life.keep_now(static_cast<int>(dice.below(30)));
        if (is_through && stats.snapshots > before) {
          EXPECT_TRUE(had_begun || life.ring.size(Family::kV4) == stats.contacts_kept);
          kept = stats.contacts_kept;
          ++kept_at_the_end;
        }
      }
      kept_often += stats.snapshots;
      lost_often += stats.snapshots_lost;
      life.cut_power();
    }
  }
  EXPECT_GT(kept_often, 100u);
  EXPECT_GT(lost_often, 10u);
  EXPECT_GT(kept_at_the_end, 20u);
}

}  // namespace
}  // namespace roost::sim
