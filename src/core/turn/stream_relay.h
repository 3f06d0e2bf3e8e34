// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/action.h"
#include "core/outbox.h"
#include "core/turn/addresses.h"
#include "core/turn/allocation_table.h"
#include "core/turn/connections.h"
#include "core/turn/forwarder.h"
#include "core/turn/peer_policy.h"

namespace roost::core::turn {

// Relays TCP connections between clients and peers (RFC 6062 §5), as Forwarder does datagrams.
//
//   client ==control==> Connect ------------> peer        client <==ConnectionAttempt== peer
//   connects client ==another connection==> ConnectionBind, then raw bytes both ways
//
// Towards whom is decided as for datagrams; who connects needs a permission, who is connected to
// does not (§5.2, §5.3). The bytes themselves never come here: the shell asks for each chunk
// whether it may go on, and a chunk that an allocation's own limits or the donation do not cover
// waits, unpaid and undiminished, while the kernel's window holds back who sends.
class StreamRelay {
 public:
  // §5.2: at least 30 seconds, and no more, since each takes a place.
  static constexpr Duration kConnectTimeMax = std::chrono::seconds(30);
  static constexpr Duration kBindTimeMax = std::chrono::seconds(30);  // §5.2, §5.3.

  // What goes out in one packet, and the headers of IPv4 and TCP that each of them has.
  static constexpr uint64_t kSegmentBytes = 1400;
  static constexpr uint64_t kSegmentHeaderBytes = 40;
  // A connection that waits is looked at so often: a thousand of them cost no more than one flow.
  static constexpr Duration kHoldTimeMin = std::chrono::milliseconds(20);
  static constexpr Duration kHoldTimeMax = std::chrono::milliseconds(500);

  enum class Refusal : uint8_t {  // Of an incoming connection. Also the label of the counter.
    kNoPermission,
    kForbiddenPeer,
    kFull,    // Of all connections, or those of the allocation.
    kHasOne,  // There is one with that peer already.
    kGone,    // To a relayed address that has just been given up.
  };
  static constexpr size_t kRefusalCount = 5;

  struct Stats {
    uint64_t outgoing = 0;  // Connections that were made by Connect,
    uint64_t incoming = 0;  // and by peers.
    uint64_t bound = 0;
    uint64_t never_bound = 0;                            // In time.
    std::array<uint64_t, kPeerFailureCount> failures{};  // Of Connect.
    // By Payer of the allocation from here on; kService: of none that is known.
    std::array<std::array<uint64_t, kRefusalCount>, kPayerCount> refusals{};
    std::array<uint64_t, kPayerCount> to_peer_bytes{};  // With headers.
    std::array<uint64_t, kPayerCount> to_client_bytes{};
    std::array<std::array<uint64_t, Forwarder::kWaitCount>, kPayerCount> waits{};  // Chunks.
  };

  // All must outlive the relay.
  StreamRelay(AllocationTable& table, Forwarder& forwarder, const Addresses& addresses,
              const PeerPolicy& peers, const Connections::Options& options,
              const SipHashKey& secret);
  void set_limits(const Connections::Options& options) { connections_.set_limits(options); }
  // Whether allocations over TCP are made at all.
  bool is_offered() const { return connection_count_max_ > 0; }

  // What `bytes` of a connection cost, headers included.
  static uint64_t cost_of(uint64_t bytes) {
    return bytes + (bytes + kSegmentBytes - 1) / kSegmentBytes * kSegmentHeaderBytes;
  }

  // 0: the peer is being connected to, and PeerConnected, PeerFailed or the deadline has the
  // answer. Else the error code that says why not. Requires an active allocation over TCP, and a
  // peer of its family.
  unsigned connect(MonoTime now, Allocation& allocation, const Endpoint& peer,
                   const Connection::Asked& asked, Outbox& out);
  // The pending connection of that number, or null.
  Connection* find_pending(uint32_t number);
  // From here on the stream carries its data. Requires a pending one. To be called when the reply
  // has been pushed.
  void bind(Connection& connection, StreamId stream, Outbox& out);

  // Which Connect is to be answered: with success, or with 447; null if none is. The second is to
  // be erased by forget() then.
  Connection* take_connected(MonoTime now, const PeerConnected& input, Outbox& out);
  Connection* take_failed(const PeerFailed& input);
  void forget(Connection& connection);
  // What a deadline has ended: a Connect among it is to be answered with 447. To be erased by
  // forget(). Null when nothing is due.
  Connection* take_overdue(MonoTime now, Outbox& out);

  void take_arrived(MonoTime now, const PeerArrived& input, Outbox& out);
  void take_closed(const PeerClosed& input);
  // `room` is what the donation has left.
  void take_data(MonoTime now, const PeerDataArrived& input, const Forwarder::Room& room,
                 Outbox& out);

  // The allocation ends; CloseRelay tells the shell.
  void drop_all(Allocation& allocation) { connections_.erase_all(allocation); }

  const Connections& connections() const { return connections_; }
  const Stats& stats() const { return stats_; }
  std::optional<MonoTime> next_deadline() const { return connections_.next_deadline(); }
  void check_invariants() const { connections_.check_invariants(table_); }

  static uint64_t bytes_for(const Connections::Options& options) {
    return Connections::bytes_for(options);
  }

 private:
  Allocation& allocation_of(const Connection& connection) {
    return *table_.at(connection.allocation);
  }
  bool is_forbidden(const Allocation& allocation, const Endpoint& peer) const;
  void count_refusal(Refusal why, Payer whose) {
    ++stats_.refusals[static_cast<size_t>(whose)][static_cast<size_t>(why)];
  }
  void announce(const Allocation& allocation, const Connection& connection, Outbox& out);
  Duration hold_time(Payer payer, Forwarder::Wait why, uint64_t bytes) const;

  AllocationTable& table_;
  Forwarder& forwarder_;
  const Addresses& addresses_;
  const PeerPolicy& peers_;
  Connections connections_;
  uint32_t connection_count_max_;
  uint64_t indication_count_ = 0;
  Stats stats_;
};

std::string_view label(StreamRelay::Refusal refusal);

}  // namespace roost::core::turn
