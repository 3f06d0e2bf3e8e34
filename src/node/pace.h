// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/time.h"

namespace roost::node {

// How fast bytes are given away at present: what this run has sent in its last seven days, or since
// it started where that is less.
//
// A week, because people's traffic has its rhythm. Only while the node ran, so that days on which
// it was down do not make it look slower than it is; unknown during the first hour, which says
// little about a day. Marks of time and bytes in a ring, 464 bytes; a look costs a comparison.
class Pace {
 public:
  static constexpr Duration kWindow = std::chrono::days(7);
  static constexpr Duration kMarkPeriod = std::chrono::hours(6);
  static constexpr Duration kRunMin = std::chrono::hours(1);

  // A run starts, and has sent nothing yet.
  explicit Pace(MonoTime now);

  // Called with each step or so; what is called late is as exact, over a longer time.
  void look(MonoTime now, uint64_t bytes_sent) {
    if (now >= marks_[newest_].at + kMarkPeriod) mark(now, bytes_sent);
  }

  // What `span` comes to at this pace, if there is one yet.
  std::optional<uint64_t> bytes_in(std::chrono::seconds span, MonoTime now,
                                   uint64_t bytes_sent) const;

 private:
  struct Mark {
    MonoTime at;
    uint64_t bytes_sent = 0;
  };
  // One more than the window has, so that one is always at its beginning or before.
  static constexpr size_t kMarkCount = kWindow / kMarkPeriod + 1;

  void mark(MonoTime now, uint64_t bytes_sent);
  const Mark& begin_of_window(MonoTime now) const;

  std::array<Mark, kMarkCount> marks_;
  size_t newest_ = 0;
  size_t count_ = 1;
};

// bytes × span ÷ elapsed, rounded down; exact where the product exceeds 64 bits. Requires
// elapsed > 0, and less than a hundred years each.
uint64_t extrapolate(uint64_t bytes, std::chrono::seconds elapsed, std::chrono::seconds span);

}  // namespace roost::node
