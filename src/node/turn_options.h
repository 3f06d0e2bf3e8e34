// SPDX-License-Identifier: MIT
#pragma once

#include "core/turn/server.h"
#include "node/config.h"

namespace roost::node {

// The options of the TURN server that this configuration makes.
core::turn::Server::Options turn_options(const Config& config);

}  // namespace roost::node
