// SPDX-License-Identifier: MIT
#include "sim/world.h"

#include <chrono>
#include <string>

#include "base/check.h"

namespace roost::sim {
namespace {

constexpr WallTime kWallAtStart{std::chrono::sys_days{std::chrono::year{2027} / 6 / 15}};

// Stand for the addresses that the node is going to have.
constexpr IpAddress kAnyAddresses[] = {IpAddress::v4(1), IpAddress::v4(2), {0, 1}, {0, 2}};

}  // namespace

World::World(uint64_t seed)
    : dice_(seed),
      network_dice_(dice_.fork()),
      network_(schedule_, network_dice_),
      liveness_(verdict_),
      mapped_addresses_(verdict_),
      cookies_(verdict_) {
  network_.set_listener([this](const Packet& packet) { cookies_.reached(packet); });
}

node::Config World::small_config() {
  node::Config config;
  config.donate.memory_bytes = 64 * 1024 * 1024;
  config.donate.connections = 32;
  config.admission.connections_per_prefix = 8;
  config.admission.prefixes = 256;
  // Whoever lost an allocation behind a NAT that forgot makes another, until the old one expires.
  config.relay.allocations = 64;
  config.relay.allocations_per_user = 64;
  config.relay.stranger_allocations_per_user = 16;
  config.relay.users = {{std::string(kFriend), std::string(kFriendsPassword)}};
  config.stun.discovery_addresses.assign(std::begin(kAnyAddresses), std::end(kAnyAddresses));
  return config;
}

NodeShell& World::add_node(const node::Config& config) {
  Host::Options options;
  // Two addresses of a family lie in two prefixes, as RFC 5780 would have it.
  options.addresses.push_back(next_v4(Network::kInternet));
  options.addresses.push_back(next_v4(Network::kInternet));
  options.addresses.push_back(next_v6());
  options.addresses.push_back(next_v6());
  options.link = kCalmLink;
  Host& host = hosts_.emplace_back(schedule_, network_, trace_, dice_.fork(), options);

  NodeShell::Options shell;
  shell.config = config;
  shell.wall = wall();
  std::vector<IpAddress> discovery;
  for (const IpAddress& address : config.stun.discovery_addresses) {
    const size_t first_of_family = address.is_v4() ? 0 : 2;
    size_t of_family = 0;
    for (const IpAddress& before : discovery) of_family += before.is_v4() == address.is_v4();
    discovery.push_back(options.addresses[first_of_family + of_family % 2]);
  }
  shell.config.stun.discovery_addresses = discovery;
  shell.config.relay.machine_addresses = options.addresses;
  shell.config.relay.addresses = {options.addresses[0], options.addresses[2]};
  NodeShell& node = run<NodeShell>(host, trace_, verdict_, cookies_, shell);
  nodes_.push_back(&node);
  return node;
}

Host& World::add_host(const Place& place) {
  Place left = place;
  Network::RealmId realm = place.realm;
  while (!left.nats.empty()) {
    const NatOptions outermost = left.nats.back();
    left.nats.pop_back();
    left.realm = realm;
    realm = add_realm(outermost, left);
    left.link = kPerfectLink;  // Within one house, or one carrier.
  }
  Host::Options options;
  options.realm = realm;
  options.link = left.link;
  CHECK(place.has_v4 || place.has_v6);
  if (place.has_v4) options.addresses.push_back(place.v4 ? *place.v4 : next_v4(realm));
  if (place.has_v6) options.addresses.push_back(next_v6());
  guests_.push_back(&hosts_.emplace_back(schedule_, network_, trace_, dice_.fork(), options));
  return *guests_.back();
}

Network::RealmId World::add_realm(const NatOptions& nat, const Place& outside) {
  return network_.add_realm(outside.realm, nat, outside.firewall, {next_v4(outside.realm)},
                            outside.link);
}

// On the Internet each gets a /24 of its own, from 20.0.0.0 on; in a realm, an address that means
// something only there, and is used in all of them.
IpAddress World::next_v4(Network::RealmId realm) {
  const uint32_t number = ++v4_counts_[realm];
  if (realm == Network::kInternet) {
    CHECK(number < 1 << 20);
    return IpAddress::v4(0x14000001 + (number << 8));
  }
  CHECK(number < 1 << 16);
  return IpAddress::v4(0x0a000000 + number);  // 10.0.0.0/8.
}

// Each gets a /48 of its own.
IpAddress World::next_v6() {
  return {0x2a00'0000'0000'0000 + (uint64_t{++v6_count_} << 16), 1};
}

WallTime World::wall() const {
  return kWallAtStart + std::chrono::floor<std::chrono::seconds>(now().time_since_epoch());
}

void World::split() {
  for (const Network::AttachmentId uplink : network_.uplinks()) {
    network_.set_group(uplink, static_cast<uint32_t>(dice_.below(2)));
  }
  trace_.add({now(), TraceKind::kSplit, {}, {}, {}});
}

void World::end_split() {
  network_.end_splits();
  trace_.add({now(), TraceKind::kSplit, {}, {}, {}});
}

void World::reboot_nat(Network::RealmId realm) {
  network_.nat(realm).reboot();
  network_.firewall(realm).reboot();
  trace_.add({now(), TraceKind::kReboot, {}, {}, {}});
}

void World::abandon() {
  for (Host* const guest : guests_) guest->run(nullptr);
}

void World::check_remains() {
  const auto check = [&](std::string_view what, size_t count) {
    if (count > 0) verdict_.fail(now(), std::to_string(count).append(" ").append(what));
  };
  for (const NodeShell* const shell : nodes_) {
    check("streams of nobody", shell->stream_count());
    check("associations of nobody", shell->association_count());
    check("connections of nobody to peers", shell->peer_links().connection_count());
    check("relayed addresses of nobody", shell->relay_count());
    if (!shell->is_running()) continue;
    const node::Node& node = shell->node();
    check("streams of nobody, as the node counts", node.connection_admission().open_count());
    if (node.turn() != nullptr) check("allocations of nobody", node.turn()->table().size());
  }
}

void World::heal() {
  network_.set_links(kCalmLink);
  network_.end_splits();
  for (NodeShell* const node : nodes_) {
    if (!node->is_running()) node->restart();
  }
  trace_.add({now(), TraceKind::kHeal, {}, {}, {}});
  liveness_.begin(now());
}

}  // namespace roost::sim
