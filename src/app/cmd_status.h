// SPDX-License-Identifier: MIT
#pragma once

#include "app/answer.h"
#include "app/command_line.h"

namespace roost::app {

// roost status: asks the running daemon and shows a table, or its JSON as it came.
Answer show_status(const StatusArguments& arguments);

}  // namespace roost::app
