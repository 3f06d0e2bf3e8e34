// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/address.h"
#include "base/bytes.h"

namespace roost::wire {

// What the Mainline DHT names nodes, torrents and items by (BEP 5, BEP 44): 160 bits, in one space.
using NodeId = std::array<uint8_t, 20>;

// Requires that `bytes` are as many; empty otherwise.
std::optional<NodeId> read_node_id(Bytes bytes);

// Which of the two is nearer to `target` by the XOR metric: less than 0 for `a`, 0 if they are the
// same.
int compare_distance(const NodeId& target, const NodeId& a, const NodeId& b);
// How many leading bits the two have in common, at most 160.
unsigned common_bits(const NodeId& a, const NodeId& b);

// BEP 42: an address may only name itself by eight prefixes of 21 bits, so that who wants to sit
// near a target needs many addresses. The three lowest bits of the last byte say which of them.
//
// For `address`, with the random bits from `random`: the first 21 bits and the last byte's lowest
// three are replaced or kept so that it conforms.
NodeId conforming_node_id(const IpAddress& address, const NodeId& random);
// Addresses that are not globally reachable are exempt there, and are a matter of policy here: this
// only computes.
bool conforms(const NodeId& id, const IpAddress& address);

}  // namespace roost::wire
