// SPDX-License-Identifier: MIT
#pragma once

#include "app/answer.h"
#include "app/command_line.h"

namespace roost::app {

// roost print-config: the configuration that a file (or its absence) amounts to, the defaults, or
// what is generated from the table of options.
Answer print_config(const PrintConfigArguments& arguments);

}  // namespace roost::app
