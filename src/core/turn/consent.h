// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/crypto_hash.h"
#include "base/endpoint.h"
#include "base/time.h"
#include "base/zeroed_array.h"
#include "wire/stun.h"

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
// Either is good for kLifetime, and each further one as long again: agents go on checking to keep
// consent (RFC 7675 §5.1), and when the peer is silent it lapses, whatever the client sends. Checks
// may pass all the time, so it can be had again.
//
// Only an ICE agent that has exchanged user names with the client does either; servers of STUN, DNS
// or games do not. Nor does who sends back what he gets: by which name the client calls itself is
// remembered, and a check in which the peer bears one of those is the client's own. Whether the
// integrity is right only the agents can tell.
class Consent {
 public:
  // RFC 7675 §5.1's 30 seconds, and the 6 that may lie between two checks: never shorter than what
  // the agents' own clocks allow, which hear of an answer later than we do.
  static constexpr Duration kLifetime = std::chrono::seconds(36);
  // Peers of one allocation about whom something is known. The one whose check is the oldest gives
  // way; one that consents never does.
  static constexpr uint8_t kPeersMax = 16;
  // Names by which the client of one allocation may call itself: one, and another with each restart
  // of ICE.
  static constexpr size_t kNamesMax = 8;
  // A check carries no more.
  static constexpr size_t kCheckSizeMax = 548;

  // For the allocations in slots below `slots`, of which `count` at most need consent at a time.
  Consent(uint32_t slots, uint32_t count, const SipHashKey& secret);

  // Whether that may pass between the allocation in the slot and the peer. Looks at kPeersMax
  // entries and one message at most.
  bool admits_to_peer(MonoTime now, uint32_t slot, const Endpoint& peer, Bytes data);
  bool admits_to_client(MonoTime now, uint32_t slot, const Endpoint& peer, Bytes data);
  bool is_given(MonoTime now, uint32_t slot, const Endpoint& peer) const;

  // The allocation has ended.
  void forget(uint32_t slot);

  static uint64_t bytes_for(uint32_t slots, uint32_t count);

 private:
  struct Entry {
    Endpoint peer;
    // Keyed hash of the transaction ID of the client's last check, until that is answered.
    uint64_t our_check = 0;
    uint64_t our_name = 0;     // Of its USERNAME, turned round.
    uint64_t their_name = 0;   // Of the USERNAME of the peer's last check,
    MonoTime their_name_ends;  // which counts for so long.
    MonoTime consent_ends;
    uint32_t next = 0;
  };

  using Names = std::array<uint64_t, kNamesMax>;  // Keyed hashes; 0: none.

  bool take_from_client(MonoTime now, uint32_t slot, const Endpoint& peer,
                        const wire::StunView& message);
  bool take_from_peer(MonoTime now, uint32_t slot, const Endpoint& peer,
                      const wire::StunView& message);
  static void compare_names(Entry& entry);
  bool is_name(uint32_t slot, std::string_view name) const;
  bool note_name(uint32_t slot, std::string_view name);
  Entry* find(uint32_t slot, const Endpoint& peer);
  Entry* find_or_make(MonoTime now, uint32_t slot, const Endpoint& peer);
  uint64_t hash(Bytes bytes) const { return sip_hash(secret_, bytes); }

  SipHashKey secret_;
  ZeroedArray<uint32_t> heads_;  // By slot; 0: none.
  ZeroedArray<Names> names_;     // By slot: the client's.
  ZeroedArray<Entry> entries_;   // The first is none.
  uint32_t free_ = 0;            // Of those that were given back.
  uint32_t never_used_ = 1;
};

}  // namespace roost::core::turn
