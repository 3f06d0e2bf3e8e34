// SPDX-License-Identifier: MIT
#pragma once

#include "app/answer.h"
#include "app/command_line.h"

namespace roost::app {

// roost peers: asks the running daemon which supernodes it knows, and shows a table, or its JSON.
Answer show_peers(const PeersArguments& arguments);

}  // namespace roost::app
