// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "core/action.h"
#include "core/outbox.h"
#include "core/peers/book.h"
#include "wire/peer_list.h"

namespace roost::node {

// Keeps the records of the supernodes that have answered in the store, so that a node which starts
// anew knows whom to ask.
//
// They are peer lists (wire/peer_list.h) below "peers/tried/", all replaced by one commit every
// kPeriod, but not before what is there has been read. A list that is damaged is counted and left
// out: the nodes will be found again. Without a store it does nothing after the first answer.
class BookKeeper {
 public:
  static constexpr Duration kPeriod = std::chrono::minutes(10);
  static constexpr size_t kPagesMax = 8;  // Of kPeerListRecordsMax records: those of a full book.
  static constexpr size_t kBytes = kPagesMax * wire::kPeerListSizeMax;

  struct Stats {
    uint64_t records_read = 0;  // And taken into the book.
    uint64_t records_refused = 0;
    uint64_t pages_damaged = 0;
    uint64_t kept = 0;  // Times,
    uint64_t failed = 0;
  };

  // `book` outlives it.
  explicit BookKeeper(core::peers::Book& book) : book_(book) {}

  // Begins to read; called once.
  void start(const Now& now, core::Outbox& out);
  void step(const Now& now, const core::DeadlinePassed& input, core::Outbox& out);
  // Those whose ID's user is kBook.
  void step(const Now& now, const core::CommitDone& input);
  void step(const Now& now, const core::RangeRead& input);
  std::optional<MonoTime> next_deadline() const { return keep_at_; }

  // The process is about to end: keeps what it would keep later, if what is there has been read.
  void keep_now(const Now& now, core::Outbox& out);
  // Whether the disk is at it.
  bool is_keeping() const { return is_keeping_; }

  const Stats& stats() const { return stats_; }

 private:
  void keep(const Now& now, core::Outbox& out);
  void fill_pages(MonoTime now);

  core::peers::Book& book_;
  std::optional<MonoTime> keep_at_;  // Empty while a request is open, or there is no store.
  bool has_read_ = false;
  bool is_keeping_ = false;
  uint64_t request_number_ = 0;
  std::vector<std::string> keys_;  // Of the request that is open, like all below.
  std::vector<std::vector<uint8_t>> pages_;
  std::vector<core::StoreChange> changes_;
  Stats stats_;
};

}  // namespace roost::node
