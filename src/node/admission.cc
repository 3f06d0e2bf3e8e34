// SPDX-License-Identifier: MIT
#include "node/admission.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace roost::node {
namespace {

TokenBucket::Options rate_options(const Config::Admission& options) {
  const uint64_t rate = options.packets_per_second_per_prefix;
  return {rate, std::max<uint64_t>(1, rate * PacketAdmission::kBurstSeconds)};
}

TokenBucket full_bucket(const TokenBucket::Options& options, MonoTime now) {
  return TokenBucket({std::max<uint64_t>(1, options.rate_per_second), options.burst}, now);
}

size_t entry_count(uint32_t prefixes) {
  return std::max(PacketAdmission::kSetSize, std::bit_ceil(size_t{prefixes}));
}

}  // namespace

PrefixKey prefix_key(const IpAddress& address) {
  constexpr PrefixKey kV4 = PrefixKey{1} << 63;  // A /56 leaves the top eight bits free.
  return address.is_v4() ? kV4 | address.v4_value() >> 8 : address.high() >> 8;
}

PacketAdmission::PacketAdmission(const Config::Admission& options, const SipHashKey& secret,
                                 MonoTime now)
    : rate_(rate_options(options)), secret_(secret) {
  entries_.assign(entry_count(options.prefixes), Entry{0, full_bucket(rate_, now)});
}

bool PacketAdmission::admit(MonoTime now, const IpAddress& from) {
  if (rate_.rate_per_second == 0) return true;
  const PrefixKey key = prefix_key(from);
  const size_t set_count = entries_.size() / kSetSize;
  const size_t set = sip_hash(secret_, PrefixKeyBytes()(key)) & (set_count - 1);
  Entry* const first = &entries_[set * kSetSize];

  Entry* entry =
      std::find_if(first, first + kSetSize, [&](const Entry& e) { return e.key == key; });
  if (entry == first + kSetSize) {
    entry = std::max_element(first, first + kSetSize, [&](const Entry& a, const Entry& b) {
      return a.bucket.tokens(rate_, now) < b.bucket.tokens(rate_, now);
    });
    forgotten_ += entry->bucket.tokens(rate_, now) < rate_.burst;
    *entry = {key, full_bucket(rate_, now)};
  }
  if (entry->bucket.take(rate_, now)) return true;
  ++refused_;
  return false;
}

void PacketAdmission::set_rate(const Config::Admission& options, MonoTime now) {
  rate_ = rate_options(options);
  for (Entry& entry : entries_) entry.bucket = full_bucket(rate_, now);
}

size_t PacketAdmission::bytes_for(uint32_t prefixes) {
  return entry_count(prefixes) * sizeof(Entry);
}

std::string_view label(ConnectionAdmission::Refusal refusal) {
  switch (refusal) {
    case ConnectionAdmission::Refusal::kTotal: return "connections";
    case ConnectionAdmission::Refusal::kPrefix: return "connections_per_prefix";
  }
  return "";
}

ConnectionAdmission::ConnectionAdmission(const Config& config, const SipHashKey& secret)
    : total_max_(config.donate.connections),
      per_prefix_max_(config.admission.connections_per_prefix),
      by_prefix_(config.donate.connections, secret) {}

std::optional<ConnectionAdmission::Refusal> ConnectionAdmission::open(const IpAddress& from) {
  const auto refuse = [this](Refusal why) {
    ++refusals_[static_cast<size_t>(why)];
    return why;
  };
  if (open_count_ >= total_max_) return refuse(Refusal::kTotal);
  uint32_t* const count = by_prefix_.find_or_insert(prefix_key(from), 0);
  CHECK(count != nullptr);  // There are never more prefixes than connections.
  if (*count >= per_prefix_max_) return refuse(Refusal::kPrefix);
  ++*count;
  ++open_count_;
  ++accepted_;
  return {};
}

void ConnectionAdmission::close(const IpAddress& from) {
  uint32_t* const count = by_prefix_.find(prefix_key(from));
  CHECK(count != nullptr && *count > 0 && open_count_ > 0);
  --open_count_;
  if (--*count == 0) by_prefix_.erase(prefix_key(from));
}

void ConnectionAdmission::set_limits(const Config& config) {
  total_max_ =
      static_cast<uint32_t>(std::min<size_t>(config.donate.connections, by_prefix_.capacity()));
  per_prefix_max_ = config.admission.connections_per_prefix;
}

void ConnectionAdmission::check_invariants() const {
  by_prefix_.check_invariants();
  uint64_t sum = 0;
  by_prefix_.for_each([&](PrefixKey, uint32_t count) {
    CHECK(count > 0);
    sum += count;
  });
  CHECK(sum == open_count_);
}

size_t ConnectionAdmission::bytes_for(uint32_t connections) {
  return Table::bytes_for(connections);
}

}  // namespace roost::node
