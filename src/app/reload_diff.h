// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>
#include <vector>

#include "node/config.h"

namespace roost::app {

// What a reload of the configuration amounts to, by full names of options.
struct ReloadDiff {
  std::vector<std::string_view> taken_over;
  std::vector<std::string_view> need_restart;
  // What the daemon works with from now on: `next`, but for what needs a restart. An option that
  // still waits for one differs from the file at the next reload too, and is told again.
  node::Config effective;
};

// `at_start` is what the daemon was started with, `running` the `effective` of the last reload.
ReloadDiff diff_for_reload(const node::Config& at_start, const node::Config& running,
                           const node::Config& next);

}  // namespace roost::app
