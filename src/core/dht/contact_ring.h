// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/crypto_hash.h"
#include "base/time.h"
#include "base/zeroed_array.h"
#include "wire/compact_address.h"

namespace roost::core::dht {

enum class Family : uint8_t { kV4, kV6 };
inline constexpr size_t kFamilyCount = 2;
constexpr Family family_of(const IpAddress& address) {
  return address.is_v4() ? Family::kV4 : Family::kV6;
}
std::string_view label(Family family);

// What became of a contact that was to be admitted. Also the label of the counter.
enum class ContactAdmission : uint8_t {
  kAdded,
  kRefreshed,   // Was here; its ID or port is the new one.
  kReplaced,    // Took the place of a contact that was no longer fresh.
  kPortInUse,   // The address has a place under another port, which is fresh.
  kPrefixFull,  // The prefix has its places, all of them fresh.
  kSetFull,     // So have all others of the set.
};
inline constexpr size_t kContactAdmissionCount = 6;
std::string_view label(ContactAdmission admission);

// When our line was seen to carry questions and answers: all the while from `since` until `until`.
// Who was silent in that time is to blame for it.
struct AnswersHeard {
  MonoTime since = MonoTime::min();
  MonoTime until = MonoTime::max();
};

struct DueContact {
  wire::CompactNode contact;
  // It was silent often enough, but perhaps for want of a line: whether that carries anything is to
  // be tried as well.
  bool is_in_doubt = false;
};

// The contacts of one family; see ContactRing. `Host` is an address without its family.
template <typename Host>
class FamilyRing {
 public:
  // Rounded up to whole sets, of which there is at least one.
  FamilyRing(size_t contacts, const SipHashKey& secret);

  ContactAdmission admit(MonoTime now, const wire::CompactNode& contact);
  void restore(MonoTime now, const wire::CompactNode& contact, Duration verified_before);
  bool contains(const Endpoint& endpoint) const;
  size_t take(MonoTime now, std::span<wire::CompactNode> out);
  std::optional<DueContact> next_to_verify(MonoTime now, const AnswersHeard& heard);
  std::optional<wire::CompactNode> next_in_turn();
  void forgive();

  size_t size() const { return size_; }
  size_t capacity() const { return entries_.size(); }
  uint64_t removed() const { return removed_; }
  static size_t bytes_for(size_t contacts);
  void check_invariants() const;

  // Calls `visit(const CompactNode&, Duration verified_before)` for each.
  template <typename Visit>
  void for_each(MonoTime now, Visit visit) const {
    for (const Entry& entry : entries_) {
      if (entry.port != 0) visit(contact_of(entry), age(now, entry));
    }
  }

  // See ContactRing.
  template <typename Visit>
  size_t visit_from(MonoTime now, size_t place, size_t look_at_max, Visit visit) const {
    for (; look_at_max > 0; --look_at_max) {
      if (size_ == 0 || place >= capacity()) return capacity();
      const size_t next = skip_empty_sets(place);
      if (next < place) return capacity();  // Round the end.
      const Entry& entry = entries_[next];
      if (entry.port != 0) visit(contact_of(entry), age(now, entry));
      place = next + 1;
    }
    return place;
  }

 private:
  struct Entry {  // Zero bytes: free.
    wire::NodeId id;
    Host host;
    uint16_t port;
    uint8_t unanswered;
    uint8_t asked_minute;     // Of MonoTime, its lowest eight bits.
    int32_t verified_second;  // Of MonoTime, 68 years of it; negative before its beginning.
  };

  static wire::CompactNode contact_of(const Entry& entry);
  static Duration age(MonoTime now, const Entry& entry);
  static bool is_fresh(MonoTime now, const Entry& entry);
  Entry* set_of(const IpAddress& address);
  const Entry* set_of(const IpAddress& address) const;
  // The first entry from `at` on, round the end, that may be taken; its set is not empty.
  size_t skip_empty_sets(size_t at) const;
  static bool was_heard(MonoTime now, Duration asked_before, const AnswersHeard& heard);
  void occupy(Entry& place, const wire::CompactNode& contact, int32_t verified_second);
  void remove(Entry& entry);

  SipHashKey secret_;
  ZeroedArray<Entry> entries_;
  std::vector<uint64_t> occupied_;  // One bit for each set that is not empty.
  size_t size_ = 0;
  size_t read_at_ = 0;
  size_t verify_at_ = 0;
  uint64_t removed_ = 0;
};

// The nodes of the Mainline DHT that newcomers are sent to: each has answered us at its address,
// and is asked again while it is here.
//
// Two tables of fixed size, one for each family, of sets of kSetSize contacts. A keyed hash of a
// contact's prefix (/24, /48) says which set it belongs to, so that all contacts of a prefix meet
// in one set and are counted there, and nobody can choose whom he displaces. A contact that answers
// keeps its place; a newcomer takes a free one, or that of the contact which was verified longest
// ago, once that is longer than kFreshFor. So whoever has one prefix has at most kPerPrefixMax
// places, and whoever has many has at most as many times that, of which he takes none from the
// living.
//
// 32 bytes for each IPv4 contact and 44 for each IPv6 one, and a bit for each set.
class ContactRing {
 public:
  static constexpr size_t kSetSize = 8;
  // Two, so that a neighbour does not depend on one.
  static constexpr size_t kPerPrefixMax = 2;
  // How long a verification counts: nothing older is handed out.
  static constexpr Duration kFreshFor = std::chrono::hours(1);
  // Asked again in time: the turn over a full table takes its while, and answers get lost.
  static constexpr Duration kVerifyAgainAfter = std::chrono::minutes(30);
  // Contacts that have let so many questions pass, at least kAskAgainAfter apart, are gone.
  static constexpr uint8_t kUnansweredMax = 2;
  static constexpr std::chrono::minutes kAskAgainAfter{2};
  // The most that one call of take() or next_to_verify() looks at.
  static constexpr size_t kLookedAtMax = 512;

  struct Options {
    size_t v4_contacts = 0;
    size_t v6_contacts = 0;
  };

  ContactRing(const Options& options, const SipHashKey& secret);

  // The contact has just answered a question of ours, at this address and with this ID. Requires
  // port > 0, and that the caller has judged address and ID: here only places are counted.
  ContactAdmission admit(MonoTime now, const wire::CompactNode& contact);
  // As it was, and so long ago, before a restart. Displaces nothing; the rest as admit().
  void restore(MonoTime now, const wire::CompactNode& contact, Duration verified_before);

  // Whether this very endpoint has a place.
  bool contains(const Endpoint& endpoint) const;

  // The next contacts in turn that are fresh and have no question open: everybody is handed out as
  // often as everybody else. Fewer than `out` has room for where there are fewer, or where most are
  // not fresh; none twice. Returns how many.
  size_t take(MonoTime now, Family family, std::span<wire::CompactNode> out);

  // The next contact in turn that is due, and counts as asked from now on: it is not handed out
  // before it has answered. Those that have not answered often enough, the last time while others
  // were heard, are removed on the way.
  std::optional<DueContact> next_to_verify(MonoTime now, Family family,
                                           const AnswersHeard& heard = {});
  // The next contact in turn, due or not, which does not count as asked.
  std::optional<wire::CompactNode> next_in_turn(Family family);
  // It was not their fault: whoever has let questions pass counts as if none had been asked. Looks
  // at the whole table.
  void forgive(Family family);

  size_t size(Family family) const;
  size_t capacity(Family family) const;
  uint64_t removed() const { return v4_.removed() + v6_.removed(); }  // They did not answer.
  static size_t bytes_for(const Options& options);

  // How many were verified within the last kAgeStep, within twice that, and so on; the last counts
  // all that are older than kFreshFor. Looks at the whole table.
  static constexpr Duration kAgeStep = std::chrono::minutes(15);
  static constexpr size_t kAgeCount = kFreshFor / kAgeStep + 1;
  std::array<size_t, kAgeCount> ages(MonoTime now, Family family) const;

  // Calls `visit(const CompactNode&, Duration verified_before)` for each, in an order that means
  // nothing.
  template <typename Visit>
  void for_each(MonoTime now, Visit visit) const {
    v4_.for_each(now, visit);
    v6_.for_each(now, visit);
  }

  // The same in parts: looks at the next `look_at_max` places of the family that may be taken, from
  // `place` on, and returns where the next part begins, or capacity(family) when all were seen. The
  // first begins at 0. What is there all the while is visited once.
  template <typename Visit>
  size_t visit_from(MonoTime now, Family family, size_t place, size_t look_at_max,
                    Visit visit) const {
    return family == Family::kV4 ? v4_.visit_from(now, place, look_at_max, visit)
                                 : v6_.visit_from(now, place, look_at_max, visit);
  }

  // Aborts unless the counts agree and nobody has more than his places. For tests.
  void check_invariants() const;

 private:
  using HostV4 = uint32_t;
  using HostV6 = std::array<uint32_t, 4>;  // Not uint64_t, which would pad the entry.

  FamilyRing<HostV4> v4_;
  FamilyRing<HostV6> v6_;
};

}  // namespace roost::core::dht
