// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "base/crypto_hash.h"
#include "base/random.h"
#include "base/time.h"
#include "base/zeroed_array.h"
#include "wire/node_id.h"

namespace roost::core::dht {

// How an entry hangs in its table. 16 bytes.
struct AgedLinks {
  uint32_t next = 0;  // In its chain.
  uint32_t older = 0;
  uint32_t newer = 0;
  int32_t renewed_second = 0;  // Of MonoTime, 68 years of it.
};

// Entries that strangers leave under 160-bit keys, several under one if need be, and that age.
//
// All memory is taken in the constructor, and is touched as it is first used. The entries 1 …
// size() are in use: who wants one at random draws its number. Removing one moves the last into its
// place, so numbers are good until the next remove(). Chains hang on a keyed hash of the key
// (SipHash), so that nobody can make keys meet; a walk passes the entries of its key and, on the
// average, fewer than one other.
//
// `Entry` is trivially copyable and has `wire::NodeId key` and `AgedLinks links`.
template <typename Entry>
class AgedTable {
 public:
  static constexpr uint32_t kNone = 0;

  // Requires 0 < capacity < 2^32 - 1.
  AgedTable(uint32_t capacity, const SipHashKey& secret)
      : secret_(secret), heads_(capacity), entries_(size_t{capacity} + 1) {
    CHECK(capacity > 0 && capacity < ~uint32_t{0});
  }

  uint32_t size() const { return size_; }
  uint32_t capacity() const { return static_cast<uint32_t>(heads_.size()); }
  bool is_full() const { return size() == capacity(); }
  static size_t bytes_for(uint32_t capacity) {
    return capacity * sizeof(uint32_t) + (size_t{capacity} + 1) * sizeof(Entry);
  }

  Entry& operator[](uint32_t number) { return entries_[number]; }
  const Entry& operator[](uint32_t number) const { return entries_[number]; }

  // The entries of a key, the latest that was added first; kNone behind the last.
  uint32_t first_of(const wire::NodeId& key) const { return same_key(head_of(key), key); }
  uint32_t next_of(uint32_t number) const {
    return same_key(entries_[number].links.next, entries_[number].key);
  }

  // A new entry, zero but for its key, and the youngest. Requires that the table is not full.
  uint32_t add(const wire::NodeId& key, MonoTime now) {
    CHECK(!is_full());
    const uint32_t number = ++size_;
    entries_[number] = Entry();
    entries_[number].key = key;
    entries_[number].links.next = std::exchange(head_of(key), number);
    append(number, now);
    return number;
  }

  // It is the youngest now.
  void renew(uint32_t number, MonoTime now) {
    unlink(number);
    append(number, now);
  }

  void remove(uint32_t number) {
    CHECK(number > kNone && number <= size_);
    *link_to(number) = entries_[number].links.next;
    unlink(number);
    const uint32_t last = size_--;
    if (number == last) return;
    *link_to(last) = number;
    const AgedLinks& links = entries_[last].links;
    entries_[links.older].links.newer = number;
    entries_[links.newer].links.older = number;
    entries_[number] = entries_[last];
  }

  // The one that was added or renewed longest ago; kNone when there is none.
  uint32_t oldest() const { return entries_[kNone].links.newer; }
  // To the second, downwards.
  std::chrono::seconds age(uint32_t number, MonoTime now) const {
    return std::chrono::seconds(second_of(now) - entries_[number].links.renewed_second);
  }

  // So many entries, each any of all, at one request for random bytes. Requires that there is one.
  // Some are likelier than others by size() parts in 2^32.
  template <size_t kCount>
  std::array<uint32_t, kCount> draw(Random& random) const {
    CHECK(size_ > 0);
    const auto bytes = random.bytes<kCount * sizeof(uint32_t)>();
    std::array<uint32_t, kCount> numbers;
    for (size_t i = 0; i < kCount; ++i) {
      const uint64_t drawn = load_u32(bytes.data() + i * sizeof(uint32_t));
      numbers[i] = 1 + static_cast<uint32_t>(drawn * size_ >> 32);
    }
    return numbers;
  }

  // Aborts unless every entry hangs in its chain, and they are in the order of their age.
  void check_invariants() const {
    uint32_t count = 0;
    for (uint32_t number = oldest(); number != kNone; number = entries_[number].links.newer) {
      const AgedLinks& links = entries_[number].links;
      CHECK(++count <= size_ && entries_[links.newer].links.older == number);
      CHECK(links.newer == kNone ||
            entries_[links.newer].links.renewed_second >= links.renewed_second);
      uint32_t in_chain = head_of(entries_[number].key);
      while (in_chain != number && in_chain != kNone) in_chain = entries_[in_chain].links.next;
      CHECK(in_chain == number);
    }
    CHECK(count == size_);
  }

 private:
  static int32_t second_of(MonoTime time) {
    return static_cast<int32_t>(
        std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count());
  }

  const uint32_t& head_of(const wire::NodeId& key) const {
    return heads_[(sip_hash(secret_, key) >> 32) * heads_.size() >> 32];
  }
  uint32_t& head_of(const wire::NodeId& key) {
    return const_cast<uint32_t&>(std::as_const(*this).head_of(key));
  }
  uint32_t same_key(uint32_t number, const wire::NodeId& key) const {
    while (number != kNone && entries_[number].key != key) number = entries_[number].links.next;
    return number;
  }
  uint32_t* link_to(uint32_t number) {
    uint32_t* link = &head_of(entries_[number].key);
    while (*link != number) link = &entries_[*link].links.next;
    return link;
  }

  // Entry kNone is nobody's, and both ends of the row.
  void append(uint32_t number, MonoTime now) {
    AgedLinks& links = entries_[number].links;
    links.renewed_second = second_of(now);
    links.newer = kNone;
    links.older = std::exchange(entries_[kNone].links.older, number);
    entries_[links.older].links.newer = number;
  }
  void unlink(uint32_t number) {
    const AgedLinks& links = entries_[number].links;
    entries_[links.older].links.newer = links.newer;
    entries_[links.newer].links.older = links.older;
  }

  SipHashKey secret_;
  ZeroedArray<uint32_t> heads_;  // By keyed hash.
  ZeroedArray<Entry> entries_;
  uint32_t size_ = 0;
};

}  // namespace roost::core::dht
