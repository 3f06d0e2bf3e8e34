// SPDX-License-Identifier: MIT
#pragma once

#include "app/command_line.h"

namespace roost::app {

// roost serve: runs the daemon in the foreground until SIGTERM or SIGINT. Returns the exit code:
// kExitUsage if the configuration has problems, kExitFailure if the daemon cannot start.
int serve(const ServeArguments& arguments);

}  // namespace roost::app
