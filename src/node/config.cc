// SPDX-License-Identifier: MIT
#include "node/config.h"

#include <algorithm>

#include "core/outbox.h"
#include "node/admission.h"
#include "node/dht_options.h"
#include "node/dht_service.h"
#include "node/turn_options.h"

namespace roost::node {
namespace {

constexpr Prefix kLoopbackV4 = {IpAddress::v4(0x7f000000), 104};
constexpr IpAddress kLoopbackV6(0, 1);

bool is_loopback(const IpAddress& address) {
  return kLoopbackV4.contains(address) || address == kLoopbackV6;
}

void check_listen(const Config& config, std::vector<ConfigProblem>& problems) {
  if (config.node.listen.empty()) {
    problems.push_back({"node.listen", "is empty: name at least one address, for example \"::\""});
  }
  for (size_t i = 0; i < config.node.listen.size(); ++i) {
    const auto begin = config.node.listen.begin();
    if (std::find(begin, begin + static_cast<ptrdiff_t>(i), config.node.listen[i]) ==
        begin + static_cast<ptrdiff_t>(i)) {
      continue;
    }
    problems.push_back({"node.listen", "names " + config.node.listen[i].text() + " twice"});
  }
}

void check_external_addresses(const Config& config, std::vector<ConfigProblem>& problems) {
  for (const IpAddress& address : config.node.external_addresses) {
    if (!address.is_unspecified()) continue;
    problems.push_back({"node.external_addresses",
                        address.text() + " is no address that anybody can be reached at"});
  }
}

void check_tls(const Config& config, std::vector<ConfigProblem>& problems) {
  if (config.tls.certificate.empty() == config.tls.key.empty()) return;
  const bool lacks_key = config.tls.key.empty();
  problems.push_back({lacks_key ? "tls.key" : "tls.certificate",
                      "is missing: a certificate and its key go together"});
}

void check_discovery(const Config& config, std::vector<ConfigProblem>& problems) {
  const auto& addresses = config.stun.discovery_addresses;
  if (addresses.empty()) return;
  const auto v4_count = std::count_if(addresses.begin(), addresses.end(),
                                      [](const IpAddress& a) { return a.is_v4(); });
  const auto v6_count = static_cast<ptrdiff_t>(addresses.size()) - v4_count;
  const bool counts_fit = (v4_count == 0 || v4_count == 2) && (v6_count == 0 || v6_count == 2);
  if (!counts_fit) {
    problems.push_back({"stun.discovery_addresses",
                        "needs two addresses of a family: NAT behaviour discovery (RFC 5780) "
                        "answers from both"});
  }
  for (size_t i = 0; i < addresses.size(); ++i) {
    if (addresses[i].is_unspecified()) {
      problems.push_back(
          {"stun.discovery_addresses", addresses[i].text() + " is not an address of this machine"});
    }
    for (size_t j = 0; j < i; ++j) {
      if (addresses[i] == addresses[j]) {
        problems.push_back({"stun.discovery_addresses", "names " + addresses[i].text() + " twice"});
      }
    }
    const auto& listen = config.node.listen;
    const IpAddress wildcard = addresses[i].is_v4() ? IpAddress::v4(0) : IpAddress();
    const auto listens_on = [&](const IpAddress& address) {
      return std::find(listen.begin(), listen.end(), address) != listen.end();
    };
    if (!listens_on(wildcard) && !listens_on(addresses[i])) {
      problems.push_back(
          {"stun.discovery_addresses", addresses[i].text() + " is not among node.listen"});
    }
  }
  if (config.stun.discovery_port == config.node.port) {
    problems.push_back({"stun.discovery_port", "must differ from node.port"});
  }
}

void check_relay(const Config& config, std::vector<ConfigProblem>& problems) {
  const Config::Relay& relay = config.relay;
  const uint64_t percent =
      uint64_t{relay.friends_percent} + relay.friends_of_friends_percent + relay.strangers_percent;
  if (percent > 100) {
    problems.push_back(
        {"relay.friends_percent", "makes " + std::to_string(percent) +
                                      " % with relay.friends_of_friends_percent and "
                                      "relay.strangers_percent; at most 100 can be shared"});
  }
  if (relay.port_min > relay.port_max) {
    problems.push_back({"relay.port_min", "is above relay.port_max: there is no port between"});
  }
  for (size_t i = 0; i < relay.users.size(); ++i) {
    if (relay.users[i].name.empty() || relay.users[i].password.empty()) {
      problems.push_back({"relay.users", "has a user without a name or a password"});
    }
  }
}

void check_metrics(const Config& config, std::vector<ConfigProblem>& problems) {
  const auto& listen = config.metrics.listen;
  if (!config.metrics.listen_path.empty() || !listen) return;
  if (is_loopback(listen->address) || config.metrics.allow_public) return;
  problems.push_back({"metrics.listen",
                      listen->text() +
                          " is reachable from other machines; the admin listener has no password. "
                          "If a firewall guards it, set metrics.allow_public = true as well"});
}

void check_memory(const Config& config, std::vector<ConfigProblem>& problems) {
  const uint64_t needed = total_bytes(memory_plan(config));
  if (needed <= config.donate.memory_bytes) return;
  problems.push_back(
      {"donate.memory",
       "is too small for donate.connections, admission.prefixes, relay.allocations, dht.peers "
       "and dht.items, "
       "which need " +
           std::to_string(needed) + " bytes"});
}

}  // namespace

std::vector<ConfigProblem> find_problems(const Config& config) {
  std::vector<ConfigProblem> problems;
  check_listen(config, problems);
  check_external_addresses(config, problems);
  check_tls(config, problems);
  check_discovery(config, problems);
  check_relay(config, problems);
  check_metrics(config, problems);
  check_memory(config, problems);
  return problems;
}

std::vector<MemoryUse> memory_plan(const Config& config) {
  return {
      {"connections", config.donate.connections * kConnectionBytes +
                          ConnectionAdmission::bytes_for(config.donate.connections)},
      {"admission",
       PrefixLimiter::bytes_for(config.admission.prefixes) +
           PrefixLimiter::bytes_for(std::min(config.admission.prefixes, kStreamPrefixesMax))},
      {"peer connections", config.relay.enabled ? config.relay.connections * kPeerConnectionBytes +
                                                      PrefixLimiter::bytes_for(kArrivingPrefixes)
                                                : 0},
      {"relay", config.relay.enabled ? core::turn::Server::bytes_for(turn_options(config)) : 0},
      {"dht", config.dht.enabled ? DhtService::bytes_for(dht_options(config)) : 0},
      {"receive buffers", (kPublicSlots + (config.relay.enabled ? kRelaySlots : 0)) *
                              (kBurstBytes + kBurstDatagramsMax * sizeof(core::DatagramArrived))},
      {"dtls", kDtlsBufferBytes + config.donate.connections * kAssociationIndexBytes},
      {"outbox", core::Outbox::kArenaSize + core::Outbox::kActionCountMax * sizeof(core::Action)},
  };
}

uint64_t total_bytes(const std::vector<MemoryUse>& plan) {
  uint64_t sum = 0;
  for (const MemoryUse& use : plan) sum += use.bytes;
  return sum;
}

std::vector<Endpoint> listen_endpoints(const Config& config) {
  std::vector<Endpoint> endpoints;
  for (const IpAddress& address : config.node.listen) {
    endpoints.push_back({address, config.node.port});
  }
  if (config.stun.discovery_addresses.empty()) return endpoints;
  // The second port, wherever the first one listens for a family that has two addresses.
  for (const IpAddress& address : config.node.listen) {
    const bool is_needed =
        std::any_of(config.stun.discovery_addresses.begin(), config.stun.discovery_addresses.end(),
                    [&](const IpAddress& discovery) {
                      return discovery == address ||
                             (address.is_unspecified() && discovery.is_v4() == address.is_v4());
                    });
    if (is_needed) endpoints.push_back({address, config.stun.discovery_port});
  }
  return endpoints;
}

std::optional<size_t> find_socket(const std::vector<Endpoint>& sockets, const Endpoint& endpoint) {
  std::optional<size_t> wildcard;
  for (size_t i = 0; i < sockets.size(); ++i) {
    if (sockets[i] == endpoint) return i;
    const bool is_same_family = sockets[i].address.is_v4() == endpoint.address.is_v4();
    if (sockets[i].address.is_unspecified() && is_same_family && sockets[i].port == endpoint.port) {
      wildcard = i;
    }
  }
  return wildcard;
}

std::optional<Endpoint> find_missing_socket(const Config& config,
                                            const std::vector<Endpoint>& sockets) {
  for (const IpAddress& address : config.stun.discovery_addresses) {
    for (const uint16_t port : {config.node.port, config.stun.discovery_port}) {
      if (!find_socket(sockets, {address, port})) return Endpoint{address, port};
    }
  }
  return {};
}

}  // namespace roost::node
