// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/random.h"
#include "base/time.h"

namespace roost::node {

// Numbered packets that leave at an even pace, are sent back by the other end, and are counted at
// both ends, so that one sees in which direction they are lost.
//
//   |  token (16): this train's  |  number (4)  |  zeros  |
//
// Without the token nobody can make a packet that counts; a packet that comes twice counts once.
class EchoTrain {
 public:
  // As a frame of speech: a multiple of four, so that a stream needs no padding.
  static constexpr size_t kPacketSize = 160;
  static constexpr Duration kPace = std::chrono::milliseconds(50);
  // How long the last ones are waited for: more than a way round the world over two satellites.
  static constexpr Duration kPatience = std::chrono::milliseconds(1500);

  // Requires count > 0.
  EchoTrain(unsigned count, Random& random, MonoTime now);

  // The packet that is due now. Valid until the next call.
  std::optional<Bytes> poll(MonoTime now);
  // When poll() or is_over() is next worth calling.
  MonoTime next_deadline() const;
  // All are back, or are not waited for any longer.
  bool is_over(MonoTime now) const;

  // Packets that came in at the other end, to be sent back if they are ours, and at this one.
  [[nodiscard]] bool take_there(Bytes packet);
  void take_back(MonoTime now, Bytes packet);

  struct Result {
    unsigned sent = 0;
    unsigned reached = 0;   // The other end.
    unsigned returned = 0;  // To this one.
    Duration round_trip_min{};
    Duration round_trip_median{};
  };
  Result result() const;

 private:
  struct Packet {
    MonoTime sent_at;
    std::optional<Duration> round_trip;
    bool has_reached = false;
  };

  Packet* find(Bytes packet);

  std::array<uint8_t, kPacketSize> packet_{};
  unsigned count_;
  MonoTime next_at_;
  std::vector<Packet> sent_;
};

}  // namespace roost::node
