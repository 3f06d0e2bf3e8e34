// SPDX-License-Identifier: MIT
#pragma once
// One direction of one relayed connection, and what carries packets through many of them.
//
//   from == relay == to        each packet: [channel header] lane, sequence, time, fixed bytes
//
// Nothing is kept per packet: packets of a lane arrive in the order in which they were sent, so a
// later one tells that those before it are lost, and silence for kTimeoutNanoseconds that all are.
// Every byte that arrives is compared with what was sent.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <vector>

#include "histogram.h"

namespace bench {

// One end of a lane. A client's packets have a channel header before them, a peer's have none.
struct LaneEnd {
  int socket = -1;       // Connected, and read by one lane only. Somebody else closes it.
  uint16_t channel = 0;  // 0: a peer.

  bool is_client() const { return channel != 0; }
};

struct Lane {
  LaneEnd from;
  LaneEnd to;
  uint64_t next_sequence = 0;
  uint64_t expected_sequence = 0;
  int64_t progressed_nanoseconds = 0;  // When it last was idle, or a packet came.
  bool is_waiting = false;             // Listed among those that something may arrive for.

  uint64_t in_flight() const { return next_sequence - expected_sequence; }
};

struct TrafficCounters {
  uint64_t sent = 0;
  uint64_t delivered = 0;
  uint64_t invalid = 0;    // Not the bytes that were sent, or not where they were sent to.
  uint64_t lost = 0;       // Never came.
  uint64_t late = 0;       // Came after it was given up, or twice.
  uint64_t unoffered = 0;  // At a fixed rate: what no window had room for.
};

class Traffic {
 public:
  struct Options {
    uint32_t payload_size = 172;
    uint32_t burst = 1;            // Packets per message, cut by UDP_SEGMENT where more than one.
    uint32_t window = 0;           // Packets in flight in all.
    uint32_t lane_window = 0;      // And in one lane.
    uint64_t rate_per_second = 0;  // 0 keeps the window full.
  };
  static constexpr uint32_t kPayloadSizeMin = 24;
  static constexpr uint32_t kPayloadSizeMax = 1400;
  static constexpr uint32_t kBurstMax = 16;

  Traffic(std::vector<Lane> lanes, const Options& options);
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;

  // Sends and receives for that long, and calls `meanwhile` all the time.
  void run(double seconds, const std::function<void(int64_t now)>& meanwhile = {});
  // Receives until nothing is in flight, which the timeout bounds.
  void drain();
  void forget();

  const TrafficCounters& counters() const { return counters_; }
  const Histogram& latency() const { return latency_; }

 private:
  struct Head {  // What a payload begins with.
    uint64_t lane;
    uint64_t sequence;
    int64_t sent_nanoseconds;
  };
  static_assert(sizeof(Head) == kPayloadSizeMin);

  static constexpr size_t kSendMax = 32;     // Packets in one system call.
  static constexpr size_t kReceiveMax = 32;  // Messages in one.
  // The odd rest keeps the beginnings out of each other's cache lines.
  static constexpr size_t kReceiveSlotSize = 65536 + 192;
  static constexpr size_t kPollMax = 64;
  // Longer than other work keeps the server from its core.
  static constexpr int64_t kTimeoutNanoseconds = 250'000'000;
  static constexpr int64_t kExpireIntervalNanoseconds = 5'000'000;

  struct alignas(cmsghdr) SendControl : std::array<uint8_t, CMSG_SPACE(sizeof(uint16_t))> {};
  struct alignas(cmsghdr) ReceiveControl : std::array<uint8_t, CMSG_SPACE(sizeof(int))> {};

  void receive_ready();
  void receive(size_t lane_index);
  void take(size_t lane_index, const uint8_t* data, size_t size, int64_t now);
  void fill_windows();
  void send_due(int64_t now);
  // How many the kernel took.
  size_t send(size_t lane_index, size_t count);
  void expire(int64_t now);

  std::vector<Lane> lanes_;
  Options options_;
  TrafficCounters counters_;
  Histogram latency_;
  std::vector<uint32_t> waiting_;  // In the order in which packets are due, oldest first.
  size_t next_lane_ = 0;
  uint64_t in_flight_ = 0;
  int64_t run_start_ = 0;
  int64_t next_expire_ = 0;
  uint64_t offered_ = 0;

  std::vector<uint8_t> fixed_bytes_;
  std::vector<uint8_t> send_buffer_;
  std::array<iovec, kSendMax> send_vectors_;
  std::array<SendControl, kSendMax> send_controls_;
  std::array<mmsghdr, kSendMax> send_headers_{};
  std::unique_ptr<uint8_t[]> receive_buffer_;
  std::array<iovec, kReceiveMax> receive_vectors_;
  std::array<ReceiveControl, kReceiveMax> receive_controls_;
  std::array<mmsghdr, kReceiveMax> receive_headers_{};
  std::array<pollfd, kPollMax> polled_{};
};

}  // namespace bench
