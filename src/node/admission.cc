// SPDX-License-Identifier: MIT
#include "node/admission.h"

#include <algorithm>

#include "base/check.h"

namespace roost::node {

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
