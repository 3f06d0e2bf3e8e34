// SPDX-License-Identifier: MIT
#include "node/turn_options.h"

#include <algorithm>

namespace roost::node {
namespace {

static_assert(kStrangerWorkMax == core::turn::Work::kEffortMax);

// As in a URI (RFC 3986 §3.2.2).
std::string uri_host(const IpAddress& address) {
  return address.is_v4() ? address.text() : '[' + address.text() + ']';
}

}  // namespace

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
  // By core::Payer: our own services have no allocations.
  const bool serves_strangers = relay.stranger_allocations > 0;
  options.authenticator.serves_strangers = serves_strangers;
  options.table.allocations = relay.allocations;
  options.table.allocations_per_class = {0, relay.allocations, relay.allocations,
                                         std::min(relay.allocations, relay.stranger_allocations)};
  options.table.allocations_per_user = {0, relay.allocations_per_user, relay.allocations_per_user,
                                        relay.stranger_allocations_per_user};
  options.table.allocations_per_prefix = relay.allocations_per_prefix;
  options.table.permissions_per_allocation = small(relay.permissions_per_allocation);
  options.table.channels_per_allocation = small(relay.channels_per_allocation);
  options.connections = {relay.connections, small(relay.connections_per_allocation)};
  core::turn::FairShare::Options& share = options.forwarder.share;
  share.bytes_per_second = config.donate.bandwidth_bytes_per_second;
  share.percent = {0, small(relay.friends_percent), small(relay.friends_of_friends_percent),
                   small(relay.strangers_percent)};
  const uint64_t bandwidth = relay.allocation_bandwidth_bytes_per_second;
  share.allocation_bytes_per_second = {0, bandwidth, bandwidth,
                                       relay.stranger_bandwidth_bytes_per_second};
  options.forwarder.bytes_per_allocation = {0, relay.allocation_bytes, relay.allocation_bytes, 0};
  options.forwarder.stranger_bytes_per_period = relay.stranger_bytes;
  options.stranger_period = std::max(relay.stranger_renewal, relay.stranger_time);
  options.forwarder.strangers_need_consent = relay.consent;
  options.session_max[static_cast<size_t>(core::Payer::kStranger)] = relay.stranger_time;
  options.credentials.serves_strangers = serves_strangers;
  options.credentials.work_min = relay.stranger_work;
  options.credentials.lifetime = relay.credentials_lifetime;
  options.credentials.stranger_lifetime = relay.stranger_time;
  options.credentials.port = config.node.port;
  options.credentials.has_certificate = !config.tls.certificate.empty();
  if (!config.node.external_addresses.empty()) {
    options.credentials.host = uri_host(config.node.external_addresses.front());
  }
  options.peers =
      core::turn::PeerPolicy(relay.allow_peers, relay.deny_peers, relay.machine_networks);
  options.lifetime_max = std::max(relay.lifetime_max, core::turn::Server::kLifetimeDefault);
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
