// SPDX-License-Identifier: MIT
#include "app/privileges.h"

#include <cstring>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace roost::app {
namespace {

std::string explain(const std::string& what) {
  return what + ": " + std::strerror(errno);
}

}  // namespace

Result<std::optional<Account>, std::string> account_to_become() {
  if (geteuid() != 0) return std::optional<Account>();
  for (const char* const name : {"roost", "nobody"}) {
    const passwd* const entry = getpwnam(name);
    if (entry == nullptr || entry->pw_uid == 0) continue;
    return std::optional<Account>({name, entry->pw_uid, entry->pw_gid});
  }
  return Failure(
      std::string("started as root, and there is no user \"roost\" or \"nobody\" to "
                  "become; add one, or start roost as an ordinary user"));
}

Result<Done, std::string> drop_privileges(const Account& account) {
  if (setgroups(0, nullptr) != 0 || setresgid(account.gid, account.gid, account.gid) != 0 ||
      setresuid(account.uid, account.uid, account.uid) != 0) {
    return Failure(explain("cannot become the user " + account.name));
  }
  // From here no program that we might start could gain anything either.
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return Failure(explain("no_new_privs"));
  if (setuid(0) == 0 || geteuid() != account.uid) {
    return Failure(std::string("root could be taken back after giving it up"));
  }
  return Done();
}

}  // namespace roost::app
