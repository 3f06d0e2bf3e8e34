// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace roost::app {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;  // It was understood, and did not work out.
inline constexpr int kExitUsage = 2;    // The command line or the configuration has to change.

// What a command that only computes has to say. Commands return it, so that tests read it.
struct Answer {
  int exit_code = kExitOk;
  std::string text;  // Whole lines.
};

// Writes the text to standard output if the exit code is kExitOk, else to standard error, and
// returns the exit code: kExitFailure if the text could not be written.
int print(const Answer& answer);

}  // namespace roost::app
