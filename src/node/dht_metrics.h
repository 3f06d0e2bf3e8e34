// SPDX-License-Identifier: MIT
#pragma once

#include "node/metrics.h"
#include "node/node.h"

namespace roost::node {

// Everything that the DHT server counts; nothing where it is off.
void write_dht_metrics(const Node& node, const Now& now, MetricsWriter& out);

}  // namespace roost::node
