// SPDX-License-Identifier: MIT
#include "core/dht/handout_quality.h"

#include <algorithm>

#include "base/check.h"

namespace roost::core::dht {
namespace {

constexpr std::array kPurposes = {PingPurpose::kQuality15, PingPurpose::kQuality60};
static_assert(kPurposes.size() == HandoutQuality::kAskedAfter.size());

}  // namespace

void HandoutQuality::sample(MonoTime now, const Endpoint& contact) {
  until_next_ = kOneIn;
  if (due_.size() == kSamplesMax) return;  // Each sample has a deadline.
  const auto free = std::find_if(samples_.begin(), samples_.end(),
                                 [](const Sample& sample) { return sample.contact.port == 0; });
  CHECK(free != samples_.end());
  *free = {contact, now};
  due_.set(static_cast<uint32_t>(free - samples_.begin()), now + kAskedAfter[0]);
}

std::optional<HandoutQuality::Question> HandoutQuality::next_question(MonoTime now) {
  while (const auto at = due_.pop_due(now)) {
    Sample& sample = samples_[*at];
    if (sample.asked == kAskedAfter.size()) {  // Whatever was to come has come.
      sample = {};
      continue;
    }
    const size_t stage = sample.asked++;
    sample.is_open = true;
    ++counters_[stage].asked;
    due_.set(*at, sample.asked < kAskedAfter.size()
                      ? sample.handed_out_at + kAskedAfter[sample.asked]
                      : now + kAnswerWithin);
    return Question{sample.contact, kPurposes[stage]};
  }
  return {};
}

void HandoutQuality::answered(PingPurpose purpose, const Endpoint& from) {
  const auto stage = static_cast<size_t>(std::find(kPurposes.begin(), kPurposes.end(), purpose) -
                                         kPurposes.begin());
  for (Sample& sample : samples_) {
    if (sample.contact != from || !sample.is_open || sample.asked != stage + 1) continue;
    sample.is_open = false;
    ++counters_[stage].answered;
  }
}

}  // namespace roost::core::dht
