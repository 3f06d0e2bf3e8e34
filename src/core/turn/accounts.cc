// SPDX-License-Identifier: MIT
#include "core/turn/accounts.h"

#include "base/check.h"

namespace roost::core::turn {
namespace {

constexpr uint32_t kAnchor = 0;

}  // namespace

Accounts::Accounts(uint32_t count, const SipHashKey& secret)
    : accounts_(size_t{count} + 1), by_user_(count, secret) {}

const Account* Accounts::find(uint64_t user) const {
  const uint32_t* const index = by_user_.find(user);
  return index == nullptr ? nullptr : &accounts_[*index];
}

Account* Accounts::find(uint64_t user) {
  const uint32_t* const index = by_user_.find(user);
  return index == nullptr ? nullptr : &accounts_[*index];
}

Account& Accounts::open(uint64_t user) {
  Account* account = find(user);
  if (account == nullptr) {
    uint32_t index = never_used_;
    if (index < accounts_.size()) {
      ++never_used_;
    } else {
      index = accounts_[kAnchor].next_;
      CHECK(index != kAnchor);  // Fewer allocations than accounts: one has none.
      unlink(accounts_[index]);
      by_user_.erase(accounts_[index].user);
    }
    account = &accounts_[index];
    *account = Account();
    account->user = user;
    CHECK(by_user_.find_or_insert(user, index) != nullptr);
  } else if (account->allocations == 0) {
    unlink(*account);
  }
  ++account->allocations;
  return *account;
}

void Accounts::close(Account& account) {
  CHECK(account.allocations > 0);
  if (--account.allocations > 0) return;
  const uint32_t index = index_of(account);
  Account& anchor = accounts_[kAnchor];
  account.next_ = kAnchor;
  account.previous_ = anchor.previous_;
  accounts_[anchor.previous_].next_ = index;
  anchor.previous_ = index;
}

void Accounts::unlink(Account& account) {
  accounts_[account.previous_].next_ = account.next_;
  accounts_[account.next_].previous_ = account.previous_;
}

void Accounts::check_invariants() const {
  by_user_.check_invariants();
  uint32_t idle = 0;
  for (uint32_t i = accounts_[kAnchor].next_; i != kAnchor; i = accounts_[i].next_) {
    CHECK(accounts_[i].allocations == 0);
    CHECK(accounts_[accounts_[i].next_].previous_ == i);
    ++idle;
  }
  uint32_t busy = 0;
  for (uint32_t i = 1; i < never_used_; ++i) {
    CHECK(find(accounts_[i].user) == &accounts_[i]);
    busy += accounts_[i].allocations > 0;
  }
  CHECK(idle + busy == by_user_.size() && by_user_.size() == never_used_ - 1);
}

uint64_t Accounts::bytes_for(uint32_t count) {
  return (uint64_t{count} + 1) * sizeof(Account) +
         BoundedMap<uint64_t, uint32_t, NumberBytes>::bytes_for(count);
}

}  // namespace roost::core::turn
