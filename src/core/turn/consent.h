// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/crypto_hash.h"
#include "base/endpoint.h"
#include "base/zeroed_array.h"

namespace roost::core::turn {

// Whether a peer expects what an allocation relays to it: so that a relay that serves strangers is
// of no use as a proxy to those who do not.
//
// Until a peer has consented, nothing passes but ICE connectivity checks (RFC 8445 §7) and their
// answers. It consents as the agents themselves find out (RFC 7675 §5.1):
//
//   by answering a check of the client's, with the same transaction ID and an integrity attribute
//   by a check of its own, whose USERNAME is the client's turned round: "theirs:ours",
//   "ours:theirs"
//
// Only an ICE agent that has exchanged user names with the client does either; servers of STUN, DNS
// or games do not. Nor does who sends back what he gets: by which name the client calls itself is
// remembered, and a check in which the peer bears one of those is the client's own. Whether the
// integrity is right only the agents can tell.
class Consent {
 public:
  // Peers of one allocation about whom something is known. The one whose check is the oldest gives
  // way; one that has consented never does.
  static constexpr uint8_t kPeersMax = 16;
  // Names by which the client of one allocation may call itself: one, and another with each restart
  // of ICE.
  static constexpr size_t kNamesMax = 8;
  // A check carries no more.
  static constexpr size_t kCheckSizeMax = 548;

  // For the allocations in slots below `slots`, of which `count` at most need consent at a time.
  Consent(uint32_t slots, uint32_t count, const SipHashKey& secret);

  // Whether that may pass between the allocation in the slot and the peer.
  bool admits_to_peer(uint32_t slot, const Endpoint& peer, Bytes data);
  bool admits_to_client(uint32_t slot, const Endpoint& peer, Bytes data);
  bool is_given(uint32_t slot, const Endpoint& peer) const;

  // The allocation has ended.
  void forget(uint32_t slot);

  static uint64_t bytes_for(uint32_t slots, uint32_t count);

 private:
  struct Entry {
    Endpoint peer;
    uint64_t our_check = 0;   // Keyed hash of the transaction ID of the client's last check.
    uint64_t our_name = 0;    // Of its USERNAME, turned round.
    uint64_t their_name = 0;  // Of the USERNAME of the peer's last check.
    bool is_given = false;
    uint32_t next = 0;
  };

  using Names = std::array<uint64_t, kNamesMax>;  // Keyed hashes; 0: none.

  bool is_name(uint32_t slot, std::string_view name) const;
  bool note_name(uint32_t slot, std::string_view name);
  Entry* find(uint32_t slot, const Endpoint& peer);
  Entry* find_or_make(uint32_t slot, const Endpoint& peer);
  uint64_t hash(Bytes bytes) const { return sip_hash(secret_, bytes); }

  SipHashKey secret_;
  ZeroedArray<uint32_t> heads_;  // By slot; 0: none.
  ZeroedArray<Names> names_;     // By slot: the client's.
  ZeroedArray<Entry> entries_;   // The first is none.
  uint32_t free_ = 0;            // Of those that were given back.
  uint32_t never_used_ = 1;
};

}  // namespace roost::core::turn
