// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/address.h"
#include "base/bounded_map.h"
#include "base/crypto_hash.h"
#include "base/prefix_limiter.h"
#include "node/config.h"

namespace roost::node {

// How many connections there are, in all and per prefix.
class ConnectionAdmission {
 public:
  enum class Refusal : uint8_t { kTotal, kPrefix };  // Also the label of the counter.
  static constexpr size_t kRefusalCount = 2;

  ConnectionAdmission(const Config& config, const SipHashKey& secret);

  // Counts the connection in, or says why not.
  std::optional<Refusal> open(const IpAddress& from);
  // Requires that open() counted it in.
  void close(const IpAddress& from);

  void set_limits(const Config& config);  // Not below what the table was made for.

  uint32_t open_count() const { return open_count_; }
  uint64_t accepted() const { return accepted_; }
  uint64_t refusals(Refusal why) const { return refusals_[static_cast<size_t>(why)]; }
  void check_invariants() const;

  static size_t bytes_for(uint32_t connections);

 private:
  using Table = BoundedMap<PrefixKey, uint32_t, PrefixKeyBytes>;

  uint32_t total_max_;
  uint32_t per_prefix_max_;
  Table by_prefix_;
  uint32_t open_count_ = 0;
  uint64_t accepted_ = 0;
  std::array<uint64_t, kRefusalCount> refusals_{};
};

std::string_view label(ConnectionAdmission::Refusal refusal);

}  // namespace roost::node
