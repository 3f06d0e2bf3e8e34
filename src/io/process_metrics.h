// SPDX-License-Identifier: MIT
#pragma once

#include "node/metrics.h"

namespace roost::io {

// The process as the kernel sees it, under the names that every Prometheus client library uses.
void write_process_metrics(node::MetricsWriter& out);

}  // namespace roost::io
