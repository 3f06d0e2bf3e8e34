// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "sim/host.h"
#include "sim/packet.h"

namespace roost::sim {

// One end of a TCP connection, as far as the simulator has TCP: segments of any size that come in
// order and once. Knows no retransmission; links delay segments instead of losing them, and what a
// NAT or a split swallows is gone, as after a long outage. Whoever sends much looks at room(),
// which grows as the other side acknowledges; where neither does, there is no window.
class Connection {
 public:
  // How many segments may wait for one before them. More would be a fault of ours.
  static constexpr size_t kEarlyMax = 64;

  // What may be on its way and unread: a few segments of any size.
  static constexpr size_t kWindowBytes = 8 * 1024;

  // One that we open,
  Connection(const Endpoint& local, const Endpoint& remote) : local_(local), remote_(remote) {}
  // and the end that answers the segment.
  static Connection answering(const Packet& segment) {
    Connection answer(segment.destination, segment.source);
    answer.conversation_ = segment.conversation;
    return answer;
  }

  const Endpoint& local() const { return local_; }
  const Endpoint& remote() const { return remote_; }

  // Sends the next segment of ours: kOpen first, on either side.
  void send(Host& host, PacketKind kind, Bytes payload = {});

  // Ends it at once, whatever is on its way: the other side sees a kEnd that is the first segment.
  void reset(Host& host) const;
  static bool is_reset(const Packet& segment) {
    return segment.kind == PacketKind::kEnd && segment.sequence == 0;
  }

  // Whether it belongs to another connection between the same ends, or did: whoever goes on with
  // that one is sent a reset.
  bool is_foreign(const Packet& segment) const {
    return conversation_ != 0 && segment.conversation != 0 && segment.conversation != conversation_;
  }

  // How many bytes of data may be sent now.
  size_t room() const;
  // Tells the other side that all the data that next() has handed out was read, but for the last
  // `unread_bytes` of it.
  void acknowledge(Host& host, size_t unread_bytes);

  // A segment of the other side came in; next() then hands out what is due, in order. A kEnd that
  // is the other side's first segment overtakes: it knows of no connection. What belongs to an
  // older connection between the same ends is dropped.
  void add(const Packet& segment);
  std::optional<Packet> next();
  // Segments that wait for one before them.
  size_t early_count() const { return early_.size(); }

 private:
  Endpoint local_;
  Endpoint remote_;
  uint32_t conversation_ = 0;  // 0: not begun.
  uint32_t sent_ = 0;
  uint32_t taken_ = 0;
  uint32_t sent_bytes_ = 0;
  uint32_t acknowledged_bytes_ = 0;
  uint32_t taken_bytes_ = 0;
  std::map<uint32_t, Packet> early_;
};

}  // namespace roost::sim
