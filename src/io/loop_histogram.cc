// SPDX-License-Identifier: MIT
#include "io/loop_histogram.h"

namespace roost::io {

void LoopHistogram::add(Duration busy) {
  const double seconds = static_cast<double>(busy.count()) / 1e6;
  size_t bucket = 0;
  while (bucket < kBoundsSeconds.size() && seconds > kBoundsSeconds[bucket]) ++bucket;
  ++counts_[bucket];
  sum_ += busy;
}

void LoopHistogram::write(std::string_view name, std::string_view help,
                          node::MetricsWriter& out) const {
  out.histogram(name, help, kBoundsSeconds, counts_, static_cast<double>(sum_.count()) / 1e6);
}

}  // namespace roost::io
