// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/crypto_hash.h"
#include "base/endpoint.h"
#include "base/random.h"
#include "base/time.h"
#include "core/dht/aged_table.h"
#include "core/dht/contact_ring.h"
#include "core/dht/prefix_shares.h"
#include "wire/compact_address.h"
#include "wire/node_id.h"

namespace roost::core::dht {

// What became of an announcement. Also the label of the counter.
enum class AnnounceOutcome : uint8_t {
  kStored,
  kRefreshed,        // The address was here; its port and its seed flag are the new ones.
  kSwarmPrefixFull,  // The prefix has its places under this infohash.
  kSwarmFull,        // All others have no more there than the announcer's prefix would.
  kPrefixFull,       // The prefix has its share of the store.
  kStoreFull,        // All others have no more of it than the announcer's prefix would.
};
inline constexpr size_t kAnnounceOutcomeCount = 6;
std::string_view label(AnnounceOutcome outcome);

struct PeerStats {
  std::array<uint64_t, kAnnounceOutcomeCount> announcements{};
  uint64_t expired = 0;
  uint64_t evicted_from_swarm = 0;  // For another peer of the infohash,
  uint64_t evicted_from_store = 0;  // or of another one.
};

// The peers of an infohash; see PeerStore.
struct SwarmSize {
  uint32_t peers = 0;
  uint32_t seeds = 0;  // Of those, who said so (BEP 33).
};

// An answer to sample_infohashes (BEP 51).
struct InfohashSample {
  Bytes infohashes;  // In a row, 20 bytes each. Valid until the next sample of the family.
  uint32_t stored_count = 0;
  std::chrono::seconds interval{};  // Until the samples are others.
};

// The peers of one family; see PeerStore.
template <size_t kCompactSize>
class FamilyPeers {
 public:
  FamilyPeers(uint32_t capacity, Random& random);

  AnnounceOutcome announce(MonoTime now, const wire::NodeId& infohash, const Endpoint& peer,
                           bool is_seed);
  size_t find(MonoTime now, const wire::NodeId& infohash, std::span<Endpoint> out);
  SwarmSize swarm_size(MonoTime now, const wire::NodeId& infohash) const;
  InfohashSample sample(MonoTime now);

  uint32_t size() const { return peers_.size(); }
  uint32_t infohash_count() const { return infohash_count_; }
  const PeerStats& stats() const { return stats_; }
  static size_t bytes_for(uint32_t capacity);
  void check_invariants() const;

 private:
  struct Entry {
    wire::NodeId key;
    AgedLinks links;
    std::array<uint8_t, kCompactSize> compact;
    bool is_seed;
    bool leads;  // Of each infohash one peer does: those that do are the infohashes.
  };
  using Table = AgedTable<Entry>;

  AnnounceOutcome judge(MonoTime now, const wire::NodeId& infohash, const Endpoint& peer,
                        bool is_seed);
  void expire(MonoTime now);
  uint64_t next_turn();
  uint32_t draw_victim() const;
  PrefixShares::Slot slot_of(uint32_t number) const;
  void add(MonoTime now, const wire::NodeId& infohash, const Endpoint& peer, bool is_seed);
  void remove(uint32_t number);
  void draw_sample();

  Random& random_;
  Table peers_;
  PrefixShares shares_;
  SipHashKey turn_secret_;
  uint64_t turns_ = 0;
  uint32_t infohash_count_ = 0;
  std::array<wire::NodeId, 20> sample_{};
  size_t sample_size_ = 0;
  MonoTime sample_ends_;
  PeerStats stats_;
};

// Who has announced to have a part of which torrent (BEP 5 announce_peer), and answers get_peers.
//
// Two tables of fixed size, one for each family, since an attacker has prefixes of IPv6 for the
// asking and shall displace nobody of IPv4 with them. Peers hang in chains by their infohash, so
// there is no table of infohashes that could be full: each has a peer at least. 56 bytes for each
// IPv4 peer and 68 for each IPv6 one.
//
// A peer goes half an hour after its last announcement; the next announcement removes all that are
// due, each once. An address has one place under an infohash, a prefix (/24, /48) a few. Who gives
// way to whom is decided as PrefixShares says, once among the peers of an infohash that has
// kPerInfohashMax, and once in a full store, of kSampleSize peers drawn at random: whose prefix has
// most there gives way to one that would have less, by a keyed rank among equals, and otherwise the
// newcomer is refused. When or how often somebody announces makes no difference. So an attacker
// gains at most
//   with one prefix, kPerPrefixMax of the peers of an infohash and one part in kSharesMin of the
//   store; once they are full, no more than what those have whom he displaces
//   with P prefixes, as much as P others: where H honest ones announce, P of H + P peers.
// Whoever asks us gets other peers each time, a bad one as often as it has a place.
class PeerStore {
 public:
  // libtorrent and its relatives announce every 15 minutes; so one announcement may be lost.
  static constexpr Duration kLifetime = std::chrono::minutes(30);
  // Twice what one answer carries: more would only be older. BEP 5 has no figure; jech/dht keeps
  // 2,048 and libtorrent 500, with which a few infohashes fill the store.
  static constexpr uint32_t kPerInfohashMax = 100;
  // So that 20 prefixes at least take part, and a household or a dormitory is more than one.
  static constexpr uint32_t kPerPrefixMax = 5;
  // So that 64 prefixes at least share the store.
  static constexpr uint32_t kSharesMin = 64;
  // Of a store in which one peer in five is an attacker's, 97 samples of 100 have one of those.
  static constexpr size_t kSampleSize = 16;
  // How many infohashes one answer to sample_infohashes has: 400 bytes of it.
  static constexpr size_t kInfohashSampleMax = 20;
  // BEP 51 allows six hours. By then all peers are others; after a quarter of one many are.
  static constexpr std::chrono::minutes kInfohashSampleInterval{15};

  // In peers; neither is 0.
  struct Options {
    uint32_t v4_peers = 0;
    uint32_t v6_peers = 0;
  };

  // `random` outlives this.
  PeerStore(const Options& options, Random& random);

  // `peer` has shown a token of ours: the address that the query came from, with the port that it
  // names. Requires port > 0, and `now` not before the last one. Looks at kPerInfohashMax peers,
  // and at kSampleSize.
  AnnounceOutcome announce(MonoTime now, const wire::NodeId& infohash, const Endpoint& peer,
                           bool is_seed);

  // Up to as many peers as `out` has room for: of more, a run that begins anywhere. Returns how
  // many.
  size_t find(MonoTime now, const wire::NodeId& infohash, Family family, std::span<Endpoint> out);
  SwarmSize swarm_size(MonoTime now, const wire::NodeId& infohash, Family family) const;

  // Any kInfohashSampleMax of the infohashes, each as likely as another, and the same ones until
  // the interval is over: who wants all of them has to wait (BEP 51). The first time after that it
  // looks at the whole table.
  InfohashSample sample(MonoTime now, Family family);

  uint32_t size(Family family) const;  // Some of them may have expired.
  uint32_t infohash_count(Family family) const;
  const PeerStats& stats(Family family) const;
  static size_t bytes_for(const Options& options);

  // Aborts unless shares, links and counts agree, and no infohash has too many. For tests.
  void check_invariants() const;

 private:
  FamilyPeers<wire::kCompactV4Size> v4_;
  FamilyPeers<wire::kCompactV6Size> v6_;
};

}  // namespace roost::core::dht
