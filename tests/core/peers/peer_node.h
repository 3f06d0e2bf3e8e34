// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/check.h"
#include "base/crypto_sign.h"
#include "base/endpoint.h"
#include "base/time.h"
#include "wire/node_record.h"

namespace roost::core::peers {

inline constexpr WallTime kWall = kWallTimeMin + std::chrono::hours(24);

// A node that others have heard of: its key, and what it says of itself.
class PeerNode {
 public:
  PeerNode(uint32_t number, const Endpoint& at) : key_(seed_of(number)), address(at) {}

  const PublicKey& key() const { return key_.public_key(); }

  // Signed at that time; valid until the next call.
  wire::MutableItem record(WallTime at = kWall, wire::NodeRole role = wire::NodeRole::kSupernode) {
    wire::NodeRecord record;
    record.role = role;
    CHECK(record.udp.add(address));
    if (other_address.port != 0) CHECK(record.udp.add(other_address));
    return sign(at, record);
  }

  wire::MutableItem sign(WallTime at, const wire::NodeRecord& record) {
    std::array<uint8_t, wire::kNodeRecordSizeMax> buffer;
    return sign(at, as_text(wire::encode(record, buffer)));
  }
  wire::MutableItem sign(WallTime at, std::string_view value) {
    value_ = value;
    return wire::sign_node_record(key_, at.time_since_epoch().count(), as_bytes(value_));
  }

  // What the same key may have signed for another purpose.
  wire::MutableItem sign_without_salt(WallTime at) {
    const wire::MutableItem item = record(at);
    return wire::sign_mutable_item(key_, item.seq, {}, item.value);
  }

 private:
  static SigningKey::Seed seed_of(uint32_t number) {
    std::array<uint8_t, 32> seed{};
    store_u32(seed.data(), number);
    return SigningKey::Seed(seed);
  }

  SigningKey key_;
  std::string value_;

 public:
  Endpoint address;
  Endpoint other_address{};
};

// Of a network of its own for each number.
inline IpAddress spread(uint32_t number) {
  return IpAddress::v4(0x0b000000 + (number << 16) + 0x0101);
}

}  // namespace roost::core::peers
