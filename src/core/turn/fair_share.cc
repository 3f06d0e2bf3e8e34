// SPDX-License-Identifier: MIT
#include "core/turn/fair_share.h"

#include <algorithm>

#include "base/check.h"

namespace roost::core::turn {
namespace {

// A flow that sends one large packet now and then must find it in its bucket however many share.
constexpr uint64_t kBurstBytesMin = 4096;

// A second's worth at once.
TokenBucket::Options bucket_options(uint64_t bytes_per_second) {
  return {std::max<uint64_t>(1, bytes_per_second), std::max(bytes_per_second, kBurstBytesMin)};
}

// And a little more, which is out of reach for flows that use up their own part.
TokenBucket::Options class_bucket_options(uint64_t bytes_per_second) {
  TokenBucket::Options options = bucket_options(bytes_per_second);
  options.burst += options.burst / 8;
  return options;
}

uint64_t kept_for_light_ones(uint64_t class_burst) {
  return class_burst / 9;
}

}  // namespace

FairShare::FairShare(const Options& options, MonoTime now) {
  set_options(options, now);
}

void FairShare::set_options(const Options& options, MonoTime now) {
  options_ = options;
  unsigned sum = 0;
  for (size_t i = 0; i < kPayerCount; ++i) {
    sum += options.percent[i];
    classes_[i].bytes_per_second = options.bytes_per_second / 100 * options.percent[i];
    classes_[i].bucket = TokenBucket(class_bucket_options(classes_[i].bytes_per_second), now);
  }
  CHECK(sum <= 100);
}

FairShare::Verdict FairShare::grade(MonoTime now, Payer payer, Meter& meter, uint64_t bytes) {
  CHECK(payer != Payer::kService);
  turn_the_second(now);
  Class& of = classes_[static_cast<size_t>(payer)];
  const uint64_t part = of.bytes_per_second / active_count(payer);
  if (!meter.has_begun_) {
    meter.has_begun_ = true;
    meter.committed_ = TokenBucket(bucket_options(part), now);
    meter.own_ = TokenBucket(bucket_options(options_.allocation_bytes_per_second), now);
  }
  if (meter.second_ != second_) {
    meter.second_ = second_;
    ++of.active_now;
  }
  if (options_.allocation_bytes_per_second != 0 &&
      !meter.own_.take(bucket_options(options_.allocation_bytes_per_second), now, bytes)) {
    return Verdict::kOverOwnLimit;
  }
  if (options_.bytes_per_second == 0) return Verdict::kCommitted;
  const auto part_options = bucket_options(part);
  const auto class_options = class_bucket_options(of.bytes_per_second);
  // Whoever uses less than its part finds its own bucket nearly full. The last of the class's is
  // for those: the heavy ones, who take whatever comes in, would leave them nothing.
  const bool is_light = meter.committed_.tokens(part_options, now) >= part_options.burst / 2;
  const uint64_t kept = is_light ? 0 : kept_for_light_ones(class_options.burst);
  // The part is spent though the class may have nothing left: otherwise the heavy ones would save
  // it up, and pass for light.
  if (!meter.committed_.take(part_options, now, bytes)) return Verdict::kExcess;
  if (of.bucket.tokens(class_options, now) < bytes + kept) return Verdict::kExcess;
  of.bucket.spend(class_options, now, bytes);
  return Verdict::kCommitted;
}

uint32_t FairShare::active_count(Payer payer) const {
  const Class& of = classes_[static_cast<size_t>(payer)];
  return std::max({uint32_t{1}, of.active_now, of.active_last});
}

void FairShare::turn_the_second(MonoTime now) {
  const int64_t second = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  if (second == second_) return;
  for (Class& of : classes_) {
    of.active_last = second == second_ + 1 ? of.active_now : 0;
    of.active_now = 0;
  }
  second_ = second;
}

}  // namespace roost::core::turn
