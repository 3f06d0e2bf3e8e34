// SPDX-License-Identifier: MIT
#pragma once

#include "app/command_line.h"

namespace roost::app {

// roost probe turn:…: tests a TURN server from end to end, and prints what it has found. Returns
// the exit code: kExitFailure if the relay does not work; kExitUsage if there are no credentials to
// ask it with.
int run_turn_probe(const ProbeArguments& arguments);

}  // namespace roost::app
