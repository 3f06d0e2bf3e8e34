// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>

#include "base/time.h"
#include "node/metrics.h"

namespace roost::io {

// How long the loop was busy with one wake-up: what the next event had to wait at most.
class LoopHistogram {
 public:
  void add(Duration busy);
  void write(std::string_view name, std::string_view help, node::MetricsWriter& out) const;

 private:
  static constexpr std::array<double, 10> kBoundsSeconds = {0.00005, 0.0001, 0.00025, 0.0005, 0.001,
                                                            0.0025,  0.005,  0.01,    0.1,    1};

  std::array<uint64_t, kBoundsSeconds.size() + 1> counts_{};
  Duration sum_{};
};

}  // namespace roost::io
