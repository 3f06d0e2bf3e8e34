// SPDX-License-Identifier: MIT
#include "node/self_record.h"

#include <algorithm>
#include <limits>

#include "base/check.h"

namespace roost::node {
namespace {

// What a leaf serves is for its own network; it asks the world for nothing and offers it nothing.
wire::NodeRecord describe(const Config& config, Role role) {
  wire::NodeRecord record;
  record.role = role;
  const uint64_t bandwidth = config.donate.bandwidth_bytes_per_second;
  record.capacity_class =
      wire::capacity_class(bandwidth == 0 ? std::numeric_limits<uint64_t>::max() : bandwidth);
  CHECK(record.software.assign(kSoftware));
  if (role == Role::kLeaf) return record;
  if (config.stun.enabled) record.offer(wire::NodeService::kStun);
  if (config.relay.enabled) record.offer(wire::NodeService::kTurn);
  if (config.dht.enabled) record.offer(wire::NodeService::kDht);
  for (const IpAddress& address : config.node.external_addresses) {
    const Endpoint endpoint{address, config.node.port};
    // Once the list is full the rest is left out: the owner named the preferred ones first.
    const bool all_fit =
        record.udp.add(endpoint) && record.tcp.add(endpoint) && record.tls.add(endpoint);
    if (!all_fit) break;
  }
  return record;
}

}  // namespace

Bytes SelfRecord::signed_bytes(const Now& now, const Config& config, Role role) {
  if (!now.wall) return {};
  // A record from further ahead was made under a wrong clock, and readers refuse it.
  if (made_at_ > *now.wall + kAheadMax) made_at_ = WallTime();
  const bool is_fresh = size_ > 0 && made_at_ != WallTime() && *now.wall < made_at_ + kAgeMax;
  if (!is_fresh) {
    // Readers keep the highest sequence number, so ours rises even if the clock was set back a bit.
    made_at_ = std::max(*now.wall, made_at_ + std::chrono::seconds(1));
    const int64_t seq = made_at_.time_since_epoch().count();
    std::array<uint8_t, wire::kNodeRecordSizeMax> buffer;
    const Bytes value = wire::encode(describe(config, role), buffer);
    const wire::MutableItem item = wire::sign_node_record(key_, seq, value);
    size_ = wire::encode_signed_node_record(item, encoded_).size();
    CHECK(size_ > 0);
  }
  return Bytes(encoded_).first(size_);
}

}  // namespace roost::node
