// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "node/node.h"

namespace roost::app {

// The supernodes that the node knows, and what speaks for each, as one JSON object: /peers.json of
// the admin listener. Ages are in seconds; null is never.
std::string peers_json(const node::Node& node, MonoTime now);

}  // namespace roost::app
