// SPDX-License-Identifier: MIT
#pragma once

namespace bench {

// A descriptor that becomes readable on SIGTERM or SIGINT, or -1.
int open_stop_signal();

}  // namespace bench
