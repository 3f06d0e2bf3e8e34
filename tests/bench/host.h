// SPDX-License-Identifier: MIT
#pragma once
// What the bench programs ask of the machine: the time, and a core of their own.

#include <cstdint>

namespace bench {

// CLOCK_MONOTONIC, which is the same clock in every process.
int64_t monotonic_nanoseconds();

// Keeps the calling thread on that core; false with errno set where there is no such core.
[[nodiscard]] bool pin_to_core(int core);

}  // namespace bench
