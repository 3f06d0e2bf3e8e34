// SPDX-License-Identifier: MIT
#pragma once

#include "app/answer.h"
#include "app/command_line.h"

namespace roost::app {

// roost check-config FILE: "FILE: ok (3 options set)", or all problems and kExitUsage.
Answer check_config(const CheckConfigArguments& arguments);

}  // namespace roost::app
