// SPDX-License-Identifier: MIT
#include "core/dht/contact_ring.h"

#include <algorithm>
#include <bit>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/prefix_limiter.h"

namespace roost::core::dht {
namespace {

constexpr size_t kSetSize = ContactRing::kSetSize;
constexpr size_t kWordBits = 64;

using Seconds = std::chrono::duration<int32_t>;

int32_t second_of(MonoTime time) {
  return std::chrono::duration_cast<Seconds>(time.time_since_epoch()).count();
}

uint8_t minute_of(MonoTime time) {
  return static_cast<uint8_t>(
      std::chrono::duration_cast<std::chrono::minutes>(time.time_since_epoch()).count());
}

void write_host(const IpAddress& address, uint32_t& host) {
  host = address.v4_value();
}

void write_host(const IpAddress& address, std::array<uint32_t, 4>& host) {
  host = {static_cast<uint32_t>(address.high() >> 32), static_cast<uint32_t>(address.high()),
          static_cast<uint32_t>(address.low() >> 32), static_cast<uint32_t>(address.low())};
}

IpAddress address_of(uint32_t host) {
  return IpAddress::v4(host);
}

IpAddress address_of(const std::array<uint32_t, 4>& host) {
  return {uint64_t{host[0]} << 32 | host[1], uint64_t{host[2]} << 32 | host[3]};
}

PrefixKey prefix_of(const IpAddress& address) {
  return prefix_key(address, PrefixWidth::kSite);
}

size_t set_count(size_t contacts) {
  return std::max<size_t>(1, (contacts + kSetSize - 1) / kSetSize);
}

}  // namespace

template <typename Host>
FamilyRing<Host>::FamilyRing(size_t contacts, const SipHashKey& secret)
    : secret_(secret),
      entries_(set_count(contacts) * kSetSize),
      occupied_((set_count(contacts) + kWordBits - 1) / kWordBits) {
  CHECK(entries_.size() <= uint64_t{1} << 32);
  static_assert(sizeof(Entry) == sizeof(wire::NodeId) + sizeof(Host) + 8);
}

template <typename Host>
wire::CompactNode FamilyRing<Host>::contact_of(const Entry& entry) {
  return {entry.id, {address_of(entry.host), entry.port}};
}

template <typename Host>
Duration FamilyRing<Host>::age(MonoTime now, const Entry& entry) {
  return Seconds(second_of(now) - entry.verified_second);
}

template <typename Host>
bool FamilyRing<Host>::is_fresh(MonoTime now, const Entry& entry) {
  return age(now, entry) <= ContactRing::kFreshFor;
}

template <typename Host>
const typename FamilyRing<Host>::Entry* FamilyRing<Host>::set_of(const IpAddress& address) const {
  const uint64_t hash = sip_hash(secret_, PrefixKeyBytes()(prefix_of(address)));
  const size_t set = (hash >> 32) * (entries_.size() / kSetSize) >> 32;
  return &entries_[set * kSetSize];
}

template <typename Host>
typename FamilyRing<Host>::Entry* FamilyRing<Host>::set_of(const IpAddress& address) {
  return const_cast<Entry*>(std::as_const(*this).set_of(address));
}

template <typename Host>
void FamilyRing<Host>::occupy(Entry& place, const wire::CompactNode& contact,
                              int32_t verified_second) {
  const size_t set = static_cast<size_t>(&place - entries_.begin()) / kSetSize;
  occupied_[set / kWordBits] |= uint64_t{1} << set % kWordBits;
  size_ += place.port == 0;
  place = {contact.id, {}, contact.endpoint.port, 0, 0, verified_second};
  write_host(contact.endpoint.address, place.host);
}

template <typename Host>
void FamilyRing<Host>::remove(Entry& entry) {
  entry = {};
  --size_;
  ++removed_;
  const size_t set = static_cast<size_t>(&entry - entries_.begin()) / kSetSize;
  const Entry* const first = &entries_[set * kSetSize];
  if (std::all_of(first, first + kSetSize, [](const Entry& other) { return other.port == 0; })) {
    occupied_[set / kWordBits] &= ~(uint64_t{1} << set % kWordBits);
  }
}

template <typename Host>
ContactAdmission FamilyRing<Host>::admit(MonoTime now, const wire::CompactNode& contact) {
  CHECK(contact.endpoint.port != 0);
  const IpAddress& address = contact.endpoint.address;
  const PrefixKey prefix = prefix_of(address);
  Entry* const first = set_of(address);
  Entry* free = nullptr;
  Entry* oldest = nullptr;          // Of the set,
  Entry* oldest_of_ours = nullptr;  // and of the prefix.
  size_t ours = 0;
  for (Entry* entry = first; entry != first + kSetSize; ++entry) {
    if (entry->port == 0) {
      free = entry;
      continue;
    }
    const auto is_older = [entry](const Entry* than) {
      return than == nullptr || entry->verified_second < than->verified_second;
    };
    if (is_older(oldest)) oldest = entry;
    const IpAddress found = address_of(entry->host);
    if (prefix_of(found) != prefix) continue;
    ++ours;
    if (is_older(oldest_of_ours)) oldest_of_ours = entry;
    if (found != address) continue;
    if (entry->port != contact.endpoint.port && is_fresh(now, *entry)) {
      return ContactAdmission::kPortInUse;
    }
    occupy(*entry, contact, second_of(now));
    return ContactAdmission::kRefreshed;
  }
  if (ours >= ContactRing::kPerPrefixMax) {
    if (is_fresh(now, *oldest_of_ours)) return ContactAdmission::kPrefixFull;
    occupy(*oldest_of_ours, contact, second_of(now));
    return ContactAdmission::kReplaced;
  }
  if (free != nullptr) {
    occupy(*free, contact, second_of(now));
    return ContactAdmission::kAdded;
  }
  if (is_fresh(now, *oldest)) return ContactAdmission::kSetFull;
  occupy(*oldest, contact, second_of(now));
  return ContactAdmission::kReplaced;
}

template <typename Host>
void FamilyRing<Host>::restore(MonoTime now, const wire::CompactNode& contact,
                               Duration verified_before) {
  if (contact.endpoint.port == 0) return;
  const PrefixKey prefix = prefix_of(contact.endpoint.address);
  Entry* const first = set_of(contact.endpoint.address);
  Entry* free = nullptr;
  size_t ours = 0;
  for (Entry* entry = first; entry != first + kSetSize; ++entry) {
    if (entry->port == 0) {
      free = entry;
      continue;
    }
    const IpAddress found = address_of(entry->host);
    if (found == contact.endpoint.address) return;
    ours += prefix_of(found) == prefix;
  }
  if (free == nullptr || ours >= ContactRing::kPerPrefixMax) return;
  // What is years old is as good as what is days old, and fits.
  const Duration age = std::clamp<Duration>(verified_before, {}, std::chrono::days(30));
  occupy(*free, contact, second_of(now - age));
}

template <typename Host>
bool FamilyRing<Host>::contains(const Endpoint& endpoint) const {
  const Entry* const first = set_of(endpoint.address);
  return std::any_of(first, first + kSetSize, [&endpoint](const Entry& entry) {
    return entry.port == endpoint.port && entry.port != 0 &&
           address_of(entry.host) == endpoint.address;
  });
}

template <typename Host>
size_t FamilyRing<Host>::skip_empty_sets(size_t at) const {
  const size_t sets = entries_.size() / kSetSize;
  for (size_t left = occupied_.size() + 1; left > 0; --left) {
    const size_t set = at / kSetSize;
    const uint64_t rest = occupied_[set / kWordBits] >> set % kWordBits;
    if ((rest & 1) != 0) return at;
    const size_t skipped =
        rest != 0 ? static_cast<size_t>(std::countr_zero(rest)) : kWordBits - set % kWordBits;
    at = set + skipped < sets ? (set + skipped) * kSetSize : 0;
  }
  return at;
}

template <typename Host>
size_t FamilyRing<Host>::take(MonoTime now, std::span<wire::CompactNode> out) {
  if (size_ == 0) return 0;
  size_t taken = 0;
  const size_t look_at = std::min(entries_.size(), ContactRing::kLookedAtMax);
  const size_t first = skip_empty_sets(read_at_);
  read_at_ = first;
  for (size_t looked_at = 0; looked_at < look_at && taken < out.size(); ++looked_at) {
    const Entry& entry = entries_[read_at_];
    if (++read_at_ == entries_.size()) read_at_ = 0;
    if (read_at_ % kSetSize == 0) read_at_ = skip_empty_sets(read_at_);
    const bool is_to_be_taken = entry.port != 0 && entry.unanswered == 0 && is_fresh(now, entry);
    if (is_to_be_taken) {
      wire::CompactNode& contact = out[taken++];  // Not contact_of(), which is copied once more.
      contact.id = entry.id;
      contact.endpoint.address = address_of(entry.host);
      contact.endpoint.port = entry.port;
    }
    if (read_at_ == first) break;  // Once round.
  }
  return taken;
}

// To the minute, in which who was asked in it counts as heard.
template <typename Host>
bool FamilyRing<Host>::was_heard(MonoTime now, Duration asked_before, const AnswersHeard& heard) {
  constexpr std::chrono::minutes kMinute{1};
  const MonoTime asked_at = now - asked_before;
  return heard.since <= asked_at + kMinute && asked_at <= heard.until;
}

template <typename Host>
std::optional<DueContact> FamilyRing<Host>::next_to_verify(MonoTime now,
                                                           const AnswersHeard& heard) {
  const size_t look_at = std::min(entries_.size(), ContactRing::kLookedAtMax);
  for (size_t looked_at = 0; looked_at < look_at && size_ > 0; ++looked_at) {
    verify_at_ = skip_empty_sets(verify_at_);
    Entry& entry = entries_[verify_at_];
    verify_at_ = (verify_at_ + 1) % entries_.size();
    if (entry.port == 0) continue;
    const std::chrono::minutes asked_before{
        static_cast<uint8_t>(minute_of(now) - entry.asked_minute)};
    if (entry.unanswered > 0 && asked_before < ContactRing::kAskAgainAfter) continue;
    const bool is_silent = entry.unanswered >= ContactRing::kUnansweredMax;
    if (is_silent && was_heard(now, asked_before, heard)) {
      remove(entry);
      continue;
    }
    if (entry.unanswered == 0 && age(now, entry) < ContactRing::kVerifyAgainAfter) continue;
    if (!is_silent) ++entry.unanswered;
    entry.asked_minute = minute_of(now);
    return DueContact{contact_of(entry), is_silent};
  }
  return {};
}

template <typename Host>
void FamilyRing<Host>::forgive() {
  for (Entry& entry : entries_) {
    if (entry.port != 0) entry.unanswered = 0;  // Free ones stay untouched memory.
  }
}

template <typename Host>
std::optional<wire::CompactNode> FamilyRing<Host>::next_in_turn() {
  const size_t look_at = std::min(entries_.size(), ContactRing::kLookedAtMax);
  for (size_t looked_at = 0; looked_at < look_at && size_ > 0; ++looked_at) {
    verify_at_ = skip_empty_sets(verify_at_);
    const Entry& entry = entries_[verify_at_];
    verify_at_ = (verify_at_ + 1) % entries_.size();
    if (entry.port != 0) return contact_of(entry);
  }
  return {};
}

template <typename Host>
size_t FamilyRing<Host>::bytes_for(size_t contacts) {
  const size_t sets = set_count(contacts);
  return sets * kSetSize * sizeof(Entry) + (sets + kWordBits - 1) / kWordBits * sizeof(uint64_t);
}

template <typename Host>
void FamilyRing<Host>::check_invariants() const {
  size_t found = 0;
  for (size_t set = 0; set < entries_.size() / kSetSize; ++set) {
    std::multiset<PrefixKey> prefixes;
    std::set<IpAddress> addresses;
    for (size_t at = set * kSetSize; at < (set + 1) * kSetSize; ++at) {
      if (entries_[at].port == 0) continue;
      const IpAddress address = address_of(entries_[at].host);
      CHECK(set_of(address) == &entries_[set * kSetSize]);
      CHECK(addresses.insert(address).second);
      prefixes.insert(prefix_of(address));
      CHECK(prefixes.count(prefix_of(address)) <= ContactRing::kPerPrefixMax);
    }
    const bool is_occupied = (occupied_[set / kWordBits] >> set % kWordBits & 1) != 0;
    CHECK(is_occupied == !addresses.empty());
    found += addresses.size();
  }
  CHECK(found == size_);
}

template class FamilyRing<uint32_t>;
template class FamilyRing<std::array<uint32_t, 4>>;

std::string_view label(Family family) {
  switch (family) {
    case Family::kV4: return "ipv4";
    case Family::kV6: return "ipv6";
  }
  return "";
}

std::string_view label(ContactAdmission admission) {
  switch (admission) {
    case ContactAdmission::kAdded: return "added";
    case ContactAdmission::kRefreshed: return "refreshed";
    case ContactAdmission::kReplaced: return "replaced";
    case ContactAdmission::kPortInUse: return "port_in_use";
    case ContactAdmission::kPrefixFull: return "prefix_full";
    case ContactAdmission::kSetFull: return "set_full";
  }
  return "";
}

ContactRing::ContactRing(const Options& options, const SipHashKey& secret)
    : v4_(options.v4_contacts, secret), v6_(options.v6_contacts, secret) {}

ContactAdmission ContactRing::admit(MonoTime now, const wire::CompactNode& contact) {
  return contact.endpoint.address.is_v4() ? v4_.admit(now, contact) : v6_.admit(now, contact);
}

void ContactRing::restore(MonoTime now, const wire::CompactNode& contact,
                          Duration verified_before) {
  if (contact.endpoint.address.is_v4()) {
    v4_.restore(now, contact, verified_before);
  } else {
    v6_.restore(now, contact, verified_before);
  }
}

bool ContactRing::contains(const Endpoint& endpoint) const {
  return endpoint.address.is_v4() ? v4_.contains(endpoint) : v6_.contains(endpoint);
}

size_t ContactRing::take(MonoTime now, Family family, std::span<wire::CompactNode> out) {
  return family == Family::kV4 ? v4_.take(now, out) : v6_.take(now, out);
}

std::optional<DueContact> ContactRing::next_to_verify(MonoTime now, Family family,
                                                      const AnswersHeard& heard) {
  return family == Family::kV4 ? v4_.next_to_verify(now, heard) : v6_.next_to_verify(now, heard);
}

void ContactRing::forgive(Family family) {
  family == Family::kV4 ? v4_.forgive() : v6_.forgive();
}

std::optional<wire::CompactNode> ContactRing::next_in_turn(Family family) {
  return family == Family::kV4 ? v4_.next_in_turn() : v6_.next_in_turn();
}

size_t ContactRing::size(Family family) const {
  return family == Family::kV4 ? v4_.size() : v6_.size();
}

size_t ContactRing::capacity(Family family) const {
  return family == Family::kV4 ? v4_.capacity() : v6_.capacity();
}

size_t ContactRing::bytes_for(const Options& options) {
  return FamilyRing<HostV4>::bytes_for(options.v4_contacts) +
         FamilyRing<HostV6>::bytes_for(options.v6_contacts);
}

std::array<size_t, ContactRing::kAgeCount> ContactRing::ages(MonoTime now, Family family) const {
  std::array<size_t, kAgeCount> counts{};
  const auto count = [&counts](const wire::CompactNode&, Duration age) {
    ++counts[std::min<size_t>(static_cast<size_t>(age / kAgeStep), kAgeCount - 1)];
  };
  if (family == Family::kV4) {
    v4_.for_each(now, count);
  } else {
    v6_.for_each(now, count);
  }
  return counts;
}

void ContactRing::check_invariants() const {
  v4_.check_invariants();
  v6_.check_invariants();
}

}  // namespace roost::core::dht
