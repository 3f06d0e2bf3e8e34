// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/bounded_map.h"
#include "base/deadline_heap.h"
#include "base/endpoint.h"
#include "base/prefix_limiter.h"
#include "base/result.h"
#include "base/time.h"
#include "base/zeroed_array.h"
#include "core/action.h"
#include "core/turn/accounts.h"
#include "core/turn/authenticator.h"
#include "core/turn/fair_share.h"

namespace roost::core::turn {

// What a client and we have in common: the 5-tuple of RFC 8656 §2 over UDP, a stream otherwise (a
// DTLS association counts as one).
struct Flow {
  Transport transport = Transport::kUdp;
  SocketId socket = 0;  // UDP.
  LocalEnd local;
  Endpoint client;
  StreamId stream{};  // TCP, TLS and DTLS.
};

// RFC 8656 has two families; a dual allocation has a relayed address of each.
enum class Family : uint8_t { kV4 = 0, kV6 = 1 };
constexpr Family family_of(const IpAddress& address) {
  return address.is_v4() ? Family::kV4 : Family::kV6;
}

// Who may send through a relayed address (§9): an IP address, whatever its port.
struct Permission {
  IpAddress peer;
  MonoTime expires_at;
  uint32_t next = 0;
};

// A channel bound to a peer (§12).
struct Channel {
  Endpoint peer;
  MonoTime expires_at;
  uint16_t number = 0;
  uint32_t next = 0;
};

// One allocation, or one socket that EVEN-PORT has reserved for one.
//
//   free -> opening --all sockets bound--> active -> free
//           opening --refused-> free       reserved -> opening (with its token) | free
struct Allocation {
  enum class State : uint8_t { kFree, kOpening, kActive, kReserved };
  // A relayed transport address.
  struct Relay {
    enum class State : uint8_t { kNone, kOpening, kOpen, kRefused };
    State state = State::kNone;
    Endpoint local;       // As bound, with the address that packets leave from.
    Endpoint advertised;  // As the world sees it: another one behind a 1:1 NAT.
  };

  State state = State::kFree;
  uint8_t permission_count = 0;
  uint8_t channel_count = 0;
  uint8_t connection_count = 0;
  RelayProtocol protocol = RelayProtocol::kUdp;  // TCP's are those of RFC 6062.
  uint32_t slot = 0;
  uint32_t generation = 0;  // Of the slot, so that what is late does not hit its next user.
  Flow flow;
  Authenticator::Proof proof;          // Of the Allocate: the same user must come again (441).
  std::array<Relay, 2> relays;         // By Family.
  MonoTime expires_at;                 // From the request on, however long its sockets took.
  MonoTime ends_at = MonoTime::max();  // Refreshed or not.
  uint32_t permissions = 0;            // Where its lists begin; 0: empty.
  uint32_t channels = 0;
  uint32_t account = 0;      // Its index: who pays.
  uint32_t connections = 0;  // In Connections.
  FairShare::Meter meter;
  TokenBucket requests{{1, 1}, MonoTime()};  // Of its own flow, once it is active.
  uint64_t relayed_bytes = 0;                // Both directions, headers included.
  int64_t period = 0;                        // Of the account's, on which a stranger's are counted.

  // The Allocate that made it, to be answered when the sockets are there, and alike when it comes
  // again.
  std::array<uint8_t, 12> transaction_id{};
  bool has_fingerprint = false;
  std::optional<Family> additional;       // ADDITIONAL-ADDRESS-FAMILY.
  uint32_t reserved_slot = ~uint32_t{0};  // What EVEN-PORT has reserved with it.
  uint64_t reservation_token = 0;         // Of a kReserved one, and of the one it came with.

  bool has(Family family) const {
    return relays[static_cast<size_t>(family)].state == Relay::State::kOpen;
  }
};

// All allocations with their permissions and channels, in memory that is taken at the start.
class AllocationTable {
 public:
  struct Options {
    uint32_t allocations = 512;
    // By Payer; kService has none.
    std::array<uint32_t, kPayerCount> allocations_per_class = {0, 512, 512, 64};
    std::array<uint32_t, kPayerCount> allocations_per_user = {0, 32, 32, 4};
    uint32_t allocations_per_prefix = 32;
    uint8_t permissions_per_allocation = 16;
    uint8_t channels_per_allocation = 16;
  };
  // Why there is no room. Also the label of the counter.
  enum class Full : uint8_t { kAllocations, kClass, kUser, kPrefix, kPermissions, kChannels };
  static constexpr size_t kFullCount = 6;

  AllocationTable(const Options& options, const SipHashKey& secret);

  // Not below what the table was made for.
  void set_limits(const Options& options);

  // A new allocation in state kOpening. Requires that the flow has none.
  Result<Allocation*, Full> create(const Flow& flow, const Authenticator::Proof& proof);
  // A slot for a reserved socket, on the account of `owner`. Its token is made of `token`, which
  // nobody must be able to guess, and of the slot.
  Result<Allocation*, Full> reserve(const Allocation& owner, uint64_t token);
  // What was reserved under that token for that user, or null. Forgotten by that; its socket stays
  // open in the new allocation, which takes the place of the reservation.
  Allocation* claim(uint64_t token, const Flow& flow, const Authenticator::Proof& proof);
  void erase(Allocation& allocation);

  Allocation* find(const Flow& flow);
  Allocation* find_stream(StreamId stream);
  // By one of its relayed addresses; null if that is no more.
  Allocation* find(RelayId relay);
  Allocation* at(uint32_t slot) { return &allocations_[slot]; }
  Account& account_of(const Allocation& allocation) { return accounts_.at(allocation.account); }
  const Accounts& accounts() const { return accounts_; }

  static RelayId relay_id(const Allocation& allocation, Family family);
  static Family family_of(RelayId relay) { return static_cast<Family>(uint64_t(relay) & 1); }

  // A relayed address is in use: from now on find_relayed() knows it.
  void open_relay(Allocation& allocation, Family family, const Endpoint& local,
                  const Endpoint& advertised);
  void close_relay(Allocation& allocation, Family family);
  // Whether any is bound to that address.
  bool has_relays_at(const IpAddress& address) const;
  // Whose relayed address that is, as bound or as the world sees it; null if nobody's.
  Allocation* find_relayed(const Endpoint& endpoint, RelayProtocol protocol = RelayProtocol::kUdp);

  // Whether permit() would permit all of them, so that nobody is where not all can be.
  bool has_room_for(MonoTime now, Allocation& allocation, std::span<const IpAddress> peers);
  // Installs or refreshes; false when a bound is reached.
  bool permit(MonoTime now, Allocation& allocation, const IpAddress& peer, MonoTime expires_at);
  bool is_permitted(MonoTime now, const Allocation& allocation, const IpAddress& peer) const;

  const Channel* find_channel(MonoTime now, const Allocation& allocation, uint16_t number) const;
  const Channel* find_channel(MonoTime now, const Allocation& allocation,
                              const Endpoint& peer) const;
  // Installs or refreshes; false when a bound is reached. Requires that neither is bound to
  // another.
  bool bind_channel(MonoTime now, Allocation& allocation, uint16_t number, const Endpoint& peer,
                    MonoTime expires_at);

  void set_deadline(const Allocation& allocation, MonoTime at) {
    deadlines_.set(allocation.slot, at);
  }
  std::optional<MonoTime> next_deadline() const { return deadlines_.next_deadline(); }
  Allocation* pop_due(MonoTime now);

  // Visits all that are not free.
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const Allocation& allocation : allocations_) {
      if (allocation.state != Allocation::State::kFree) visit(allocation);
    }
  }

  // How many there are, reserved sockets included.
  uint32_t size() const { return size_; }
  uint32_t count(Payer payer) const { return counts_[static_cast<size_t>(payer)]; }
  uint64_t refusals(Payer payer, Full why) const {
    return refusals_[static_cast<size_t>(payer)][static_cast<size_t>(why)];
  }
  void check_invariants() const;

  static uint64_t bytes_for(const Options& options);

 private:
  using Key = std::array<uint8_t, 40>;
  struct KeyBytes {
    Bytes operator()(const Key& key) const { return key; }
  };
  struct NumberBytes {
    std::array<uint8_t, 8> operator()(uint64_t number) const {
      std::array<uint8_t, 8> bytes;
      store_u64(bytes.data(), number);
      return bytes;
    }
  };
  using Counts = BoundedMap<uint64_t, uint32_t, NumberBytes>;

  // Entries of one kind, as many as all allocations may have: lists linked by index, entry 0 is
  // none.
  template <typename Entry>
  struct Pool {
    explicit Pool(uint32_t count) : entries(size_t{count} + 1) {}
    ZeroedArray<Entry> entries;
    uint32_t free = 0;        // Of those that were given back.
    uint32_t never_used = 1;  // So that untouched memory stays untouched.

    uint32_t take();
    void give_back(uint32_t entry);
  };

  static Key key_of(const Flow& flow);
  Result<Allocation*, Full> take_slot(const Authenticator::Proof& proof, const Endpoint& client);
  Failure<Full> refuse(Full why, Payer whose);
  template <typename Entry>
  void drop_expired(Pool<Entry>& pool, uint32_t& head, uint8_t& count, MonoTime now);
  template <typename Entry>
  void drop_all(Pool<Entry>& pool, uint32_t& head, uint8_t& count);
  uint32_t& entry_of(const Endpoint& endpoint, RelayProtocol protocol);

  Options options_;
  ZeroedArray<Allocation> allocations_;
  std::vector<uint32_t> free_slots_;
  BoundedMap<Key, uint32_t, KeyBytes> by_flow_;
  Accounts accounts_;
  Counts by_prefix_;
  Pool<Permission> permissions_;
  Pool<Channel> channels_;
  DeadlineHeap deadlines_;
  // By protocol, family and port: one more than the relay's index (slot and family). A port is
  // bound once per protocol and family, because all relayed addresses of those share the range.
  std::array<std::array<ZeroedArray<uint32_t>, 2>, 2> by_port_;
  // How many relayed addresses are bound to each address of ours: as many entries as those.
  std::map<IpAddress, uint32_t> relays_by_address_;
  uint32_t size_ = 0;
  std::array<uint32_t, kPayerCount> counts_{};
  std::array<std::array<uint64_t, kFullCount>, kPayerCount> refusals_{};
};

std::string_view label(AllocationTable::Full full);

}  // namespace roost::core::turn
