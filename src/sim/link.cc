// SPDX-License-Identifier: MIT
#include "sim/link.h"

#include <algorithm>

#include "base/check.h"

namespace roost::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// A sender of TCP notices a loss after about so long, and doubles it for the next.
constexpr Duration kRetransmissionTime = milliseconds(300);
// More losses in a row than that are one long pause, not a longer one each time.
constexpr unsigned kRetransmissionsMax = 5;

}  // namespace

const LinkProfile kCalmLink = {
    .name = "calm",
    .delay_min = milliseconds(3),
    .delay_mean = milliseconds(20),
    .jitter = microseconds(500),
};

const LinkProfile kMobileLink = {
    .name = "mobile",
    .delay_min = milliseconds(30),
    .delay_mean = milliseconds(70),
    .jitter = milliseconds(20),
    .loss_ppm = 10'000,
    .duplicate_ppm = 1'000,
    .reorder_ppm = 1'000,
    .reorder_by_max = milliseconds(50),
    .packet_bytes_max = 1280,
    .bytes_per_second = 250'000,
};

const LinkProfile kLossyLink = {
    .name = "lossy",
    .delay_min = milliseconds(10),
    .delay_mean = milliseconds(60),
    .jitter = milliseconds(20),
    .loss_ppm = 100'000,
    .duplicate_ppm = 50'000,
    .reorder_ppm = 100'000,
    .reorder_by_max = milliseconds(200),
    .packet_bytes_max = 1280,
};

const LinkProfile kHostileLink = {
    .name = "hostile",
    .delay_min = milliseconds(20),
    .delay_mean = milliseconds(150),
    .jitter = milliseconds(100),
    .loss_ppm = 250'000,
    .duplicate_ppm = 100'000,
    .reorder_ppm = 200'000,
    .reorder_by_max = milliseconds(1'000),
    .packet_bytes_max = 576,
    .bytes_per_second = 100'000,
    .queue_bytes_max = 8 * 1024,
};

Link::Link(const LinkProfile& profile, Dice& dice) {
  set_profile(profile, dice);
}

void Link::set_profile(const LinkProfile& profile, Dice& dice) {
  CHECK(profile.delay_min <= profile.delay_mean);
  profile_ = profile;
  delay_ = dice.between(profile.delay_min, 2 * profile.delay_mean - profile.delay_min);
}

Link::Arrivals Link::send(MonoTime now, const Packet& packet, Dice& dice) {
  ++stats_.sent;
  const size_t bytes = packet.wire_bytes();
  const bool is_datagram = packet.kind == PacketKind::kDatagram;
  // TCP finds out how much fits (its segments stand for several, if need be).
  if (is_datagram && bytes > profile_.packet_bytes_max) {
    ++stats_.too_large;
    return {};
  }
  MonoTime departure = now;
  if (const uint64_t rate = profile_.bytes_per_second; rate != 0) {
    const Duration wait = std::max(free_at_ - now, Duration());
    const uint64_t queued = static_cast<uint64_t>(wait.count()) * rate / 1'000'000;
    // A sender of TCP waits until there is room.
    if (is_datagram && queued + bytes > profile_.queue_bytes_max) {
      ++stats_.queue_full;
      return {};
    }
    free_at_ = now + wait + Duration(static_cast<int64_t>(bytes * 1'000'000 / rate));
    departure = free_at_;
  }
  Duration delay = delay_ + dice.between(Duration(), profile_.jitter);
  if (is_datagram && dice.happens(profile_.loss_ppm)) {
    ++stats_.lost;
    return {};
  }
  Duration retransmission = kRetransmissionTime;
  bool keeps_its_place = true;
  for (unsigned i = 0; !is_datagram && i < kRetransmissionsMax; ++i, retransmission *= 2) {
    if (!dice.happens(profile_.loss_ppm)) break;
    delay += retransmission;
    keeps_its_place = false;
  }
  if (is_datagram && dice.happens(profile_.reorder_ppm)) {
    ++stats_.reordered;
    delay += dice.between(Duration(), profile_.reorder_by_max);
    keeps_its_place = false;
  }
  Arrivals arrivals;
  MonoTime arrival = departure + delay;
  if (keeps_its_place) arrival = latest_arrival_ = std::max(arrival, latest_arrival_);
  arrivals.at[arrivals.count++] = arrival;
  if (is_datagram && dice.happens(profile_.duplicate_ppm)) {
    ++stats_.duplicated;
    const Duration later = dice.between(Duration(), profile_.reorder_by_max);
    arrivals.at[arrivals.count++] = arrival + later;
  }
  return arrivals;
}

}  // namespace roost::sim
