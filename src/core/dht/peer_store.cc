// SPDX-License-Identifier: MIT
#include "core/dht/peer_store.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "base/check.h"
#include "base/cursor.h"
#include "base/prefix_limiter.h"

namespace roost::core::dht {
namespace {

static_assert(PeerStore::kInfohashSampleMax == 20);

// A whole infohash's worth of one prefix at least, however small the store.
uint32_t share_max(uint32_t capacity) {
  return std::max(PeerStore::kPerPrefixMax, capacity / PeerStore::kSharesMin);
}

PrefixKey prefix_of(const Endpoint& peer) {
  return prefix_key(peer.address, PrefixWidth::kSite);
}

template <size_t kCompactSize>
std::array<uint8_t, kCompactSize> compact_of(const Endpoint& peer) {
  std::array<uint8_t, kCompactSize> compact;
  Writer writer(compact);
  wire::write_compact(writer, peer);
  CHECK(writer.ok() && writer.left() == 0);
  return compact;
}

template <size_t kCompactSize>
bool is_same_address(const std::array<uint8_t, kCompactSize>& a,
                     const std::array<uint8_t, kCompactSize>& b) {
  return same_bytes(Bytes(a).first(kCompactSize - 2), Bytes(b).first(kCompactSize - 2));
}

// The peers of one infohash.
struct Swarm {
  struct Member {
    uint32_t number;
    PrefixKey prefix;
  };
  std::array<Member, PeerStore::kPerInfohashMax> members;
  size_t size = 0;

  uint32_t count_of(PrefixKey prefix) const {
    return static_cast<uint32_t>(
        std::count_if(members.begin(), members.begin() + size,
                      [prefix](const Member& member) { return member.prefix == prefix; }));
  }
};

}  // namespace

std::string_view label(AnnounceOutcome outcome) {
  switch (outcome) {
    case AnnounceOutcome::kStored: return "stored";
    case AnnounceOutcome::kRefreshed: return "refreshed";
    case AnnounceOutcome::kSwarmPrefixFull: return "swarm_prefix_full";
    case AnnounceOutcome::kSwarmFull: return "swarm_full";
    case AnnounceOutcome::kPrefixFull: return "prefix_full";
    case AnnounceOutcome::kStoreFull: return "store_full";
  }
  return "";
}

template <size_t kCompactSize>
FamilyPeers<kCompactSize>::FamilyPeers(uint32_t capacity, Random& random)
    : random_(random),
      peers_(capacity, random.bytes<16>()),
      shares_(capacity, share_max(capacity), random.bytes<16>()),
      turn_secret_(random.bytes<16>()) {
  static_assert(sizeof(Entry) == sizeof(wire::NodeId) + sizeof(AgedLinks) + kCompactSize + 2);
}

template <size_t kCompactSize>
size_t FamilyPeers<kCompactSize>::bytes_for(uint32_t capacity) {
  return Table::bytes_for(capacity) + PrefixShares::bytes_for(capacity);
}

template <size_t kCompactSize>
AnnounceOutcome FamilyPeers<kCompactSize>::announce(MonoTime now, const wire::NodeId& infohash,
                                                    const Endpoint& peer, bool is_seed) {
  expire(now);
  const AnnounceOutcome outcome = judge(now, infohash, peer, is_seed);
  ++stats_.announcements[static_cast<size_t>(outcome)];
  return outcome;
}

template <size_t kCompactSize>
AnnounceOutcome FamilyPeers<kCompactSize>::judge(MonoTime now, const wire::NodeId& infohash,
                                                 const Endpoint& peer, bool is_seed) {
  const auto compact = compact_of<kCompactSize>(peer);
  Swarm swarm;
  for (uint32_t i = peers_.first_of(infohash); i != Table::kNone; i = peers_.next_of(i)) {
    Entry& entry = peers_[i];
    if (is_same_address(entry.compact, compact)) {
      entry.compact = compact;
      entry.is_seed = is_seed;
      peers_.renew(i, now);
      return AnnounceOutcome::kRefreshed;
    }
    CHECK(swarm.size < swarm.members.size());
    swarm.members[swarm.size++] = {i, prefix_of(*wire::read_compact(entry.compact))};
  }
  const uint32_t own_count = swarm.count_of(prefix_of(peer));
  if (own_count >= PeerStore::kPerPrefixMax) return AnnounceOutcome::kSwarmPrefixFull;
  const PrefixShares::Slot own_slot = shares_.slot_of(peer.address);
  if (!shares_.has_room(own_slot, 1)) return AnnounceOutcome::kPrefixFull;

  if (swarm.size == swarm.members.size()) {
    // Of the prefix that has most, and of its peers the one that was heard of longest ago.
    using Claim = std::tuple<uint32_t, PrefixShares::Slot, std::chrono::seconds>;
    Claim greatest{own_count + 1, own_slot, std::chrono::seconds::max()};
    uint32_t victim = Table::kNone;
    for (const Swarm::Member& member : swarm.members) {
      const Claim claim{swarm.count_of(member.prefix), slot_of(member.number),
                        peers_.age(member.number, now)};
      if (claim <= greatest) continue;
      greatest = claim;
      victim = member.number;
    }
    if (victim == Table::kNone) return AnnounceOutcome::kSwarmFull;
    remove(victim);
    ++stats_.evicted_from_swarm;
  } else if (peers_.is_full()) {
    const uint32_t victim = draw_victim();
    if (!shares_.gives_way(slot_of(victim), own_slot, 1)) return AnnounceOutcome::kStoreFull;
    remove(victim);
    ++stats_.evicted_from_store;
  }
  add(now, infohash, peer, is_seed);
  return AnnounceOutcome::kStored;
}

template <size_t kCompactSize>
size_t FamilyPeers<kCompactSize>::find(MonoTime now, const wire::NodeId& infohash,
                                       std::span<Endpoint> out) {
  std::array<uint32_t, PeerStore::kPerInfohashMax> alive;
  size_t count = 0;
  for (uint32_t i = peers_.first_of(infohash); i != Table::kNone; i = peers_.next_of(i)) {
    if (peers_.age(i, now) < PeerStore::kLifetime) alive[count++] = i;
  }
  const size_t start = count > out.size() ? next_turn() % count : 0;
  const size_t found = std::min(count, out.size());
  for (size_t i = 0; i < found; ++i) {
    out[i] = *wire::read_compact(peers_[alive[(start + i) % count]].compact);
  }
  return found;
}

// Random to everybody else, for a fraction of what random bytes cost.
template <size_t kCompactSize>
uint64_t FamilyPeers<kCompactSize>::next_turn() {
  std::array<uint8_t, 8> turn;
  store_u64(turn.data(), ++turns_);
  return sip_hash(turn_secret_, turn);
}

template <size_t kCompactSize>
SwarmSize FamilyPeers<kCompactSize>::swarm_size(MonoTime now, const wire::NodeId& infohash) const {
  SwarmSize size;
  for (uint32_t i = peers_.first_of(infohash); i != Table::kNone; i = peers_.next_of(i)) {
    if (peers_.age(i, now) >= PeerStore::kLifetime) continue;
    ++size.peers;
    size.seeds += peers_[i].is_seed;
  }
  return size;
}

template <size_t kCompactSize>
InfohashSample FamilyPeers<kCompactSize>::sample(MonoTime now) {
  expire(now);
  if (now >= sample_ends_) {
    draw_sample();
    sample_ends_ = now + PeerStore::kInfohashSampleInterval;
  }
  const Bytes bytes{sample_[0].data(), sample_size_ * sizeof(wire::NodeId)};
  return {bytes, infohash_count_, std::chrono::ceil<std::chrono::seconds>(sample_ends_ - now)};
}

template <size_t kCompactSize>
void FamilyPeers<kCompactSize>::expire(MonoTime now) {
  for (uint32_t i = peers_.oldest();
       i != Table::kNone && peers_.age(i, now) >= PeerStore::kLifetime; i = peers_.oldest()) {
    remove(i);
    ++stats_.expired;
  }
}

// Of a few drawn at random, the one whose prefix has most.
template <size_t kCompactSize>
uint32_t FamilyPeers<kCompactSize>::draw_victim() const {
  const auto drawn = peers_.template draw<PeerStore::kSampleSize>(random_);
  return *std::max_element(drawn.begin(), drawn.end(), [this](uint32_t a, uint32_t b) {
    return shares_.claim(slot_of(a)) < shares_.claim(slot_of(b));
  });
}

template <size_t kCompactSize>
PrefixShares::Slot FamilyPeers<kCompactSize>::slot_of(uint32_t number) const {
  return shares_.slot_of(wire::read_compact(peers_[number].compact)->address);
}

template <size_t kCompactSize>
void FamilyPeers<kCompactSize>::add(MonoTime now, const wire::NodeId& infohash,
                                    const Endpoint& peer, bool is_seed) {
  const bool leads = peers_.first_of(infohash) == Table::kNone;
  infohash_count_ += leads;
  Entry& entry = peers_[peers_.add(infohash, now)];
  entry.compact = compact_of<kCompactSize>(peer);
  entry.is_seed = is_seed;
  entry.leads = leads;
  shares_.take(shares_.slot_of(peer.address), 1);
}

template <size_t kCompactSize>
void FamilyPeers<kCompactSize>::remove(uint32_t number) {
  if (peers_[number].leads) {
    uint32_t heir = peers_.first_of(peers_[number].key);
    if (heir == number) heir = peers_.next_of(number);
    if (heir == Table::kNone) {
      --infohash_count_;
    } else {
      peers_[heir].leads = true;
    }
  }
  shares_.give_back(slot_of(number), 1);
  peers_.remove(number);
}

// Draws which of the infohashes (Floyd's method: distinct, and each set as likely), and then looks
// for them.
template <size_t kCompactSize>
void FamilyPeers<kCompactSize>::draw_sample() {
  const auto wanted = std::min<uint32_t>(infohash_count_, static_cast<uint32_t>(sample_.size()));
  std::array<uint32_t, PeerStore::kInfohashSampleMax> drawn;
  const auto first = drawn.begin();
  auto end = first;
  for (uint32_t last = infohash_count_ - wanted; last < infohash_count_; ++last) {
    const auto index = static_cast<uint32_t>(random_.below(uint64_t{last} + 1));
    *end = std::find(first, end, index) == end ? index : last;
    ++end;
  }
  std::sort(first, end);
  sample_size_ = 0;
  uint32_t index = 0;
  for (uint32_t i = 1; i <= peers_.size() && sample_size_ < wanted; ++i) {
    if (!peers_[i].leads) continue;
    if (index++ == drawn[sample_size_]) sample_[sample_size_++] = peers_[i].key;
  }
}

template <size_t kCompactSize>
void FamilyPeers<kCompactSize>::check_invariants() const {
  peers_.check_invariants();
  PrefixShares recounted(peers_.capacity(), 0, {});
  std::set<wire::NodeId> infohashes;
  std::set<wire::NodeId> led;
  for (uint32_t i = 1; i <= peers_.size(); ++i) {
    recounted.take(slot_of(i), 1);
    infohashes.insert(peers_[i].key);
    CHECK(!peers_[i].leads || led.insert(peers_[i].key).second);
  }
  shares_.check_same(recounted);
  CHECK(infohashes == led && led.size() == infohash_count_);
  for (const wire::NodeId& infohash : infohashes) {
    Swarm swarm;
    for (uint32_t i = peers_.first_of(infohash); i != Table::kNone; i = peers_.next_of(i)) {
      CHECK(swarm.size < swarm.members.size());
      swarm.members[swarm.size++] = {i, prefix_of(*wire::read_compact(peers_[i].compact))};
      CHECK(swarm.count_of(swarm.members[swarm.size - 1].prefix) <= PeerStore::kPerPrefixMax);
    }
  }
}

template class FamilyPeers<wire::kCompactV4Size>;
template class FamilyPeers<wire::kCompactV6Size>;

PeerStore::PeerStore(const Options& options, Random& random)
    : v4_(options.v4_peers, random), v6_(options.v6_peers, random) {}

AnnounceOutcome PeerStore::announce(MonoTime now, const wire::NodeId& infohash,
                                    const Endpoint& peer, bool is_seed) {
  CHECK(peer.port > 0);
  return peer.address.is_v4() ? v4_.announce(now, infohash, peer, is_seed)
                              : v6_.announce(now, infohash, peer, is_seed);
}

size_t PeerStore::find(MonoTime now, const wire::NodeId& infohash, Family family,
                       std::span<Endpoint> out) {
  return family == Family::kV4 ? v4_.find(now, infohash, out) : v6_.find(now, infohash, out);
}

SwarmSize PeerStore::swarm_size(MonoTime now, const wire::NodeId& infohash, Family family) const {
  return family == Family::kV4 ? v4_.swarm_size(now, infohash) : v6_.swarm_size(now, infohash);
}

InfohashSample PeerStore::sample(MonoTime now, Family family) {
  return family == Family::kV4 ? v4_.sample(now) : v6_.sample(now);
}

uint32_t PeerStore::size(Family family) const {
  return family == Family::kV4 ? v4_.size() : v6_.size();
}

uint32_t PeerStore::infohash_count(Family family) const {
  return family == Family::kV4 ? v4_.infohash_count() : v6_.infohash_count();
}

const PeerStats& PeerStore::stats(Family family) const {
  return family == Family::kV4 ? v4_.stats() : v6_.stats();
}

size_t PeerStore::bytes_for(const Options& options) {
  return FamilyPeers<wire::kCompactV4Size>::bytes_for(options.v4_peers) +
         FamilyPeers<wire::kCompactV6Size>::bytes_for(options.v6_peers);
}

void PeerStore::check_invariants() const {
  v4_.check_invariants();
  v6_.check_invariants();
}

}  // namespace roost::core::dht
