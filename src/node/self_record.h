// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <chrono>
#include <string_view>

#include "base/bytes.h"
#include "base/crypto_sign.h"
#include "base/time.h"
#include "node/config.h"
#include "wire/node_record.h"

namespace roost::node {

using Role = wire::NodeRole;

// What we call ourselves, here and in STUN where the owner wants it.
inline constexpr std::string_view kSoftware = "roost/" ROOST_VERSION;

// What this node says about itself: its node record, signed as a BEP 44 mutable item.
//
// Made when first asked for and again once it is kAgeMax old or the node has changed, so that a
// thousand requests cost one signature. A stranger can cause nothing but a copy of it.
class SelfRecord {
 public:
  static constexpr std::chrono::minutes kAgeMax{60};
  // How far a record may be ahead of a reader's clock (docs/protocol/node-record.md).
  static constexpr std::chrono::minutes kAheadMax{10};

  // `key` must outlive this.
  explicit SelfRecord(const SigningKey& key) : key_(key) {}

  // As wire::parse_signed_node_record() reads it; valid until the next call of either. Empty while
  // the wall clock is unknown, since the sequence number is the time.
  Bytes signed_bytes(const Now& now, const Config& config, Role role);

  // The node has changed: sign anew when asked next.
  void forget() { size_ = 0; }

 private:
  const SigningKey& key_;
  std::array<uint8_t, wire::kSignedNodeRecordSizeMax> encoded_;
  size_t size_ = 0;
  WallTime made_at_{};
};

}  // namespace roost::node
