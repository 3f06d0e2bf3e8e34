// SPDX-License-Identifier: MIT
#include "core/turn/work.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/bytes.h"
#include "base/check.h"
#include "base/prefix_limiter.h"
#include "base/text.h"

namespace roost::core::turn {
namespace {

// Where others wait for what strangers hold.
constexpr unsigned kTakenPercentMax = 75;
constexpr unsigned kRise = 2;  // Bits a window: four times the work.
constexpr uint16_t kLifetimeMinutes = 2;
static_assert(Work::kChallengeLifetime == std::chrono::minutes(kLifetimeMinutes));

uint16_t minute_of(MonoTime now) {
  return static_cast<uint16_t>(
      std::chrono::floor<std::chrono::minutes>(now.time_since_epoch()).count());
}

unsigned leading_zero_bits(const Sha256Digest& digest) {
  unsigned bits = 0;
  for (const uint8_t byte : digest) {
    bits += static_cast<unsigned>(std::countl_zero(byte));
    if (byte != 0) break;
  }
  return bits;
}

}  // namespace

Work::Work(const SipHashKey& secret, unsigned effort_min, MonoTime now)
    : secret_(secret), effort_min_(effort_min), effort_(effort_min), window_begin_(now) {
  CHECK(effort_min <= kEffortMax);
}

void Work::set_effort_min(unsigned effort_min) {
  effort_min_ = effort_min;
  effort_ = std::max(effort_, effort_min);
}

void Work::note_request(MonoTime now, unsigned taken_percent) {
  // Windows in which nobody asked have let it fall; there is no timer for them.
  while (now - window_begin_ >= kWindow) {
    const bool is_busy = asker_count_ > kAskersPerWindow || taken_percent > kTakenPercentMax;
    if (is_busy) {
      effort_ = std::min(std::max(effort_ + kRise, kEffortFirst), kEffortMax);
    } else {
      effort_ = effort_ <= kEffortFirst ? effort_min_ : std::max(effort_ - 1, effort_min_);
    }
    asker_count_ = 0;
    const bool is_at_rest = !is_busy && effort_ == effort_min_;
    window_begin_ = is_at_rest ? now : window_begin_ + kWindow;
    if (is_at_rest) break;
    taken_percent = 0;  // Of the windows before nothing is known.
  }
}

void Work::note_given(const IpAddress& from) {
  const auto end = askers_.begin() + asker_count_;
  const PrefixKey prefix = prefix_key(from, PrefixWidth::kSite);
  const bool is_new = std::find(askers_.begin(), end, prefix) == end;
  if (is_new && asker_count_ < askers_.size()) askers_[asker_count_++] = prefix;
}

// minute (2) | effort (1) | keyed hash (8), in base64url
std::string Work::make(uint16_t minute, uint8_t effort, const IpAddress& from) const {
  std::array<uint8_t, 11> hashed;
  store_u64(hashed.data(), prefix_key(from, PrefixWidth::kSite));
  store_u16(hashed.data() + 8, minute);
  hashed[10] = effort;
  std::array<uint8_t, 11> bytes;
  store_u16(bytes.data(), minute);
  bytes[2] = effort;
  store_u64(bytes.data() + 3, sip_hash(secret_, hashed));
  return to_base64url(bytes);
}

std::string Work::challenge(MonoTime now, const IpAddress& from) const {
  return make(minute_of(now), static_cast<uint8_t>(effort_), from);
}

bool Work::is_solved(MonoTime now, const IpAddress& from, std::string_view answer) const {
  const size_t dot = answer.find('.');
  if (dot == answer.npos || answer.size() - dot - 1 > kSolutionSizeMax) return false;
  const std::string_view challenge = answer.substr(0, dot);
  const auto bytes = from_base64url(challenge);
  if (!bytes || bytes->size() != 11) return false;
  const uint16_t minute = load_u16(bytes->data());
  const uint8_t effort = (*bytes)[2];
  // The subtraction wraps as the minutes do.
  if (static_cast<uint16_t>(minute_of(now) - minute) > kLifetimeMinutes) return false;
  const bool is_ours =
      same_bytes_constant_time(as_bytes(make(minute, effort, from)), as_bytes(challenge));
  return is_ours && leading_zero_bits(sha256(as_bytes(answer))) >= effort;
}

}  // namespace roost::core::turn
