// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bounded_map.h"
#include "base/deadline_heap.h"
#include "base/endpoint.h"
#include "base/result.h"
#include "base/time.h"
#include "base/zeroed_array.h"
#include "core/action.h"
#include "core/turn/allocation_table.h"
#include "core/turn/authenticator.h"

namespace roost::core::turn {

// A peer data connection of an allocation over TCP (RFC 6062 §3).
//
//   free --Connect--> connecting --peer answers--> pending --ConnectionBind--> bound -> free
//   free --peer connects--------------------------> pending
//   connecting, pending --30 s--> free
struct Connection {
  enum class State : uint8_t { kFree, kConnecting, kPending, kBound };
  // The Connect to be answered, while connecting.
  struct Asked {
    std::array<uint8_t, 12> transaction_id{};
    bool has_fingerprint = false;
    Authenticator::Proof proof;
  };

  State state = State::kFree;
  uint32_t slot = 0;
  uint32_t generation = 0;  // Of the slot, so that what is late does not hit its next user.
  uint32_t number = 0;      // CONNECTION-ID: unique among those that there are, and unguessable.
  uint32_t allocation = 0;  // Its slot.
  uint32_t next = 0;        // In the list of its allocation: one more than a slot; 0: none.
  Endpoint peer;            // As the client knows it.
  StreamId stream{};        // Of the client data connection, once bound.
  Asked asked;

  PeerConnectionId id() const {
    return static_cast<PeerConnectionId>(uint64_t{generation} << 32 | slot);
  }
};

// All connections of all allocations, in memory that is taken at the start.
//
// The number is not the only guard of a connection (who binds it must be its allocation's user),
// and is as good as random, so that nobody learns from it how many there are.
class Connections {
 public:
  struct Options {
    uint32_t count = 256;
    uint8_t per_allocation = 16;
  };
  // Why there is no room. Also the label of the counter.
  enum class Full : uint8_t { kConnections, kAllocation };
  static constexpr size_t kFullCount = 2;

  // `options.count` may be 0.
  Connections(const Options& options, const SipHashKey& secret);
  // Not below what the table was made for.
  void set_limits(const Options& options);

  // A new one, connecting or (an incoming one) pending. Requires that the allocation has none to
  // that peer.
  Result<Connection*, Full> create(Allocation& allocation, const Endpoint& peer,
                                   Connection::State state);
  void erase(Allocation& allocation, Connection& connection);
  void erase_all(Allocation& allocation);

  Connection* find(PeerConnectionId id);
  Connection* find_number(uint32_t number);
  Connection* find(const Allocation& allocation, const Endpoint& peer);

  void set_deadline(const Connection& connection, MonoTime at) {
    deadlines_.set(connection.slot, at);
  }
  void clear_deadline(const Connection& connection) { deadlines_.clear(connection.slot); }
  std::optional<MonoTime> next_deadline() const { return deadlines_.next_deadline(); }
  Connection* pop_due(MonoTime now);

  uint32_t size() const { return size_; }
  uint64_t refusals(Payer payer, Full why) const {
    return refusals_[static_cast<size_t>(payer)][static_cast<size_t>(why)];
  }
  void check_invariants(const AllocationTable& allocations) const;

  static uint64_t bytes_for(const Options& options);

 private:
  struct NumberBytes {
    std::array<uint8_t, 4> operator()(uint32_t number) const {
      std::array<uint8_t, 4> bytes;
      store_u32(bytes.data(), number);
      return bytes;
    }
  };
  using ByNumber = BoundedMap<uint32_t, uint32_t, NumberBytes>;

  uint32_t next_number();

  Options options_;
  SipHashKey secret_;
  ZeroedArray<Connection> connections_;
  std::vector<uint32_t> free_slots_;
  ByNumber by_number_;  // Slots.
  DeadlineHeap deadlines_;
  uint64_t number_count_ = 0;
  uint32_t size_ = 0;
  std::array<std::array<uint64_t, kFullCount>, kPayerCount> refusals_{};
};

std::string_view label(Connections::Full full);

}  // namespace roost::core::turn
