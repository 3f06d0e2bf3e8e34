// SPDX-License-Identifier: MIT
#pragma once
// Counts of durations in nanoseconds, exact to one part in 32.
//
// Each power of two is cut into 32 equal buckets, so the whole range of 64 bits fits 16 KiB and
// recording is a shift and an increment: it never allocates and never loses a value.

#include <array>
#include <cstddef>
#include <cstdint>

namespace bench {

class Histogram {
 public:
  void record(uint64_t nanoseconds);
  void clear();

  uint64_t count() const { return count_; }

  // The middle of the bucket that holds the given share of all values; 0 when nothing was recorded.
  // Requires 0 < share <= 1.
  uint64_t quantile(double share) const;

 private:
  static constexpr unsigned kBucketBits = 5;
  static constexpr size_t kBucketCount = size_t{64} << kBucketBits;

  static size_t bucket_of(uint64_t nanoseconds);
  static uint64_t middle_of(size_t bucket);

  std::array<uint64_t, kBucketCount> counts_{};
  uint64_t count_ = 0;
};

}  // namespace bench
