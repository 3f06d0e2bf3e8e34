// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/result.h"
#include "wire/mutable_item.h"

namespace roost::wire {

// What a node says about itself: docs/protocol/node-record.md. The value of a mutable item (BEP 44)
// that the node signs, with the time in seconds as its sequence number.
//
//   c  capacity class 0..3              s    services by name
//   p  protocol version                 tcp  addresses, 6 bytes (IPv4) or 18 bytes (IPv6) each
//   r  role by name                     tls  the same
//   v  software and its version         udp  the same
//
// One canonical dictionary, in which all but `p` may be missing. Newer nodes may say more: keys,
// services and roles that this node does not know are read as if they were not there.
//
// A signature proves who said it, not that it is true. An address is believed once it was tested,
// and connected to only if the reader's own rules (is_globally_reachable, unless it is a LAN's
// record) allow it: otherwise a record could point a thousand readers at a third party.

inline constexpr size_t kNodeRecordSizeMax = 1000;    // The most that a mutable item may hold.
inline constexpr size_t kNodeRecordAddressesMax = 8;  // Each transport: two families, four uplinks.
inline constexpr size_t kNodeRecordSoftwareSizeMax = 32;
inline constexpr uint16_t kNodeProtocolVersion = 1;

enum class NodeRole : uint8_t { kLeaf, kCandidate, kSupernode, kDraining };
inline constexpr size_t kNodeRoleCount = 4;
std::string_view label(NodeRole role);

enum class NodeService : uint8_t { kStun, kTurn, kDht };
inline constexpr size_t kNodeServiceCount = 3;
std::string_view label(NodeService service);

// The donated bandwidth as a power of ten: 0 below 1 Mbit/s, 1 below 10, 2 below 100, 3 from there.
inline constexpr uint8_t kCapacityClassMax = 3;
uint8_t capacity_class(uint64_t bytes_per_second);

// The addresses of one transport, the preferred one first.
class NodeAddresses {
 public:
  // False, and nothing is added, when the list is full or the endpoint names nobody: port 0, or the
  // unspecified address.
  [[nodiscard]] bool add(const Endpoint& endpoint);
  std::span<const Endpoint> endpoints() const { return {endpoints_.data(), size_}; }

  friend bool operator==(const NodeAddresses&, const NodeAddresses&) = default;

 private:
  std::array<Endpoint, kNodeRecordAddressesMax> endpoints_;
  size_t size_ = 0;
};

// Such as "roost/0.1.0"; may be empty.
class NodeSoftware {
 public:
  // False, and nothing changes, when the text is too long or not printable ASCII.
  [[nodiscard]] bool assign(std::string_view text);
  std::string_view text() const { return {text_.data(), size_}; }

  friend bool operator==(const NodeSoftware&, const NodeSoftware&) = default;

 private:
  std::array<char, kNodeRecordSoftwareSizeMax> text_{};
  size_t size_ = 0;
};

struct NodeRecord {
  uint16_t protocol_version = kNodeProtocolVersion;
  NodeRole role = NodeRole::kLeaf;
  uint8_t capacity_class = 0;
  std::bitset<kNodeServiceCount> services;  // By NodeService.
  NodeAddresses udp;
  NodeAddresses tcp;
  NodeAddresses tls;
  NodeSoftware software;

  void offer(NodeService service) { services.set(static_cast<size_t>(service)); }
  bool offers(NodeService service) const { return services.test(static_cast<size_t>(service)); }

  friend bool operator==(const NodeRecord&, const NodeRecord&) = default;
};

enum class NodeRecordError : uint8_t {  // Also the label of a drop counter.
  kTooLarge,
  kNotCanonical,  // Not bencoding, or keys out of order.
  kBadProtocolVersion,
  kBadRole,
  kBadCapacityClass,
  kBadServices,
  kBadAddresses,
  kBadSoftware,
};
inline constexpr size_t kNodeRecordErrorCount = 8;
std::string_view label(NodeRecordError error);

// Empty when it does not fit; kNodeRecordSizeMax bytes always do. Requires a protocol version of at
// least 1 and a capacity class of at most kCapacityClassMax.
Bytes encode(const NodeRecord& record, MutableBytes buffer);

// A value of the wrong type or out of its bounds refuses the whole record; so does an address that
// names nobody, or an IPv4 address in the form of an IPv6 one. A capacity class above
// kCapacityClassMax counts as that, an unknown role as kLeaf: nothing is to be asked of the node.
Result<NodeRecord, NodeRecordError> parse_node_record(Bytes bytes);

// Records are signed under this salt, so that a node's record has a place in the DHT that nothing
// else has which the same key may sign, such as a pkarr packet.
inline constexpr std::string_view kNodeRecordSalt = "roost";

// A record with its signature as bytes of its own. The salt is known and not written.
inline constexpr size_t kSignedNodeRecordSizeMax =
    sizeof("d1:k32:3:seqi9223372036854775807e3:sig64:1:ve") - 1 + sizeof(PublicKey) +
    sizeof(Signature) + kNodeRecordSizeMax;

// Requires seq >= 0, and `record` to be an encoded one, which the item borrows.
MutableItem sign_node_record(const SigningKey& key, int64_t seq, Bytes record);

// Empty when it does not fit, or when parse_signed_node_record() would refuse it.
Bytes encode_signed_node_record(const MutableItem& item, MutableBytes buffer);

// As parse_mutable_item(), but that the salt is kNodeRecordSalt, whatever the bytes say of one.
// Judges neither the signature nor the record.
Result<MutableItem, MutableItemError> parse_signed_node_record(Bytes bytes);

}  // namespace roost::wire
