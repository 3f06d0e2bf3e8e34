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

// And a little more, which is out of reach for those in it that use up their own part.
TokenBucket::Options shared_bucket_options(uint64_t bytes_per_second) {
  TokenBucket::Options options = bucket_options(bytes_per_second);
  options.burst += options.burst / 8;
  return options;
}

uint64_t kept_for_light_ones(uint64_t shared_burst) {
  return shared_burst / 9;
}

// Whoever uses less than its part finds its own bucket nearly full. The last of what it shares with
// others is for those: the heavy ones, who take whatever comes in, would leave them nothing.
bool is_light(const TokenBucket& bucket, const TokenBucket::Options& options, MonoTime now) {
  return bucket.tokens(options, now) >= options.burst / 2;
}

bool take_shared(TokenBucket& bucket, const TokenBucket::Options& options, MonoTime now,
                 uint64_t bytes, bool is_for_light_one) {
  const uint64_t kept = is_for_light_one ? 0 : kept_for_light_ones(options.burst);
  return bucket.tokens(options, now) >= bytes + kept && bucket.take(options, now, bytes);
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
    classes_[i].bucket = TokenBucket(shared_bucket_options(classes_[i].bytes_per_second), now);
  }
  CHECK(sum <= 100);
}

FairShare::Verdict FairShare::grade(MonoTime now, Payer payer, UserMeter& user, Meter& meter,
                                    uint64_t bytes) {
  CHECK(payer != Payer::kService);
  Class& of = classes_[static_cast<size_t>(payer)];
  note_activity(std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count(), of, user,
                meter);
  const uint64_t users_part = of.bytes_per_second / count(of.users);
  const auto part = bucket_options(users_part / count(user.allocations_));
  const auto user_part = shared_bucket_options(users_part);
  const auto class_part = shared_bucket_options(of.bytes_per_second);
  const uint64_t own_limit = options_.allocation_bytes_per_second[static_cast<size_t>(payer)];
  if (!user.has_begun_) {
    user.has_begun_ = true;
    user.committed_ = TokenBucket(user_part, now);
  }
  if (!meter.has_begun_) {
    meter.has_begun_ = true;
    meter.committed_ = TokenBucket(part, now);
    meter.own_ = TokenBucket(bucket_options(own_limit), now);
  }
  if (own_limit != 0 && !meter.own_.take(bucket_options(own_limit), now, bytes)) {
    return Verdict::kOverOwnLimit;
  }
  if (options_.bytes_per_second == 0) return Verdict::kCommitted;
  const bool is_light_one = is_light(meter.committed_, part, now);
  const bool is_light_user = is_light(user.committed_, user_part, now);
  // A part is spent though what it is a part of may have nothing left: otherwise the heavy ones
  // would save it up, and pass for light.
  if (!meter.committed_.take(part, now, bytes)) return Verdict::kExcess;
  if (!take_shared(user.committed_, user_part, now, bytes, is_light_one)) return Verdict::kExcess;
  if (!take_shared(of.bucket, class_part, now, bytes, is_light_user)) return Verdict::kExcess;
  return Verdict::kCommitted;
}

void FairShare::note_activity(int64_t second, Class& of, UserMeter& user, Meter& meter) {
  turn(of.users, second);
  turn(user.allocations_, second);
  if (user.second_ != second) {
    user.second_ = second;
    ++of.users.now_;
  }
  if (meter.second_ != second) {
    meter.second_ = second;
    ++user.allocations_.now_;
  }
}

void FairShare::turn(Activity& activity, int64_t second) {
  if (second == activity.second_) return;
  activity.last_ = second == activity.second_ + 1 ? activity.now_ : 0;
  activity.now_ = 0;
  activity.second_ = second;
}

uint32_t FairShare::count(const Activity& activity) {
  return std::max({uint32_t{1}, activity.now_, activity.last_});
}

}  // namespace roost::core::turn
