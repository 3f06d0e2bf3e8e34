// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <deque>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "core/dht/ring_snapshot.h"

namespace roost::core::dht {

using namespace std::chrono_literals;
using wire::CompactNode;

inline constexpr SipHashKey kSecret{1, 2, 3};
inline constexpr WallTime kWall{std::chrono::sys_days{std::chrono::year{2026} / 12 / 1}};
inline constexpr MonoTime kStart{1000h};
inline constexpr Duration kPeriod = RingSnapshot::kPeriodMin;

using Entries = std::map<std::string, std::string>;

inline CompactNode node(Family family, uint32_t number) {
  const IpAddress address = family == Family::kV4
                                ? IpAddress::v4(0x01000000 + (number << 8))
                                : IpAddress(uint64_t{0x2001} << 48 | uint64_t{number} << 16, 1);
  wire::NodeId id{};
  store_u32(id.data(), number);
  return {id, {address, static_cast<uint16_t>(1024 + number % 1000)}};
}

inline std::map<Endpoint, CompactNode> contacts_of(const ContactRing& ring) {
  std::map<Endpoint, CompactNode> contacts;
  ring.for_each(MonoTime(),
                [&](const CompactNode& one, Duration) { contacts.emplace(one.endpoint, one); });
  return contacts;
}

// One life of a node: a ring and its snapshot, in front of entries that outlive it.
class Life {
 public:
  explicit Life(Entries& entries, Now now = {kStart, kWall}, size_t contacts = 20'000)
      : now_(now),
        ring({.v4_contacts = contacts, .v6_contacts = contacts}, kSecret),
        snapshot(ring),
        entries_(entries) {
    snapshot.start(now_, out_);
    take_requests();
  }

  // Answers until nothing is asked any more, or that many times; returns how often it was.
  size_t answer(size_t times = SIZE_MAX) {
    size_t answered = 0;
    for (; answered < times && !requests_.empty(); ++answered) {
      const auto request = requests_.front();
      requests_.pop_front();
      std::visit([this](const auto& one) { answer(one); }, request);
    }
    return answered;
  }
  // The next request, which may come only after some deadlines.
  void answer_next() {
    while (!is_asking()) wait();
    answer(1);
  }
  // To the next deadline, and one step there; returns how long that was.
  Duration wait() {
    const Duration time = time_to_deadline();
    advance(time);
    snapshot.step(now_, DeadlinePassed{}, out_);
    take_requests();
    return time;
  }
  Duration time_to_deadline() const {
    EXPECT_TRUE(snapshot.next_deadline());
    return std::max(Duration(), snapshot.next_deadline().value_or(now_.mono) - now_.mono);
  }
  // Until the snapshot that is due is kept, or given up.
  void take_snapshot() {
    const uint64_t before = snapshot.stats().snapshots + snapshot.stats().snapshots_lost;
    for (int i = 0; i < 10'000; ++i) {
      if (snapshot.stats().snapshots + snapshot.stats().snapshots_lost > before &&
          requests_.empty()) {
        return;
      }
      if (answer() == 0) wait();
    }
    FAIL() << "it is never kept";
  }
  void advance(Duration time) {
    now_.mono += time;
    if (now_.wall) *now_.wall += std::chrono::duration_cast<std::chrono::seconds>(time);
  }
  void keep_now() {
    snapshot.keep_now(now_, out_);
    take_requests();
  }
  void admit(Family family, uint32_t first, uint32_t count) {
    for (uint32_t i = first; i < first + count; ++i) (void)ring.admit(now_.mono, node(family, i));
  }
  bool is_asking() const { return !requests_.empty(); }

 private:
  struct Read {
    StoreRequestId id{};
    std::string from{};
    std::string to{};
    size_t count_max = 0;
  };
  struct Changes {
    StoreRequestId id{};
    std::span<const StoreChange> changes{};  // Whose owner leaves them alone until the answer.
  };

  void take_requests() {
    for (const Action& action : out_.actions()) {
      if (const auto* const read = std::get_if<ReadRange>(&action)) {
        requests_.push_back(Read{read->id, std::string(as_text(read->from)),
                                 std::string(as_text(read->to)), read->count_max});
      } else if (const auto* const commit = std::get_if<Commit>(&action)) {
        requests_.push_back(Changes{commit->id, commit->changes});
      } else if (const auto* const note = std::get_if<Note>(&action)) {
        notes.emplace_back(note->what);
      } else {
        ADD_FAILURE();
      }
    }
    out_.clear();
    EXPECT_LE(requests_.size(), 1u);
  }
  void answer(const Read& request) {
    std::vector<StoreEntry> found;
    RangeRead read{request.id, {}, true, {}};
    const auto failing = unreadable.lower_bound(request.from);
    if (read_failure) {
      read.failure = read_failure;
    } else if (failing != unreadable.end() && *failing < request.to &&
               failing == unreadable.find(entries_.lower_bound(request.from)->first)) {
      read.failure = unreadable_because;
    } else {
      for (auto entry = entries_.lower_bound(request.from);
           entry != entries_.end() && entry->first < request.to; ++entry) {
        if (found.size() == request.count_max) {
          read.is_last = false;
          break;
        }
        found.push_back({as_bytes(entry->first), as_bytes(entry->second)});
      }
      read.entries = found;
    }
    snapshot.step(now_, read, out_);
    ring.check_invariants();
    take_requests();
  }
  void answer(const Changes& request) {
    CommitDone done{request.id, commit_failure};
    if (puts_until_full && std::any_of(request.changes.begin(), request.changes.end(), is_put)) {
      if (*puts_until_full == 0) done.failure = StoreError::kFull;
      if (*puts_until_full > 0) --*puts_until_full;
    }
    if (!done.failure || is_there_after_all) {
      for (const StoreChange& change : request.changes) apply(change);
    }
    snapshot.step(now_, done, out_);
    take_requests();
  }
  static bool is_put(const StoreChange& change) { return change.kind == StoreChange::Kind::kPut; }
  void apply(const StoreChange& change) {
    const std::string key(as_text(change.key));
    EXPECT_LE(key.size(), kStoreKeySizeMax);
    switch (change.kind) {
      case StoreChange::Kind::kPut:
        EXPECT_LE(change.value.size(), kStoreValueSizeMax);
        entries_[key] = as_text(change.value);
        return;
      case StoreChange::Kind::kRemove: entries_.erase(key); return;
      case StoreChange::Kind::kRemoveRange:
        ASSERT_LE(key, as_text(change.value));
        entries_.erase(entries_.lower_bound(key),
                       entries_.lower_bound(std::string(as_text(change.value))));
        return;
    }
  }

  Now now_;

 public:
  ContactRing ring;
  RingSnapshot snapshot;
  std::vector<std::string> notes;
  // What goes wrong from now on.
  std::optional<StoreError> read_failure;
  std::optional<StoreError> commit_failure;
  bool is_there_after_all = false;  // What has failed.
  std::optional<int> puts_until_full;
  std::set<std::string> unreadable;  // Keys.
  StoreError unreadable_because = StoreError::kDamaged;

 private:
  Entries& entries_;
  Outbox out_;
  std::deque<std::variant<Read, Changes>> requests_;
};

inline size_t page_count(const Entries& entries) {
  return static_cast<size_t>(std::count_if(entries.begin(), entries.end(), [](const auto& entry) {
    return entry.first.starts_with("dht/contacts/");
  }));
}

inline std::set<std::string> generations(const Entries& entries) {
  std::set<std::string> found;
  for (const auto& [key, value] : entries) {
    if (key.starts_with("dht/contacts/")) found.insert(key.substr(13, 16));
  }
  return found;
}

// What was kept by a life that had so many contacts of each family.
inline Entries kept(uint32_t v4, uint32_t v6) {
  Entries entries;
  Life life(entries);
  life.answer();
  life.admit(Family::kV4, 0, v4);
  life.admit(Family::kV6, 0, v6);
  life.take_snapshot();
  EXPECT_EQ(1u, life.snapshot.stats().snapshots);
  EXPECT_EQ(v4 + v6, life.snapshot.stats().contacts_kept);
  return entries;
}

}  // namespace roost::core::dht
