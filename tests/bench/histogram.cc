// SPDX-License-Identifier: MIT
#include "histogram.h"

#include <bit>
#include <cmath>

namespace bench {

void Histogram::record(uint64_t nanoseconds) {
  ++counts_[bucket_of(nanoseconds)];
  ++count_;
}

void Histogram::clear() {
  counts_.fill(0);
  count_ = 0;
}

uint64_t Histogram::quantile(double share) const {
  const auto rank = static_cast<uint64_t>(std::ceil(share * static_cast<double>(count_)));
  uint64_t seen = 0;
  for (size_t bucket = 0; bucket < kBucketCount; ++bucket) {
    seen += counts_[bucket];
    if (seen >= rank && seen > 0) return middle_of(bucket);
  }
  return 0;
}

size_t Histogram::bucket_of(uint64_t nanoseconds) {
  const auto width = static_cast<unsigned>(std::bit_width(nanoseconds));
  if (width <= kBucketBits + 1) return nanoseconds;  // Small values have a bucket each.
  const unsigned shift = width - kBucketBits - 1;
  return (size_t{shift} << kBucketBits) + static_cast<size_t>(nanoseconds >> shift);
}

uint64_t Histogram::middle_of(size_t bucket) {
  if (bucket < size_t{2} << kBucketBits) return bucket;
  const auto shift = static_cast<unsigned>((bucket >> kBucketBits) - 1);
  const uint64_t lowest = (bucket - (size_t{shift} << kBucketBits)) << shift;
  return lowest + (uint64_t{1} << shift) / 2;
}

}  // namespace bench
