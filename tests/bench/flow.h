// SPDX-License-Identifier: MIT
#pragma once
// One connected UDP socket and its window of requests in flight.
//
//   free --send--> in flight --reply, or timeout--> free
//
// A slot of the window is one request. Its index and a sequence number, both masked with a random
// key, are the transaction id, so a reply finds its slot without a table, is counted once, and a
// duplicate or a forgery counts as invalid. A lost reply costs its slot for one timeout and never
// stops the others.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <sys/socket.h>
#include <vector>

#include "histogram.h"
#include "stun_client.h"

namespace bench {

enum class Mode : uint8_t { kStun, kEcho };

struct Counters {
  uint64_t sent = 0;
  uint64_t valid = 0;
  uint64_t invalid = 0;
  uint64_t lost = 0;  // No reply within the timeout.
  uint64_t late = 0;  // The reply to one already counted as lost.
};

// Headers and buffers for one system call, shared by all flows: a call is over before the next.
struct Batch {
  static constexpr size_t kSize = 64;
  static constexpr size_t kReplySizeMax = 1500;  // One Ethernet frame.

  Batch();

  std::array<std::array<uint8_t, kReplySizeMax>, kSize> replies;
  std::array<iovec, kSize> reply_vectors;
  std::array<mmsghdr, kSize> reply_headers;
  std::array<uint32_t, kSize> request_slots;
  std::array<iovec, kSize> request_vectors;
  std::array<mmsghdr, kSize> request_headers;
};

class Flow {
 public:
  struct Options {
    Mode mode = Mode::kStun;
    bool with_fingerprint = false;
    uint32_t window = 0;
    uint32_t timeout_ms = 100;
  };

  // Takes `socket`, which must be connected. `key` must be random.
  Flow(int socket, uint64_t key, const Options& options);
  ~Flow();
  Flow(Flow&& other) noexcept;
  Flow& operator=(Flow&&) = delete;

  int socket() const { return socket_; }
  uint32_t free_count() const { return static_cast<uint32_t>(free_slots_.size()); }

  // Reads at most one batch of replies and counts them; round trips of valid ones go to `rtt`.
  void receive(Batch& batch, Counters& counters, Histogram& rtt);

  // Sends up to `count_max` new requests, as many as the window and one batch hold; returns how
  // many the kernel took.
  uint32_t send(Batch& batch, uint32_t count_max, Counters& counters);

  // Frees the slots of requests that were sent before now minus the timeout.
  void expire(int64_t now_nanoseconds, Counters& counters);

 private:
  struct Slot {
    std::array<uint8_t, kBindingRequestSizeMax> request{};
    TransactionId id{};
    uint64_t sequence = 0;
    uint64_t lost_mask = 0;  // Bit n: the request n sequences ago was lost and still owes a reply.
    int64_t sent_nanoseconds = 0;
    bool in_flight = false;
  };

  void take_reply(std::span<const uint8_t> reply, int64_t now, Counters& counters, Histogram& rtt);
  bool reply_is_valid(std::span<const uint8_t> reply, const Slot& slot) const;
  void prepare(uint32_t index, int64_t now);
  TransactionId transaction_id(uint32_t index, uint64_t sequence) const;

  int socket_;
  uint64_t key_;
  Options options_;
  size_t request_size_;
  MappedAddress local_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_slots_;
};

}  // namespace bench
