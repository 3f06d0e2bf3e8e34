// SPDX-License-Identifier: MIT
#include "node/budget.h"

#include <algorithm>
#include <limits>

namespace roost::node {
namespace {

constexpr uint64_t kRateMax = uint64_t{1} << 40;  // What a TokenBucket takes: 8.8 Tbit/s.

TokenBucket::Options rate_options(const Config::Donate& donate) {
  const uint64_t rate = std::min(donate.bandwidth_bytes_per_second, kRateMax);
  return {rate, std::max(rate, Budget::kBurstBytesMin)};
}

// A bucket needs a rate even where nobody asks it.
TokenBucket full_bucket(const TokenBucket::Options& options, MonoTime now) {
  return TokenBucket({std::max<uint64_t>(options.rate_per_second, 1), options.burst}, now);
}

}  // namespace

std::string_view label(Budget::Refusal refusal) {
  switch (refusal) {
    case Budget::Refusal::kBandwidth: return "bandwidth";
    case Budget::Refusal::kMonthly: return "monthly";
  }
  return "";
}

std::string_view label(Budget::MonthState state) {
  switch (state) {
    case Budget::MonthState::kYoung: return "young";
    case Budget::MonthState::kSoftLimit: return "soft_limit";
    case Budget::MonthState::kUsedUp: return "used_up";
  }
  return "";
}

Budget::Budget(const Config::Donate& donate, const Now& now)
    : monthly_bytes_max_(donate.monthly_bytes),
      rate_(rate_options(donate)),
      bucket_(full_bucket(rate_, now.mono)),
      pace_(now.mono) {}

void Budget::restore(const Month& kept) {
  month_ = kept;
  covered_end_ = kept.bytes_sent + 1;
}

Budget::Month Budget::cover() {
  const uint64_t bounded = std::clamp(bytes_sent_, kAheadBytesMin, kAheadBytesMax);
  Month kept = month_;
  if (monthly_bytes_max_ == 0) {
    kept.bytes_sent += bounded;
  } else {
    const uint64_t share = std::max(monthly_bytes_max_ / 100 * kAheadPercentMax, kBurstBytesMin);
    kept.bytes_sent += std::min(bounded, share);
    // Nor is the donation said to be exceeded, unless it is.
    kept.bytes_sent = std::min(kept.bytes_sent, std::max(monthly_bytes_max_, month_.bytes_sent));
  }
  covered_end_ = kept.bytes_sent + 1;
  return kept;
}

std::optional<Budget::Refusal> Budget::take(const Now& now, uint64_t payload_bytes,
                                            core::Grade grade) {
  const uint64_t bytes = payload_bytes + kHeaderBytes;
  turn_the_month(now);
  if (monthly_bytes_max_ != 0 && month_.bytes_sent + bytes > monthly_bytes_max_) {
    return refuse(Refusal::kMonthly);
  }
  if (rate_.rate_per_second != 0) {
    const bool leaves_enough = grade == core::Grade::kCommitted ||
                               bucket_.tokens(rate_, now.mono) >= bytes + reserve(grade);
    if (!leaves_enough || !bucket_.take(rate_, now.mono, bytes)) {
      return refuse(Refusal::kBandwidth);
    }
  }
  month_.bytes_sent += bytes;
  bytes_sent_ += bytes;
  return {};
}

uint64_t Budget::available(const Now& now, core::Grade grade) const {
  uint64_t bytes = std::numeric_limits<uint64_t>::max();
  if (monthly_bytes_max_ != 0) {
    bytes = monthly_bytes_max_ - std::min(monthly_bytes_max_, month_.bytes_sent);
  }
  if (rate_.rate_per_second == 0) return bytes;
  const uint64_t saved = bucket_.tokens(rate_, now.mono);
  return std::min(bytes, saved - std::min(saved, reserve(grade)));
}

bool Budget::covers(const Now& now, uint64_t payload_bytes, core::Grade grade) const {
  const uint64_t bytes = payload_bytes + kHeaderBytes;
  if (monthly_bytes_max_ != 0 && month_.bytes_sent + bytes > monthly_bytes_max_) return false;
  return rate_.rate_per_second == 0 || bucket_.tokens(rate_, now.mono) >= bytes + reserve(grade);
}

void Budget::spend(const Now& now, uint64_t bytes) {
  turn_the_month(now);
  if (rate_.rate_per_second != 0) bucket_.spend(rate_, now.mono, bytes);
  month_.bytes_sent += bytes;
  bytes_sent_ += bytes;
}

bool Budget::has_room(const Now& now) const {
  if (monthly_bytes_max_ != 0 && month_.bytes_sent + kBurstBytesMin > monthly_bytes_max_)
    return false;
  return rate_.rate_per_second == 0 || bucket_.tokens(rate_, now.mono) >= kBurstBytesMin;
}

Budget::MonthState Budget::month_state() const {
  if (is_month_used_up()) return MonthState::kUsedUp;
  return is_month_young() ? MonthState::kYoung : MonthState::kSoftLimit;
}

Budget::Outlook Budget::outlook(const Now& now) const {
  Outlook outlook;
  if (monthly_bytes_max_ != 0) {
    outlook.bytes_left = monthly_bytes_max_ - std::min(monthly_bytes_max_, month_.bytes_sent);
  }
  if (!now.wall) return outlook;
  const std::chrono::seconds left = std::max(std::chrono::seconds(), month_ends_at_ - *now.wall);
  outlook.time_left = left;
  if (is_month_used_up()) {
    outlook.forecast_bytes = month_.bytes_sent;
    outlook.used_up_in = std::chrono::seconds();
    return outlook;
  }
  const auto rest = bytes_to_come(now, left);
  if (!rest) return outlook;
  outlook.forecast_bytes = month_.bytes_sent + *rest;
  if (outlook.bytes_left && *rest > *outlook.bytes_left) {
    const double share = static_cast<double>(*outlook.bytes_left) / static_cast<double>(*rest);
    outlook.used_up_in =
        std::chrono::seconds(static_cast<int64_t>(static_cast<double>(left.count()) * share));
  }
  return outlook;
}

std::optional<uint64_t> Budget::bytes_to_come(const Now& now, std::chrono::seconds span) const {
  if (const auto bytes = pace_.bytes_in(span, now.mono, bytes_sent_)) return bytes;
  const bool has_earlier_run = month_.bytes_sent > bytes_sent_;
  const std::chrono::seconds elapsed = *now.wall - month_begins_at_;
  if (!has_earlier_run || elapsed < Pace::kRunMin) return {};
  return extrapolate(month_.bytes_sent, elapsed, span);
}

void Budget::set_donation(const Config::Donate& donate, const Now& now) {
  monthly_bytes_max_ = donate.monthly_bytes;
  rate_ = rate_options(donate);
  bucket_ = full_bucket(rate_, now.mono);
}

std::optional<Budget::Refusal> Budget::refuse(Refusal why) {
  ++refusals_[static_cast<size_t>(why)];
  return why;
}

void Budget::turn_the_month(const Now& now) {
  if (!now.wall || *now.wall < month_ends_at_) return;
  const std::chrono::year_month_day today(std::chrono::floor<std::chrono::days>(*now.wall));
  const int32_t number =
      12 * static_cast<int>(today.year()) + static_cast<int>(unsigned{today.month()}) - 1;
  month_begins_at_ = std::chrono::sys_days(today.year() / today.month() / 1);
  month_ends_at_ =
      std::chrono::sys_days((today.year() / today.month() + std::chrono::months(1)) / 1);
  // A clock that was set back must not give the month away twice.
  if (number <= month_.month) return;
  month_ = {number, month_.month == 0 ? month_.bytes_sent : 0};
  covered_end_ = 0;  // Of another month.
}

}  // namespace roost::node
