// SPDX-License-Identifier: MIT
#pragma once

#include "app/command_line.h"

namespace roost::app {

// roost probe URI: asks a STUN server for our address, and prints a line per request as it is
// answered. Returns the exit code: kExitFailure unless every request was answered.
int run_probe(const ProbeArguments& arguments);

}  // namespace roost::app
