// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>

#include "base/bounded_map.h"
#include "base/bytes.h"
#include "base/time.h"
#include "base/zeroed_array.h"
#include "core/turn/fair_share.h"

namespace roost::core::turn {

// What all allocations of one user have in common.
struct Account {
  // A stretch of time in which strangers get so many bytes, and no more until the next one. Two of
  // them: credentials of the last one may be valid yet.
  struct Period {
    int64_t number = 0;
    uint64_t relayed_bytes = 0;
    MonoTime begun_at;
  };

  uint64_t user = 0;  // As in Authenticator::Proof.
  uint32_t allocations = 0;
  FairShare::UserMeter meter;
  // What the user's grant has relayed or forfeited (Forwarder::use_up), both directions, headers
  // included; of others, what was relayed since the account was opened.
  uint64_t relayed_bytes = 0;
  uint64_t bytes_max = 0;         // 0: no limit.
  std::array<Period, 2> periods;  // Of a stranger's, even and odd.

  Period& period(int64_t number) { return periods[static_cast<size_t>(number & 1)]; }
  const Period& period(int64_t number) const { return periods[static_cast<size_t>(number & 1)]; }

 private:
  friend class Accounts;
  uint32_t previous_ = 0;  // Among those without allocations.
  uint32_t next_ = 0;
};

// The accounts of users who have allocations, and of those who had one last.
//
// An account outlives its last allocation until its place is needed, the one that was closed first
// goes first: whoever gives up an allocation and makes another is not taken for somebody new, whose
// part has not been touched yet.
class Accounts {
 public:
  // Room for `count` users at a time.
  Accounts(uint32_t count, const SipHashKey& secret);

  // The user's account, with one more allocation. Requires fewer than `count` allocations in all.
  Account& open(uint64_t user);
  // One allocation fewer.
  void close(Account& account);

  Account* find(uint64_t user);
  const Account* find(uint64_t user) const;
  Account& at(uint32_t index) { return accounts_[index]; }
  const Account& at(uint32_t index) const { return accounts_[index]; }
  uint32_t index_of(const Account& account) const {
    return static_cast<uint32_t>(&account - &accounts_[0]);
  }

  void check_invariants() const;

  static uint64_t bytes_for(uint32_t count);

 private:
  struct NumberBytes {
    std::array<uint8_t, 8> operator()(uint64_t number) const {
      std::array<uint8_t, 8> bytes;
      store_u64(bytes.data(), number);
      return bytes;
    }
  };

  void unlink(Account& account);

  ZeroedArray<Account> accounts_;  // The first is the list's anchor, and nobody's.
  BoundedMap<uint64_t, uint32_t, NumberBytes> by_user_;
  uint32_t never_used_ = 1;  // So that untouched memory stays untouched.
};

}  // namespace roost::core::turn
