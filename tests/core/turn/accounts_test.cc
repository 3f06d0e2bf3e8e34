// SPDX-License-Identifier: MIT
//
// Goal: whoever has an allocation has an account, and whoever had one last is remembered as long as
// there is room.
// Method: users who come and go in a table of three; a random walk against a naive model.
#include "core/turn/accounts.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <list>
#include <map>

#include "base/random.h"

namespace roost::core::turn {
namespace {

constexpr SipHashKey kSecret{5, 4, 3};

TEST(Accounts, CountTheAllocationsOfAUserInOnePlace) {
  Accounts accounts(3, kSecret);
  EXPECT_EQ(accounts.find(7), nullptr);
  Account& first = accounts.open(7);
  first.relayed_bytes = 100;
  Account& again = accounts.open(7);
  EXPECT_EQ(&first, &again);
  EXPECT_EQ(again.allocations, 2u);
  EXPECT_EQ(again.relayed_bytes, 100u);
  EXPECT_EQ(&accounts.at(accounts.index_of(first)), &first);
  accounts.check_invariants();
}

TEST(Accounts, RememberWhoHasGivenUpTheLastAllocation) {
  Accounts accounts(3, kSecret);
  Account& account = accounts.open(7);
  account.relayed_bytes = 100;
  accounts.close(account);
  accounts.check_invariants();
  EXPECT_EQ(accounts.open(7).relayed_bytes, 100u);
  accounts.check_invariants();
}

TEST(Accounts, ForgetTheOneThatWasClosedFirstWhenItsPlaceIsNeeded) {
  Accounts accounts(3, kSecret);
  for (uint64_t user = 1; user <= 3; ++user) accounts.open(user).relayed_bytes = user;
  accounts.close(*accounts.find(2));
  accounts.close(*accounts.find(1));
  EXPECT_EQ(accounts.open(4).relayed_bytes, 0u);
  EXPECT_EQ(accounts.find(2), nullptr);
  ASSERT_NE(accounts.find(1), nullptr);
  accounts.check_invariants();
  EXPECT_EQ(accounts.open(1).relayed_bytes, 1u);
  accounts.check_invariants();
}

TEST(Accounts, AgreeWithANaiveModelWhateverIsDoneToThem) {
  constexpr uint32_t kCount = 5;
  SeededRandom random(11);
  Accounts accounts(kCount, kSecret);
  std::map<uint64_t, uint32_t> allocations;
  std::list<uint64_t> idle;  // Oldest first.
  uint32_t total = 0;
  for (int step = 0; step < 5'000; ++step) {
    const uint64_t user = random.below(9);
    const bool is_busy = allocations.contains(user) && allocations[user] > 0;
    if (random.below(2) == 0 && total < kCount) {
      if (!allocations.contains(user) && allocations.size() == kCount) {
        allocations.erase(idle.front());
        idle.pop_front();
      }
      idle.remove(user);
      ++allocations[user];
      ++total;
      accounts.open(user);
    } else if (is_busy) {
      --total;
      if (--allocations[user] == 0) idle.push_back(user);
      accounts.close(*accounts.find(user));
    }
    accounts.check_invariants();
    for (uint64_t one = 0; one < 9; ++one) {
      const Account* const account = accounts.find(one);
      ASSERT_EQ(account != nullptr, allocations.contains(one)) << step;
      if (account != nullptr) {
        ASSERT_EQ(account->allocations, allocations[one]);
      }
    }
  }
}

}  // namespace
}  // namespace roost::core::turn
