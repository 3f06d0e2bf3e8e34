// SPDX-License-Identifier: MIT
#include "core/turn/allocation_table.h"

#include <algorithm>

#include "base/check.h"

namespace roost::core::turn {
namespace {

constexpr size_t kPortCount = size_t{1} << 16;
// A reservation's token ends in its slot; what is in front cannot be guessed.
constexpr uint64_t kTokenSlotMask = (uint64_t{1} << 24) - 1;

}  // namespace

std::string_view label(AllocationTable::Full full) {
  switch (full) {
    case AllocationTable::Full::kAllocations: return "allocations";
    case AllocationTable::Full::kClass: return "allocations_per_class";
    case AllocationTable::Full::kUser: return "allocations_per_user";
    case AllocationTable::Full::kPrefix: return "allocations_per_prefix";
    case AllocationTable::Full::kPermissions: return "permissions_per_allocation";
    case AllocationTable::Full::kChannels: return "channels_per_allocation";
  }
  return "";
}

template <typename Entry>
uint32_t AllocationTable::Pool<Entry>::take() {
  if (free != 0) {
    const uint32_t entry = free;
    free = entries[entry].next;
    return entry;
  }
  return never_used < entries.size() ? never_used++ : 0;
}

template <typename Entry>
void AllocationTable::Pool<Entry>::give_back(uint32_t entry) {
  entries[entry].next = free;
  free = entry;
}

AllocationTable::AllocationTable(const Options& options, const SipHashKey& secret)
    : options_(options),
      allocations_(options.allocations),
      by_flow_(options.allocations, secret),
      accounts_(options.allocations, secret),
      by_prefix_(options.allocations, secret),
      permissions_(options.allocations * options.permissions_per_allocation),
      channels_(options.allocations * options.channels_per_allocation),
      deadlines_(options.allocations),
      by_port_{{{ZeroedArray<uint32_t>(kPortCount), ZeroedArray<uint32_t>(kPortCount)},
                {ZeroedArray<uint32_t>(kPortCount), ZeroedArray<uint32_t>(kPortCount)}}} {
  CHECK(options.allocations <= kTokenSlotMask);
  free_slots_.reserve(options.allocations);
  for (uint32_t slot = options.allocations; slot-- > 0;) free_slots_.push_back(slot);
}

void AllocationTable::set_limits(const Options& options) {
  const auto made_for = static_cast<uint32_t>(allocations_.size());
  options_ = options;
  options_.allocations = std::min(options.allocations, made_for);
}

Failure<AllocationTable::Full> AllocationTable::refuse(Full why, Payer whose) {
  ++refusals_[static_cast<size_t>(whose)][static_cast<size_t>(why)];
  return Failure(why);
}

Result<Allocation*, AllocationTable::Full> AllocationTable::take_slot(
    const Authenticator::Proof& proof, const Endpoint& client) {
  if (size_ >= options_.allocations || free_slots_.empty())
    return refuse(Full::kAllocations, proof.payer);
  const PrefixKey prefix = prefix_key(client.address);
  const auto payer = static_cast<size_t>(proof.payer);
  if (counts_[payer] >= options_.allocations_per_class[payer])
    return refuse(Full::kClass, proof.payer);
  const Account* const known = accounts_.find(proof.user);
  if (known != nullptr && known->allocations >= options_.allocations_per_user[payer]) {
    return refuse(Full::kUser, proof.payer);
  }
  const uint32_t* const of_prefix = by_prefix_.find(prefix);
  if (of_prefix != nullptr && *of_prefix >= options_.allocations_per_prefix) {
    return refuse(Full::kPrefix, proof.payer);
  }
  // There are never more users or prefixes than allocations.
  Account& account = accounts_.open(proof.user);
  ++*by_prefix_.find_or_insert(prefix, 0);
  const uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  Allocation& allocation = allocations_[slot];
  const uint32_t generation = allocation.generation;
  allocation = Allocation();
  allocation.slot = slot;
  allocation.generation = generation + 1;
  allocation.proof = proof;
  allocation.account = accounts_.index_of(account);
  allocation.flow.client = client;
  ++size_;
  ++counts_[payer];
  return &allocation;
}

Result<Allocation*, AllocationTable::Full> AllocationTable::create(
    const Flow& flow, const Authenticator::Proof& proof) {
  const auto taken = take_slot(proof, flow.client);
  if (!taken) return taken;
  Allocation& allocation = **taken;
  allocation.state = Allocation::State::kOpening;
  allocation.flow = flow;
  uint32_t* const slot = by_flow_.find_or_insert(key_of(flow), allocation.slot);
  CHECK(slot != nullptr && *slot == allocation.slot);
  return &allocation;
}

Result<Allocation*, AllocationTable::Full> AllocationTable::reserve(const Allocation& owner,
                                                                    uint64_t token) {
  const auto taken = take_slot(owner.proof, owner.flow.client);
  if (!taken) return taken;
  (*taken)->state = Allocation::State::kReserved;
  (*taken)->reservation_token = (token & ~kTokenSlotMask) | (*taken)->slot;
  return taken;
}

Allocation* AllocationTable::claim(uint64_t token, const Flow& flow,
                                   const Authenticator::Proof& proof) {
  const uint64_t slot = token & kTokenSlotMask;
  if (slot >= allocations_.size()) return nullptr;
  Allocation* const found = &allocations_[slot];
  const bool is_it = found->state == Allocation::State::kReserved &&
                     found->reservation_token == token && found->proof.user == proof.user;
  if (!is_it) return nullptr;
  // Of the same prefix, since that is what it was counted under.
  if (prefix_key(found->flow.client.address) != prefix_key(flow.client.address)) return nullptr;
  // And of the same class, which its grant may have left meanwhile.
  if (found->proof.payer != proof.payer) return nullptr;
  found->state = Allocation::State::kOpening;
  found->flow = flow;
  found->proof = proof;
  const uint32_t* const entered = by_flow_.find_or_insert(key_of(flow), found->slot);
  CHECK(entered != nullptr && *entered == found->slot);
  return found;
}

void AllocationTable::erase(Allocation& allocation) {
  CHECK(allocation.state != Allocation::State::kFree);
  accounts_.close(account_of(allocation));
  const PrefixKey prefix = prefix_key(allocation.flow.client.address);
  uint32_t* const of_prefix = by_prefix_.find(prefix);
  CHECK(of_prefix != nullptr && *of_prefix > 0);
  if (--*of_prefix == 0) by_prefix_.erase(prefix);
  if (allocation.state != Allocation::State::kReserved) by_flow_.erase(key_of(allocation.flow));
  for (const Family family : {Family::kV4, Family::kV6}) close_relay(allocation, family);
  drop_all(permissions_, allocation.permissions, allocation.permission_count);
  drop_all(channels_, allocation.channels, allocation.channel_count);
  deadlines_.clear(allocation.slot);
  --counts_[static_cast<size_t>(allocation.proof.payer)];
  --size_;
  allocation.state = Allocation::State::kFree;
  free_slots_.push_back(allocation.slot);
}

AllocationTable::Key AllocationTable::key_of(const Flow& flow) {
  Key key{};
  key[0] = flow.transport == Transport::kUdp ? 0 : 1;
  if (flow.transport != Transport::kUdp) {
    store_u64(key.data() + 1, static_cast<uint64_t>(flow.stream));
    return key;
  }
  const auto put = [&](size_t at, const Endpoint& endpoint) {
    store_u64(key.data() + at, endpoint.address.high());
    store_u64(key.data() + at + 8, endpoint.address.low());
    store_u16(key.data() + at + 16, endpoint.port);
  };
  put(1, flow.client);
  put(19, flow.local.endpoint);
  store_u16(key.data() + 37, flow.socket);
  return key;
}

Allocation* AllocationTable::find(const Flow& flow) {
  const uint32_t* const slot = by_flow_.find(key_of(flow));
  return slot == nullptr ? nullptr : &allocations_[*slot];
}

Allocation* AllocationTable::find_stream(StreamId stream) {
  Flow flow;
  flow.transport = Transport::kTcp;
  flow.stream = stream;
  return find(flow);
}

RelayId AllocationTable::relay_id(const Allocation& allocation, Family family) {
  return static_cast<RelayId>(uint64_t{allocation.generation} << 32 |
                              uint64_t{allocation.slot} << 1 | static_cast<uint64_t>(family));
}

Allocation* AllocationTable::find(RelayId relay) {
  const auto number = static_cast<uint64_t>(relay);
  const auto slot = static_cast<uint32_t>(number) >> 1;
  if (slot >= allocations_.size()) return nullptr;
  Allocation& allocation = allocations_[slot];
  const bool is_it = allocation.state != Allocation::State::kFree &&
                     allocation.generation == static_cast<uint32_t>(number >> 32);
  return is_it ? &allocation : nullptr;
}

uint32_t& AllocationTable::entry_of(const Endpoint& endpoint, RelayProtocol protocol) {
  const auto family = static_cast<size_t>(turn::family_of(endpoint.address));
  return by_port_[static_cast<size_t>(protocol)][family][endpoint.port];
}

void AllocationTable::open_relay(Allocation& allocation, Family family, const Endpoint& local,
                                 const Endpoint& advertised) {
  Allocation::Relay& relay = allocation.relays[static_cast<size_t>(family)];
  relay = {Allocation::Relay::State::kOpen, local, advertised};
  ++relays_by_address_[local.address];
  entry_of(local, allocation.protocol) = (allocation.slot << 1 | static_cast<uint32_t>(family)) + 1;
}

void AllocationTable::close_relay(Allocation& allocation, Family family) {
  Allocation::Relay& relay = allocation.relays[static_cast<size_t>(family)];
  if (relay.state == Allocation::Relay::State::kOpen) {
    uint32_t& entry = entry_of(relay.local, allocation.protocol);
    if (entry == (allocation.slot << 1 | static_cast<uint32_t>(family)) + 1) entry = 0;
    const auto count = relays_by_address_.find(relay.local.address);
    if (--count->second == 0) relays_by_address_.erase(count);
  }
  relay = {};
}

bool AllocationTable::has_relays_at(const IpAddress& address) const {
  return relays_by_address_.contains(address);
}

Allocation* AllocationTable::find_relayed(const Endpoint& endpoint, RelayProtocol protocol) {
  const Family family = turn::family_of(endpoint.address);
  const uint32_t entry = entry_of(endpoint, protocol);
  if (entry == 0) return nullptr;
  Allocation& allocation = allocations_[(entry - 1) >> 1];
  const Allocation::Relay& relay = allocation.relays[static_cast<size_t>(family)];
  return relay.local == endpoint || relay.advertised == endpoint ? &allocation : nullptr;
}

template <typename Entry>
void AllocationTable::drop_expired(Pool<Entry>& pool, uint32_t& head, uint8_t& count,
                                   MonoTime now) {
  for (uint32_t* link = &head; *link != 0;) {
    Entry& entry = pool.entries[*link];
    if (entry.expires_at > now) {
      link = &entry.next;
      continue;
    }
    const uint32_t dropped = *link;
    *link = entry.next;
    pool.give_back(dropped);
    --count;
  }
}

template <typename Entry>
void AllocationTable::drop_all(Pool<Entry>& pool, uint32_t& head, uint8_t& count) {
  while (head != 0) {
    const uint32_t dropped = head;
    head = pool.entries[dropped].next;
    pool.give_back(dropped);
  }
  count = 0;
}

bool AllocationTable::has_room_for(MonoTime now, Allocation& allocation,
                                   std::span<const IpAddress> peers) {
  drop_expired(permissions_, allocation.permissions, allocation.permission_count, now);
  size_t count = allocation.permission_count;
  for (size_t i = 0; i < peers.size(); ++i) {
    const auto before = peers.first(i);
    const bool is_repeated = std::find(before.begin(), before.end(), peers[i]) != before.end();
    count += !is_repeated && !is_permitted(now, allocation, peers[i]);
  }
  if (count <= options_.permissions_per_allocation) return true;
  // What is there already may be refreshed where a new bound is below it.
  if (count == allocation.permission_count) return true;
  (void)refuse(Full::kPermissions, allocation.proof.payer);
  return false;
}

bool AllocationTable::permit(MonoTime now, Allocation& allocation, const IpAddress& peer,
                             MonoTime expires_at) {
  for (uint32_t i = allocation.permissions; i != 0; i = permissions_.entries[i].next) {
    Permission& permission = permissions_.entries[i];
    if (permission.peer != peer) continue;
    permission.expires_at = expires_at;
    return true;
  }
  drop_expired(permissions_, allocation.permissions, allocation.permission_count, now);
  const bool has_room = allocation.permission_count < options_.permissions_per_allocation;
  const uint32_t entry = has_room ? permissions_.take() : 0;
  if (entry == 0) {
    (void)refuse(Full::kPermissions, allocation.proof.payer);
    return false;
  }
  permissions_.entries[entry] = {peer, expires_at, allocation.permissions};
  allocation.permissions = entry;
  ++allocation.permission_count;
  return true;
}

bool AllocationTable::is_permitted(MonoTime now, const Allocation& allocation,
                                   const IpAddress& peer) const {
  for (uint32_t i = allocation.permissions; i != 0; i = permissions_.entries[i].next) {
    const Permission& permission = permissions_.entries[i];
    if (permission.peer == peer) return permission.expires_at > now;
  }
  return false;
}

const Channel* AllocationTable::find_channel(MonoTime now, const Allocation& allocation,
                                             uint16_t number) const {
  for (uint32_t i = allocation.channels; i != 0; i = channels_.entries[i].next) {
    const Channel& channel = channels_.entries[i];
    if (channel.number == number && channel.expires_at > now) return &channel;
  }
  return nullptr;
}

const Channel* AllocationTable::find_channel(MonoTime now, const Allocation& allocation,
                                             const Endpoint& peer) const {
  for (uint32_t i = allocation.channels; i != 0; i = channels_.entries[i].next) {
    const Channel& channel = channels_.entries[i];
    if (channel.peer == peer && channel.expires_at > now) return &channel;
  }
  return nullptr;
}

bool AllocationTable::bind_channel(MonoTime now, Allocation& allocation, uint16_t number,
                                   const Endpoint& peer, MonoTime expires_at) {
  drop_expired(channels_, allocation.channels, allocation.channel_count, now);
  for (uint32_t i = allocation.channels; i != 0; i = channels_.entries[i].next) {
    Channel& channel = channels_.entries[i];
    if (channel.number != number) continue;
    CHECK(channel.peer == peer);
    channel.expires_at = expires_at;
    return true;
  }
  const bool has_room = allocation.channel_count < options_.channels_per_allocation;
  const uint32_t entry = has_room ? channels_.take() : 0;
  if (entry == 0) {
    (void)refuse(Full::kChannels, allocation.proof.payer);
    return false;
  }
  channels_.entries[entry] = {peer, expires_at, number, allocation.channels};
  allocation.channels = entry;
  ++allocation.channel_count;
  return true;
}

Allocation* AllocationTable::pop_due(MonoTime now) {
  const auto slot = deadlines_.pop_due(now);
  return slot ? &allocations_[*slot] : nullptr;
}

void AllocationTable::check_invariants() const {
  by_flow_.check_invariants();
  accounts_.check_invariants();
  by_prefix_.check_invariants();
  deadlines_.check_invariants();
  uint32_t used = 0;
  uint32_t with_flow = 0;
  std::map<IpAddress, uint32_t> relays_by_address;
  for (const Allocation& allocation : allocations_) {
    if (allocation.state == Allocation::State::kFree) continue;
    ++used;
    with_flow += allocation.state != Allocation::State::kReserved;
    uint8_t permissions = 0;
    for (uint32_t i = allocation.permissions; i != 0; i = permissions_.entries[i].next) {
      ++permissions;
    }
    CHECK(permissions == allocation.permission_count);
    uint8_t channels = 0;
    for (uint32_t i = allocation.channels; i != 0; i = channels_.entries[i].next) ++channels;
    CHECK(channels == allocation.channel_count);
    CHECK(accounts_.at(allocation.account).user == allocation.proof.user);
    for (const Family family : {Family::kV4, Family::kV6}) {
      const Allocation::Relay& relay = allocation.relays[static_cast<size_t>(family)];
      if (relay.state != Allocation::Relay::State::kOpen) continue;
      ++relays_by_address[relay.local.address];
      const uint32_t index = allocation.slot << 1 | static_cast<uint32_t>(family);
      const auto& by_port = by_port_[static_cast<size_t>(allocation.protocol)];
      CHECK(by_port[static_cast<size_t>(family)][relay.local.port] == index + 1);
    }
  }
  CHECK(used == size_ && with_flow == by_flow_.size());
  CHECK(relays_by_address == relays_by_address_);
  CHECK(used + free_slots_.size() == allocations_.size());
  uint32_t counted = 0;
  for (const uint32_t count : counts_) counted += count;
  CHECK(counted == size_);
}

uint64_t AllocationTable::bytes_for(const Options& options) {
  const uint64_t of_each = sizeof(Allocation) + sizeof(uint32_t) + 24 +  // Slot, deadline.
                           options.permissions_per_allocation * sizeof(Permission) +
                           options.channels_per_allocation * sizeof(Channel);
  return options.allocations * of_each +
         BoundedMap<Key, uint32_t, KeyBytes>::bytes_for(options.allocations) +
         Accounts::bytes_for(options.allocations) + Counts::bytes_for(options.allocations) +
         4 * kPortCount * sizeof(uint32_t);
}

}  // namespace roost::core::turn
