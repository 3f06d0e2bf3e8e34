// SPDX-License-Identifier: MIT
#pragma once

namespace roost {

// Prints the broken statement with its place on standard error and aborts.
[[noreturn]] void check_failed(const char* statement, const char* file, int line) noexcept;

}  // namespace roost

// An invariant of ours. Stays on in release: a daemon that goes on with a broken table harms its
// peers, one that aborts is restarted by its service manager. Never for what a peer or the
// operator can cause.
#define CHECK(statement)                             \
  (__builtin_expect(static_cast<bool>(statement), 1) \
       ? static_cast<void>(0)                        \
       : ::roost::check_failed(#statement, __FILE__, __LINE__))
