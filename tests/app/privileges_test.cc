// SPDX-License-Identifier: MIT
//
// Goal: a daemon that root started ends up as an ordinary user, for good. Method: child processes,
// since nothing of this can be taken back. Who is not root can only be refused, so an ordinary user
// who runs these tests tests that, and is told so.
#include "app/privileges.h"

#include <fstream>
#include <grp.h>
#include <gtest/gtest.h>
#include <iostream>
#include <pwd.h>
#include <sys/prctl.h>

#include "forked_child.h"

namespace roost::app {
namespace {

constexpr unsigned kOrdinaryUser = 12345;  // Needs no name.

bool is_root() {
  return geteuid() == 0;
}

Account nobody() {
  const passwd* const entry = getpwnam("nobody");
  EXPECT_NE(nullptr, entry);
  return entry == nullptr ? Account{} : Account{"nobody", entry->pw_uid, entry->pw_gid};
}

// What the kernel says about this process: all numbers of a line of /proc/self/status.
std::string status_of_process(const std::string& name) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name + ":\t")) return line.substr(name.size() + 2);
  }
  return "(none)";
}

std::string four_times(unsigned id) {
  const std::string text = std::to_string(id);
  return text + '\t' + text + '\t' + text + '\t' + text;
}

// Becomes it from a root with groups, and tells what is left.
std::string become(const Account& account) {
  const gid_t groups[] = {0, 4, 27};
  if (is_root() && setgroups(std::size(groups), groups) != 0) return "no groups to begin with";
  if (is_root() && status_of_process("Groups").empty()) return "no groups to begin with";
  const auto dropped = drop_privileges(account);
  if (!dropped) return dropped.error();
  if (setuid(0) == 0 || seteuid(0) == 0) return "could become root again";
  if (setgid(0) == 0 || setegid(0) == 0) return "could have the group of root again";
  if (setgroups(std::size(groups), groups) == 0) return "could have other groups again";
  std::string groups_left = status_of_process("Groups");
  while (groups_left.ends_with(' ')) groups_left.pop_back();
  return "users " + status_of_process("Uid") + " groups " + status_of_process("Gid") + " and " +
         groups_left + "; may " + status_of_process("CapEff") + " of " +
         status_of_process("CapPrm") + "; no_new_privs " +
         std::to_string(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
}

TEST(Privileges, AreGivenUpForGoodOrItIsSaidThatThisIsNotPossible) {
  const Account account = nobody();
  const std::string left = in_child([&] { return become(account); });
  if (is_root()) {
    EXPECT_EQ("users " + four_times(account.uid) + " groups " + four_times(account.gid) +
                  " and ; may 0000000000000000 of 0000000000000000; no_new_privs 1",
              left);
  } else {
    std::cout << "NOT ROOT: that privileges are given up was not tested, only that we are told\n";
    EXPECT_EQ("cannot become the user nobody: Operation not permitted", left);
  }
}

TEST(Privileges, CannotBeChangedByAnOrdinaryUser) {
  const Account account = nobody();
  EXPECT_EQ("cannot become the user nobody: Operation not permitted", in_child([&] {
              if (is_root() && setuid(kOrdinaryUser) != 0) return std::string("is still root");
              const auto dropped = drop_privileges(account);
              return dropped ? std::string("dropped") : dropped.error();
            }));
}

// Whom the daemon becomes: empty for "stays who it is".
std::string account_name() {
  const auto account = account_to_become();
  if (!account) return account.error();
  return *account ? (*account)->name : "";
}

TEST(Privileges, NeedNotBeGivenUpByAnOrdinaryUser) {
  EXPECT_EQ("", in_child([] {
              if (is_root() && setuid(kOrdinaryUser) != 0) return std::string("is still root");
              return account_name();
            }));
}

TEST(Privileges, AreGivenUpForTheUserOfOurNameWhereThereIsOne) {
  const bool has_roost = getpwnam("roost") != nullptr;
  if (!is_root()) std::cout << "NOT ROOT: whom root would become was not tested\n";
  EXPECT_EQ(!is_root() ? "" : has_roost ? "roost" : "nobody", account_name());
  const auto account = account_to_become();
  if (account && *account) {
    EXPECT_NE(0u, (*account)->uid);
  }
}

}  // namespace
}  // namespace roost::app
