// SPDX-License-Identifier: MIT
#include "node/dht_options.h"

#include <algorithm>

#include "base/crypto_hash.h"
#include "core/peers/record_query.h"

namespace roost::node {
namespace {

using core::dht::ContactRing;
using core::dht::Family;

// Of the memory for contacts, the part for IPv4: the DHT has several times as many of those.
constexpr uint32_t kV4Percent = 75;

// How many contacts of the family fit into `bytes`.
size_t contacts_within(uint64_t bytes, Family family) {
  const bool is_v4 = family == Family::kV4;
  const auto bytes_for = [is_v4](size_t contacts) {
    return ContactRing::bytes_for(
        {.v4_contacts = is_v4 ? contacts : 0, .v6_contacts = is_v4 ? 0 : contacts});
  };
  constexpr size_t kMany = 1'000'000;
  const uint64_t bytes_for_none = bytes_for(0);
  if (bytes <= bytes_for_none) return 0;
  return (bytes - bytes_for_none) * kMany / (bytes_for(kMany) - bytes_for_none);
}

}  // namespace

core::dht::Server::Options dht_options(const Config& config) {
  const Config::Dht& dht = config.dht;
  const uint64_t contact_bytes = config.donate.memory_bytes / 100 * dht.memory_percent;
  core::dht::Server::Options options;
  options.verifier.contacts = {
      .v4_contacts = contacts_within(contact_bytes / 100 * kV4Percent, Family::kV4),
      .v6_contacts = contacts_within(contact_bytes / 100 * (100 - kV4Percent), Family::kV6)};
  // What serves to find them has its size from theirs.
  const size_t contacts =
      options.verifier.contacts.v4_contacts + options.verifier.contacts.v6_contacts;
  options.verifier.candidates = static_cast<uint32_t>(
      std::clamp<size_t>(contacts / 32, 256, core::dht::Verifier::Options().candidates));
  options.verifier.proven_addresses = static_cast<uint32_t>(
      std::clamp<size_t>(contacts / 8, 1024, core::dht::Verifier::Options().proven_addresses));
  options.verifier.pings_per_second = dht.pings_per_second;
  options.verifier.takes_special_purpose = dht.admit_private_addresses;
  options.responder.peers = {.v4_peers = dht.peers / 100 * kV4Percent,
                             .v6_peers = dht.peers / 100 * (100 - kV4Percent)};
  options.responder.items = dht.items;
  options.network = core::peers::network_infohash(dht.network);
  options.port = config.node.port;
  options.has_bootstrap_names = !dht.bootstrap.empty();
  for (const IpAddress& address : config.node.external_addresses) {
    auto& known = options.external_addresses[static_cast<size_t>(core::dht::family_of(address))];
    if (!known) known = address;
  }
  return options;
}

core::dht::Server::Options dht_options(const Config& config, const std::vector<Endpoint>& sockets,
                                       const SigningKey& key) {
  core::dht::Server::Options options = dht_options(config);
  for (size_t i = 0; i < sockets.size(); ++i) {
    auto& known = options.sockets[static_cast<size_t>(core::dht::family_of(sockets[i].address))];
    if (!known && sockets[i].port == config.node.port) known = static_cast<core::SocketId>(i);
  }
  // The same after a restart, and nothing that can be told from the public key.
  const auto digest = sha256(key.sign(as_bytes("roost: the random part of DHT node IDs")));
  std::copy_n(digest.begin(), options.id_seed.size(), options.id_seed.begin());
  return options;
}

}  // namespace roost::node
