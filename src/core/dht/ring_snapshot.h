// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "core/action.h"
#include "core/dht/contact_ring.h"
#include "core/outbox.h"
#include "core/store_terms.h"
#include "wire/contact_page.h"

namespace roost::core::dht {

// Keeps the contacts of the ring in the store, so that a node which starts anew can tell newcomers
// of others at once.
//
//   start() --> reading --> resting --period--> filling <--> keeping pages
//                              ^    or keep_now()  |
//                              |              keeping the index (tried again until it is kept)
//                              +-------------------+         --no store--> idle
//
// A snapshot is a generation of pages (wire/contact_page.h) below "dht/contacts/<generation>/", and
// counts once "dht/contacts.index" names it: that very commit removes the one before. Where the
// process ends in between, the older one counts, and the next snapshot removes what is left of the
// other. Nothing is written while the ring is empty: what was kept before is better than nothing.
//
// Each step looks at about a page's worth of contacts, and one request is open at a time, so that
// neither the loop nor the disk is kept busy. A page that is damaged or missing is counted and
// noted, the others are used; it is removed with its generation by the next snapshot, since nothing
// in it is worth more than asking around again. Where the index is damaged, all pages are used.
//
// What the disk does not give for now may be read later, so it is asked for again and nothing is
// written meanwhile. A page that cannot be read for kReadFor is given up, counted and noted.
//
// What is restored is as old as it was and as long as we were gone; if either clock was unknown, so
// old that it is verified before it is handed out.
//
// A few pages of memory (kBytes); in the store at most twice what the ring holds.
class RingSnapshot {
 public:
  // Written at once, since a disk takes as long to sync one page as a few.
  static constexpr size_t kPagesPerCommit = 4;
  static constexpr size_t kBytes = kPagesPerCommit * wire::kContactPageSizeMax;
  // From the end of one snapshot to the next: as long as it takes to write no more than
  // kBytesPerHour, for a flash card wears, but within these bounds. What is written more often than
  // kPeriodMin is hardly any news. A contact is verified again after kVerifyAgainAfter, and handed
  // out until kFreshFor: with kPeriodMax between them, whoever starts at once after a crash can
  // hand out all that it reads.
  static constexpr uint64_t kBytesPerHour = 16 * 1024 * 1024;
  static constexpr Duration kPeriodMin = std::chrono::minutes(5);
  static constexpr Duration kPeriodMax = ContactRing::kFreshFor - ContactRing::kVerifyAgainAfter;
  // A request that fails is repeated after kAskAgainAfter, then after twice that, and so on up to
  // kPeriodMin. After kTriesMax a page that is to be written is given up, and its snapshot with it;
  // that one cannot be read is said.
  static constexpr Duration kAskAgainAfter = std::chrono::seconds(1);
  static constexpr unsigned kTriesMax = 5;
  // By then all that was kept would have to be verified anew.
  static constexpr Duration kReadFor = ContactRing::kFreshFor;

  struct Stats {
    uint64_t contacts_read = 0;
    uint64_t pages_read = 0;
    uint64_t pages_damaged = 0;  // Or the index.
    uint64_t pages_missing = 0;
    uint64_t pages_given_up = 0;  // They could not be read.
    uint64_t snapshots = 0;       // Kept whole,
    uint64_t contacts_kept = 0;   // and the contacts in the last of them.
    uint64_t snapshots_lost = 0;  // Begun, and given up.
    uint64_t requests_failed = 0;
    std::optional<MonoTime> kept_at{};  // The last of them.
  };

  // `ring` must outlive it.
  explicit RingSnapshot(ContactRing& ring);

  // Begins to read; called once.
  void start(const Now& now, Outbox& out);

  // Of the answers those whose ID's user is kContacts. Each step takes little of the outbox.
  void step(const Now& now, const DeadlinePassed& input, Outbox& out);
  void step(const Now& now, const CommitDone& input, Outbox& out);
  void step(const Now& now, const RangeRead& input, Outbox& out);

  // The process is about to end: begins a snapshot, unless one is on its way, or what was kept has
  // not been read.
  void keep_now(const Now& now, Outbox& out);
  // Whether one is on its way.
  bool is_keeping() const;

  // When step(DeadlinePassed) is next worth calling; early or late is harmless.
  std::optional<MonoTime> next_deadline() const { return deadline_; }

  // Whether all that was kept has been read or given up, or there is no store.
  bool is_loaded() const;
  const Stats& stats() const { return stats_; }

 private:
  // How long ago that counts as verified of which nobody knows.
  static constexpr Duration kTooOld = ContactRing::kFreshFor + std::chrono::seconds(1);

  enum class State : uint8_t {
    kNotStarted,
    kReadingIndex,
    kReadingPages,
    kResting,
    kFilling,
    kKeepingPages,
    kKeepingIndex,
    kRemovingRest,
    kIdle,  // There is no store.
  };

  void read_index(const Now& now, const RangeRead& input, Outbox& out);
  void read_from(const Now& now, uint64_t page, Outbox& out);
  void read_page(const Now& now, const RangeRead& input, Outbox& out);
  void read_in_vain(const Now& now, Outbox& out);
  void skip_page(const Now& now, Outbox& out);
  void restore(const Now& now, Bytes bytes);
  void end_reading(const Now& now, Outbox& out);

  void begin(const Now& now, Outbox& out);
  void begin_page(const Now& now);
  void fill(const Now& now, Outbox& out);
  bool has_seen_family() const;
  bool has_seen_all() const;
  void end_page(const Now& now, Outbox& out);
  void keep_pages(Outbox& out);
  void go_on(const Now& now, Outbox& out);
  void keep_index(Outbox& out);
  void give_up(Outbox& out);
  Duration period() const;
  void rest(const Now& now, Duration time);
  uint64_t next_generation() const { return index_.generation + 1; }

  void change(StoreChange::Kind kind, Bytes key, Bytes value);
  void ask(Outbox& out);
  bool is_answer(const StoreRequestId& id) const;
  void ask_again(const Now& now);
  void retire();

  ContactRing& ring_;
  State state_ = State::kNotStarted;
  std::optional<MonoTime> deadline_;
  MonoTime give_up_at_{};  // What cannot be read.
  Stats stats_;

  // The request that is open, or to be repeated. What it points to is below.
  uint64_t request_number_ = 0;
  bool is_waiting_ = false;
  unsigned tries_ = 0;
  std::array<StoreChange, kPagesPerCommit + 1> changes_{};
  size_t change_count_ = 0;
  std::string key_;
  std::array<std::string, kPagesPerCommit> page_keys_;
  std::string end_;
  std::array<uint8_t, wire::ContactPageIndex::kSize> index_bytes_{};

  wire::ContactPageIndex index_;       // The snapshot that counts,
  wire::ContactPageIndex next_index_;  // and the one that is to.
  bool index_is_damaged_ = false;
  uint64_t next_page_ = 0;  // To be read or written,
  size_t pages_ready_ = 0;  // and how many are to be written at once.

  Family family_ = Family::kV4;  // What is to be visited next,
  size_t place_ = 0;
  uint64_t contacts_ = 0;  // and how many were.
  std::vector<uint8_t> page_bytes_;
  std::optional<wire::ContactPageWriter> page_;
};

}  // namespace roost::core::dht
