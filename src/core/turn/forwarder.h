// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "core/action.h"
#include "core/outbox.h"
#include "core/turn/addresses.h"
#include "core/turn/allocation_table.h"
#include "core/turn/consent.h"
#include "core/turn/fair_share.h"
#include "core/turn/peer_policy.h"
#include "wire/stun.h"

namespace roost::core::turn {

// Relays data between clients and peers (RFC 8656 §10, §11, §12): the hot path.
//
// Nothing leaves without a permission (or, towards a peer, its channel), nor to an address that the
// policy forbids now, whatever it was when the permission was given. ChannelData costs one look-up
// by the client's flow, or by the relayed address, and no allocation; the data itself stays where
// it was received. Traffic between two allocations of ours is handed over here, after both sides'
// checks, and crosses the kernel once instead of twice; it is also the only traffic to our own
// addresses.
class Forwarder {
 public:
  // What one relayed datagram may carry. Ethernet carries less.
  static constexpr size_t kDataSizeMax = 1800;
  // IPv4 and UDP headers, which are paid for too.
  static constexpr uint64_t kHeaderBytes = 28;

  enum class Drop : uint8_t {  // Also the label of the counter.
    kMalformed,
    kNoPermission,
    kNoChannel,
    kForbiddenPeer,
    kNoConsent,  // A stranger's, to or from a peer that has not shown of late that it expects it.
    kTooLong,
    kOwnLimit,     // The allocation's own bytes per second,
    kUsedUp,       // or its bytes in all, or its grant's, or those of its stranger's period.
    kGone,         // To a relayed address that has just been given up.
    kNoDatagrams,  // The allocation is one of TCP (RFC 6062), which has none.
  };
  static constexpr size_t kDropCount = 10;
  // Why a chunk of a TCP connection, of which nothing may be dropped, has to wait. Also the label
  // of the counter.
  enum class Wait : uint8_t {
    kOwnLimit,
    kUsedUp,  // Not even that is left.
    kDonation,
  };
  static constexpr size_t kWaitCount = 3;
  // What the donation would pay for now, by Grade.
  struct Room {
    uint64_t committed_bytes;
    uint64_t excess_bytes;
  };

  struct Stats {  // By Payer of the allocation; bytes with headers.
    std::array<uint64_t, kPayerCount> to_peer_packets{};
    std::array<uint64_t, kPayerCount> to_peer_bytes{};
    std::array<uint64_t, kPayerCount> to_client_packets{};
    std::array<uint64_t, kPayerCount> to_client_bytes{};
    uint64_t icmp_errors = 0;                                 // Told to clients.
    std::array<uint64_t, kPayerCount> handed_over_packets{};  // Part of both of the above.
    // kService: of no allocation that is known.
    std::array<std::array<uint64_t, kDropCount>, kPayerCount> drops{};
  };

  struct Options {
    FairShare::Options share;
    // What one allocation may relay, both directions, headers included, by Payer. 0: no limit.
    std::array<uint64_t, kPayerCount> bytes_per_allocation{};
    // What all allocations of a stranger's account may relay in one period, likewise.
    uint64_t stranger_bytes_per_period = 0;
    // Whether strangers reach only peers that expect it (Consent), or relayed addresses of ours.
    bool strangers_need_consent = true;
  };

  // All must outlive the forwarder.
  Forwarder(AllocationTable& table, const Addresses& addresses, const PeerPolicy& peers,
            const AllocationTable::Options& sizes, const Options& options, const SipHashKey& secret,
            MonoTime now);
  void set_options(const Options& options, MonoTime now);

  // From the client of an active allocation: a ChannelData message, or an indication.
  void take_channel_data(MonoTime now, Allocation& allocation, Bytes message, Outbox& out);
  void take_indication(MonoTime now, Allocation& allocation, const wire::StunView& view,
                       Outbox& out);
  // From a peer, and about a datagram to one (§11.5).
  void take_datagram(MonoTime now, const RelayDatagramArrived& input, Outbox& out);
  void take_error(MonoTime now, const RelayErrorArrived& input, Outbox& out);

  // An allocation has ended.
  void forget(const Allocation& allocation);
  // Whether what the allocation's user may relay is spent, by `bytes` more.
  bool is_used_up(const Allocation& allocation, uint64_t bytes);

  static uint64_t bytes_for(const AllocationTable::Options& sizes);
  // What `bytes` (headers included) of a TCP connection of the allocation are; they are charged to
  // it only then.
  Result<Grade, Wait> charge_stream(MonoTime now, Allocation& allocation, uint64_t bytes,
                                    const Room& room);
  // The allocation ends with the deadline, which is now: `bytes` (headers included) that came are
  // more than it, or its grant, has left. Of a grant the rest is forfeited, since it would be worth
  // nothing but one allocation after the other.
  void use_up(MonoTime now, const Allocation& allocation, uint64_t bytes);
  // How fast what is waited for comes in; 0 if it does not.
  uint64_t bytes_per_second(Payer payer, Wait why) const;

  const Stats& stats() const { return stats_; }
  uint64_t relayed_packets() const;

 private:
  void to_peer(MonoTime now, Allocation& allocation, const Endpoint& peer, Bytes data,
               bool is_dont_fragment, Outbox& out);
  void to_client(MonoTime now, Allocation& allocation, const Endpoint& peer, Bytes data,
                 Outbox& out);
  std::array<uint8_t, 12> next_indication_id();
  void send_to_client(const Allocation& allocation, Bytes message, Grade grade, Outbox& out);
  void count(Allocation& allocation, uint64_t bytes);
  bool is_grant_used_up(const Allocation& allocation, uint64_t bytes);
  bool is_period_used_up(const Allocation& allocation, uint64_t bytes);
  std::optional<Grade> charge(MonoTime now, Allocation& allocation, size_t size);
  bool needs_consent(const Allocation& allocation) const {
    return strangers_need_consent_ && allocation.proof.payer == Payer::kStranger;
  }
  void drop(Drop why, Payer whose = Payer::kService) {
    ++stats_.drops[static_cast<size_t>(whose)][static_cast<size_t>(why)];
  }
  void drop(Drop why, const Allocation& whose) { drop(why, whose.proof.payer); }

  AllocationTable& table_;
  const Addresses& addresses_;
  const PeerPolicy& peers_;
  FairShare share_;
  FairShare::Options share_options_;
  std::array<uint64_t, kPayerCount> bytes_per_allocation_;
  uint64_t stranger_bytes_per_period_;
  bool strangers_need_consent_;
  Consent consent_;
  uint64_t indication_count_ = 0;
  Stats stats_;
};

std::string_view label(Forwarder::Drop drop);
std::string_view label(Forwarder::Wait wait);

// Whether an agent that knows TURN may meet the attribute without refusing the message.
bool is_known(wire::StunAttribute type);

}  // namespace roost::core::turn
