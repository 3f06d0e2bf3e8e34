// SPDX-License-Identifier: MIT
#include "node/turn_options.h"

#include <algorithm>

namespace roost::node {

core::turn::Server::Options turn_options(const Config& config) {
  const Config::Relay& relay = config.relay;
  const auto small = [](uint32_t count) {
    return static_cast<uint8_t>(std::min<uint32_t>(count, UINT8_MAX));
  };
  core::turn::Server::Options options;
  options.authenticator.realm = relay.realm;
  for (const Config::Relay::User& user : relay.users) {
    options.authenticator.users.push_back({user.name, user.password});
  }
  options.authenticator.shared_secret = relay.shared_secret;
  options.table = {relay.allocations, relay.allocations_per_user, relay.allocations_per_prefix,
                   small(relay.permissions_per_allocation), small(relay.channels_per_allocation)};
  options.share.bytes_per_second = config.donate.bandwidth_bytes_per_second;
  options.share.percent = {0, small(relay.friends_percent), small(relay.friends_of_friends_percent),
                           small(relay.strangers_percent)};
  options.share.allocation_bytes_per_second = relay.allocation_bandwidth_bytes_per_second;
  options.peers =
      core::turn::PeerPolicy(relay.allow_peers, relay.deny_peers, relay.machine_networks);
  options.lifetime_max = std::max(relay.lifetime_max, core::turn::Server::kLifetimeDefault);
  options.bytes_per_allocation = relay.allocation_bytes;
  options.addresses.relay = relay.addresses;
  options.addresses.external = config.node.external_addresses;
  options.addresses.own = relay.machine_addresses;
  for (const IpAddress& address : config.node.listen) {
    if (!address.is_unspecified()) options.addresses.own.push_back(address);
  }
  options.addresses.own_ports = {config.node.port, config.stun.discovery_port};
  if (config.metrics.listen) options.addresses.own_ports.push_back(config.metrics.listen->port);
  return options;
}

}  // namespace roost::node
