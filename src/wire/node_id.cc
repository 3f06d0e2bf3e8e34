// SPDX-License-Identifier: MIT
#include "wire/node_id.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/crypto_hash.h"

namespace roost::wire {
namespace {

constexpr uint32_t kV4Mask = 0x030f3fff;
constexpr uint64_t kV6Mask = 0x0103070f1f3f7fff;  // Of the upper half: a /64 counts as one.
constexpr uint8_t kChoiceMask = 7;
constexpr uint32_t kPrefixMask = 0xfffff800;  // 21 bits.

// The first 32 bits of an ID, of which kPrefixMask counts.
uint32_t prefix_of(const IpAddress& address, uint8_t choice) {
  std::array<uint8_t, 8> bytes;
  if (address.is_v4()) {
    store_u32(bytes.data(), (address.v4_value() & kV4Mask) | uint32_t{choice} << 29);
    return crc32c(Bytes(bytes).first(4)) & kPrefixMask;
  }
  store_u64(bytes.data(), (address.high() & kV6Mask) | uint64_t{choice} << 61);
  return crc32c(bytes) & kPrefixMask;
}

}  // namespace

std::optional<NodeId> read_node_id(Bytes bytes) {
  NodeId id;
  if (bytes.size() != id.size()) return {};
  std::copy(bytes.begin(), bytes.end(), id.begin());
  return id;
}

int compare_distance(const NodeId& target, const NodeId& a, const NodeId& b) {
  for (size_t i = 0; i < target.size(); ++i) {
    if (a[i] == b[i]) continue;
    return (a[i] ^ target[i]) < (b[i] ^ target[i]) ? -1 : 1;
  }
  return 0;
}

unsigned common_bits(const NodeId& a, const NodeId& b) {
  for (unsigned i = 0; i < a.size(); ++i) {
    const auto difference = static_cast<uint8_t>(a[i] ^ b[i]);
    if (difference != 0) return i * 8 + static_cast<unsigned>(std::countl_zero(difference));
  }
  return 160;
}

NodeId conforming_node_id(const IpAddress& address, const NodeId& random) {
  NodeId id = random;
  const uint32_t prefix = prefix_of(address, id.back() & kChoiceMask);
  store_u32(id.data(), prefix | (load_u32(id.data()) & ~kPrefixMask));
  return id;
}

bool conforms(const NodeId& id, const IpAddress& address) {
  return (load_u32(id.data()) & kPrefixMask) == prefix_of(address, id.back() & kChoiceMask);
}

}  // namespace roost::wire
