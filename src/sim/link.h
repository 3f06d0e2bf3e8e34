// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/time.h"
#include "sim/dice.h"
#include "sim/packet.h"

namespace roost::sim {

// How a line behaves. Chances are in parts per million.
struct LinkProfile {
  std::string_view name;
  // A line's own delay is drawn once, from delay_min to as far above delay_mean.
  Duration delay_min{};
  Duration delay_mean{};
  Duration jitter{};  // Each packet waits so much longer at most; none overtakes another by it.
  uint32_t loss_ppm = 0;
  uint32_t duplicate_ppm = 0;
  uint32_t reorder_ppm = 0;              // Of packets that those behind them overtake,
  Duration reorder_by_max{};             // because they are held up for so long at most.
  size_t packet_bytes_max = 1500;        // Whole IP packets (the MTU); larger ones are lost.
  uint64_t bytes_per_second = 0;         // 0: as much as there is.
  uint64_t queue_bytes_max = 64 * 1024;  // Waiting at the entrance; a datagram beyond is lost.
};

// No delay and no fault: the wire between two parts of one machine or one flat.
inline constexpr LinkProfile kPerfectLink = {.name = "perfect"};
extern const LinkProfile kCalmLink;     // Fibre and cable on a good day.
extern const LinkProfile kMobileLink;   // Slow, jittery, a small MTU, and losses now and then.
extern const LinkProfile kLossyLink;    // A tenth lost, many doubled or out of order.
extern const LinkProfile kHostileLink;  // A quarter lost; as bad as a client still has to bear.

// One direction of a line. Keeps no packets, only when the line is free again.
class Link {
 public:
  Link(const LinkProfile& profile, Dice& dice);

  // When the packet comes out: never, once, or twice. Segments of a connection come out once, late
  // by as many retransmissions as it took.
  struct Arrivals {
    std::array<MonoTime, 2> at;
    size_t count = 0;
  };
  Arrivals send(MonoTime now, const Packet& packet, Dice& dice);

  // The line changes its character; what is under way arrives as it would have.
  void set_profile(const LinkProfile& profile, Dice& dice);
  const LinkProfile& profile() const { return profile_; }

  struct Stats {
    uint64_t sent = 0;
    uint64_t lost = 0;
    uint64_t duplicated = 0;
    uint64_t reordered = 0;
    uint64_t too_large = 0;
    uint64_t queue_full = 0;
  };
  const Stats& stats() const { return stats_; }

 private:
  LinkProfile profile_;
  Duration delay_{};
  MonoTime free_at_{};         // When the last packet has been put on the line.
  MonoTime latest_arrival_{};  // Of those that keep their order.
  Stats stats_;
};

}  // namespace roost::sim
