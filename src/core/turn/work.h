// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/address.h"
#include "base/crypto_hash.h"
#include "base/time.h"

namespace roost::core::turn {

// Proof of work for those whom nobody has invited: nothing at rest, and more the more they are.
//
// A challenge names its effort and is a keyed hash of the asker's site and the time, so nothing
// is kept about it. It is solved by a text that makes SHA-256(challenge "." text) begin with as
// many zero bits: 2^effort hashes on average. Solving it again gains nothing within its lifetime:
// what it buys is the same account.
class Work {
 public:
  static constexpr Duration kChallengeLifetime = std::chrono::minutes(2);
  // How often the effort is thought about anew.
  static constexpr Duration kWindow = std::chrono::seconds(10);
  // Sites (PrefixWidth) that get something in a window beyond which it rises: two a second. Each
  // counts once, and only if it has brought what was asked for: so nobody makes it dear for the
  // others who is not many, and pays.
  static constexpr uint32_t kAskersPerWindow = 20;
  static constexpr unsigned kEffortFirst = 12;  // A tenth of a second in a browser.
  static constexpr unsigned kEffortMax = 20;    // Half a minute there, through crypto.subtle.
  static constexpr size_t kSolutionSizeMax = 32;

  // `effort_min`: what is asked for at rest. At most kEffortMax.
  Work(const SipHashKey& secret, unsigned effort_min, MonoTime now);
  void set_effort_min(unsigned effort_min);

  // Somebody asks, while so many percent of what strangers may have at a time are taken.
  void note_request(MonoTime now, unsigned taken_percent);
  // And gets it.
  void note_given(const IpAddress& from);
  unsigned effort() const { return effort_; }

  std::string challenge(MonoTime now, const IpAddress& from) const;
  // Whether `answer`, which is challenge "." text, solves a challenge that was made for that site
  // not long ago.
  bool is_solved(MonoTime now, const IpAddress& from, std::string_view answer) const;

 private:
  std::string make(uint16_t minute, uint8_t effort, const IpAddress& from) const;

  SipHashKey secret_;
  unsigned effort_min_;
  unsigned effort_;
  MonoTime window_begin_;
  std::array<uint64_t, kAskersPerWindow + 1> askers_{};  // Their sites.
  uint32_t asker_count_ = 0;
};

}  // namespace roost::core::turn
