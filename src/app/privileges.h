// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace roost::app {

// Who the daemon becomes when root starts it: the user "roost" where there is one, else "nobody".
struct Account {
  std::string name;
  unsigned uid;
  unsigned gid;
};

// Empty when we are not root and so have nothing to give up.
Result<std::optional<Account>, std::string> account_to_become();

// Gives up root, its groups and every capability for good; checks that it cannot be taken back.
Result<Done, std::string> drop_privileges(const Account& account);

}  // namespace roost::app
