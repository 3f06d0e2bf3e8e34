// SPDX-License-Identifier: MIT
#pragma once

#include "app/answer.h"
#include "app/command_line.h"

namespace roost::app {

// Makes, lists or revokes grants in the node's state directory; a node that runs notices at once.
Answer change_grants(const GrantArguments& arguments);

}  // namespace roost::app
