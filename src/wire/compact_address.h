// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>

#include "base/bytes.h"
#include "base/cursor.h"
#include "base/endpoint.h"
#include "wire/node_id.h"

namespace roost::wire {

// How the BitTorrent world writes transport addresses (BEP 5, BEP 32): the address and the port in
// network byte order, 6 bytes of IPv4 or 18 of IPv6; and nodes, with their ID in front.
inline constexpr size_t kCompactV4Size = 6;
inline constexpr size_t kCompactV6Size = 18;
inline constexpr size_t kCompactNodeV4Size = 20 + kCompactV4Size;
inline constexpr size_t kCompactNodeV6Size = 20 + kCompactV6Size;

constexpr size_t compact_size(const IpAddress& address) {
  return address.is_v4() ? kCompactV4Size : kCompactV6Size;
}

void write_compact(Writer& writer, const Endpoint& endpoint);
// Empty unless `bytes` are 6 or 18, or when they are an IPv4 address in the form of an IPv6 one,
// which has a form of its own. Any port, any address.
std::optional<Endpoint> read_compact(Bytes bytes);

struct CompactNode {
  NodeId id{};
  Endpoint endpoint;

  friend bool operator==(const CompactNode&, const CompactNode&) = default;
};

void write_compact(Writer& writer, const CompactNode& node);
// Calls `visit(const CompactNode&)` for each entry of `entry_size` bytes (one of the two above);
// what is behind the last whole entry, and entries that read_compact() refuses, are left out.
template <typename Visit>
void for_each_compact_node(Bytes nodes, size_t entry_size, Visit visit) {
  for (; nodes.size() >= entry_size; nodes = nodes.subspan(entry_size)) {
    const auto id = read_node_id(nodes.first(20));
    const auto endpoint = read_compact(nodes.subspan(20, entry_size - 20));
    if (id && endpoint) visit(CompactNode{*id, *endpoint});
  }
}

}  // namespace roost::wire
