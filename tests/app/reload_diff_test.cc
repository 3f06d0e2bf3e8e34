// SPDX-License-Identifier: MIT
// Goal: the owner is told what a reload changed and what still waits for a restart.
#include "app/reload_diff.h"

#include <gtest/gtest.h>

#include "app/options.h"

namespace roost::app {
namespace {

using Names = std::vector<std::string_view>;

TEST(ReloadDiff, IsEmptyWhereNothingChanged) {
  const node::Config config;
  const ReloadDiff diff = diff_for_reload(config, config, config);
  EXPECT_EQ(diff.taken_over, Names());
  EXPECT_EQ(diff.need_restart, Names());
}

TEST(ReloadDiff, TellsWhatIsTakenOverFromWhatIsNot) {
  const node::Config running;
  node::Config next;
  next.node.port = 1;
  next.node.role = node::RoleChoice::kLeaf;
  next.donate.monthly_bytes = 0;
  next.metrics.listen.reset();
  next.log.level = node::LogLevel::kDebug;
  const ReloadDiff diff = diff_for_reload(running, running, next);
  EXPECT_EQ(diff.taken_over, (Names{"node.role", "donate.monthly", "log.level"}));
  EXPECT_EQ(diff.need_restart, (Names{"node.port", "metrics.listen"}));
  EXPECT_EQ(diff.effective.node.port, running.node.port);
  EXPECT_EQ(diff.effective.metrics.listen, running.metrics.listen);
  EXPECT_EQ(diff.effective.donate.monthly_bytes, 0u);
}

TEST(ReloadDiff, RemindsOfWhatStillWaitsForARestart) {
  const node::Config at_start;
  node::Config next;
  next.node.port = 1;
  const ReloadDiff first = diff_for_reload(at_start, at_start, next);
  const ReloadDiff second = diff_for_reload(at_start, first.effective, next);
  EXPECT_EQ(second.need_restart, Names{"node.port"});
}

TEST(ReloadDiff, TablesShrinkAndGrowBackButNotBeyondTheStart) {
  struct Row {
    uint32_t running;
    uint32_t next;
    uint32_t effective;
    bool is_taken_over;
    bool needs_restart;
  };
  const Row rows[] = {
      // Started with 512.
      {512, 512, 512, false, false}, {512, 100, 100, true, false}, {100, 400, 400, true, false},
      {100, 512, 512, true, false},  {512, 513, 512, false, true}, {100, 900, 512, true, true},
  };
  const node::Config at_start;
  ASSERT_EQ(at_start.donate.connections, 512u);
  for (const Row& row : rows) {
    node::Config running;
    node::Config next;
    running.donate.connections = row.running;
    next.donate.connections = row.next;
    const ReloadDiff diff = diff_for_reload(at_start, running, next);
    const Names name = {"donate.connections"};
    EXPECT_EQ(diff.effective.donate.connections, row.effective);
    EXPECT_EQ(diff.taken_over, row.is_taken_over ? name : Names());
    EXPECT_EQ(diff.need_restart, row.needs_restart ? name : Names());
  }
}

}  // namespace
}  // namespace roost::app
