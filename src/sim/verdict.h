// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace roost::sim {

// What the oracles of one world have found wrong so far. Goes on after the first fault, so that a
// test sees all of them; keeps the first few in words and counts the rest.
class Verdict {
 public:
  static constexpr size_t kKeptMax = 20;

  void fail(MonoTime at, std::string_view what);

  bool holds() const { return count_ == 0; }
  uint64_t count() const { return count_; }
  const std::vector<std::string>& faults() const { return faults_; }
  std::string text() const;  // One fault a line.

 private:
  std::vector<std::string> faults_;
  uint64_t count_ = 0;
};

}  // namespace roost::sim
