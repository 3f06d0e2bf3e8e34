// SPDX-License-Identifier: MIT
#include "sim/nat.h"

#include <algorithm>

#include "base/check.h"

namespace roost::sim {
namespace {

constexpr uint32_t kPortMin = 1024;  // Outer ports; the well-known ones are left alone.
constexpr uint32_t kPortCount = 65536 - kPortMin;

// As much of the remote endpoint as a decision depends on.
Endpoint as_far_as(Dependence dependence, const Endpoint& remote) {
  switch (dependence) {
    case Dependence::kEndpoint: return {};
    case Dependence::kAddress: return {remote.address, 0};
    case Dependence::kAddressAndPort: return remote;
  }
  return {};
}

}  // namespace

std::string_view label(NatKind kind) {
  switch (kind) {
    case NatKind::kNone: return "none";
    case NatKind::kFullCone: return "full_cone";
    case NatKind::kAddressRestricted: return "address_restricted";
    case NatKind::kPortRestricted: return "port_restricted";
    case NatKind::kSymmetric: return "symmetric";
    case NatKind::kCarrierGrade: return "carrier_grade";
  }
  return "";
}

std::vector<NatOptions> nat_chain(NatKind kind) {
  NatOptions nat;
  switch (kind) {
    case NatKind::kNone: return {};
    case NatKind::kFullCone: nat.filtering = Dependence::kEndpoint; return {nat};
    case NatKind::kAddressRestricted: nat.filtering = Dependence::kAddress; return {nat};
    case NatKind::kPortRestricted: return {nat};
    case NatKind::kSymmetric:
      nat.mapping = Dependence::kAddressAndPort;
      nat.ports = PortChoice::kRandom;
      return {nat};
    case NatKind::kCarrierGrade: {
      NatOptions carrier;  // RFC 6888, with the short leases that carriers give.
      carrier.filtering = Dependence::kAddress;
      carrier.ports = PortChoice::kRandom;
      carrier.udp_lifetime = std::chrono::seconds(60);
      carrier.hairpins = true;
      return {nat, carrier};
    }
  }
  return {};
}

Nat::Nat(const NatOptions& options, std::vector<IpAddress> outer_addresses)
    : options_(options), outer_addresses_(std::move(outer_addresses)) {
  CHECK(options_.translates != outer_addresses_.empty());
  CHECK(options_.mappings_max > 0 && options_.permissions_max > 0);
  CHECK(options_.mappings_max <= kPortCount / 2);  // So that a free port is never far.
}

std::optional<Endpoint> Nat::outbound(MonoTime now, Protocol protocol, const Endpoint& source,
                                      const Endpoint& destination, Dice& dice) {
  const Key key = key_of(protocol, source, destination);
  auto found = mappings_.find(key);
  if (found != mappings_.end() && found->second.ends_at <= now) {
    erase(found);
    found = mappings_.end();
  }
  if (found == mappings_.end()) found = create(now, key, dice);
  if (found == mappings_.end()) {
    ++stats_.table_full;
    return {};
  }
  Mapping& mapping = found->second;
  mapping.ends_at = now + lifetime(protocol);
  permit(now, mapping, protocol, destination);
  return mapping.outer;
}

std::optional<Endpoint> Nat::inbound(MonoTime now, Protocol protocol, const Endpoint& source,
                                     const Endpoint& destination) {
  const auto key = by_outer_.find({protocol, destination});
  if (key == by_outer_.end()) {
    ++stats_.unknown;
    return {};
  }
  const auto found = mappings_.find(key->second);
  CHECK(found != mappings_.end());
  if (found->second.ends_at <= now) {
    ++stats_.unknown;
    erase(found);
    return {};
  }
  if (!is_permitted(now, found->second, source)) {
    ++stats_.filtered;
    return {};
  }
  if (options_.inbound_refreshes) found->second.ends_at = now + lifetime(protocol);
  return found->first.inner;
}

std::optional<Endpoint> Nat::mapping_of(MonoTime now, Protocol protocol, const Endpoint& source,
                                        const Endpoint& destination) const {
  const auto found = mappings_.find(key_of(protocol, source, destination));
  if (found == mappings_.end() || found->second.ends_at <= now) return {};
  return found->second.outer;
}

void Nat::reboot() {
  mappings_.clear();
  by_outer_.clear();
  paired_.clear();
}

bool Nat::owns(const IpAddress& outer_address) const {
  return std::find(outer_addresses_.begin(), outer_addresses_.end(), outer_address) !=
         outer_addresses_.end();
}

void Nat::check_invariants() const {
  CHECK(mappings_.size() == by_outer_.size() && mappings_.size() <= options_.mappings_max);
  for (const auto& [key, mapping] : mappings_) {
    const auto back = by_outer_.find({key.protocol, mapping.outer});
    CHECK(back != by_outer_.end() && back->second == key);
    CHECK(mapping.permissions.size() <= options_.permissions_max);
    CHECK(options_.translates ? owns(mapping.outer.address) : mapping.outer == key.inner);
  }
}

Nat::Key Nat::key_of(Protocol protocol, const Endpoint& inner, const Endpoint& remote) const {
  // A firewall keeps one entry for each inner endpoint: there is nothing to choose.
  const Dependence dependence = options_.translates ? options_.mapping : Dependence::kEndpoint;
  return {protocol, inner, as_far_as(dependence, remote)};
}

Duration Nat::lifetime(Protocol protocol) const {
  return protocol == Protocol::kUdp ? options_.udp_lifetime : options_.tcp_lifetime;
}

Nat::Mappings::iterator Nat::create(MonoTime now, const Key& key, Dice& dice) {
  if (mappings_.size() >= options_.mappings_max) erase_ended(now);
  if (mappings_.size() >= options_.mappings_max) return mappings_.end();
  const auto outer = choose_outer(key, dice);
  if (!outer) return mappings_.end();
  by_outer_.emplace(OuterKey{key.protocol, *outer}, key);
  return mappings_.emplace(key, Mapping{*outer, now, {}}).first;
}

// Never one that another mapping has: RFC 4787 REQ-3 forbids port overloading.
std::optional<Endpoint> Nat::choose_outer(const Key& key, Dice& dice) {
  if (!options_.translates) return key.inner;
  const auto pair = paired_.find(key.inner.address);
  const IpAddress address = pair != paired_.end()
                                ? pair->second
                                : outer_addresses_[paired_.size() % outer_addresses_.size()];
  paired_.emplace(key.inner.address, address);
  const auto is_free = [&](uint16_t port) {
    return !by_outer_.contains({key.protocol, {address, port}});
  };
  const bool is_preserved = options_.ports == PortChoice::kPreserved && key.inner.port >= kPortMin;
  if (is_preserved && is_free(key.inner.port)) return Endpoint{address, key.inner.port};
  const auto first = static_cast<uint32_t>(dice.below(kPortCount));
  for (uint32_t i = 0; i < kPortCount; ++i) {
    const auto port = static_cast<uint16_t>(kPortMin + (first + i) % kPortCount);
    if (is_free(port)) return Endpoint{address, port};
  }
  return {};
}

Nat::Mappings::iterator Nat::erase(Mappings::iterator mapping) {
  by_outer_.erase({mapping->first.protocol, mapping->second.outer});
  return mappings_.erase(mapping);
}

void Nat::erase_ended(MonoTime now) {
  for (auto mapping = mappings_.begin(); mapping != mappings_.end();) {
    mapping = mapping->second.ends_at <= now ? erase(mapping) : std::next(mapping);
  }
}

void Nat::permit(MonoTime now, Mapping& mapping, Protocol protocol, const Endpoint& remote) {
  const Endpoint permitted = as_far_as(options_.filtering, remote);
  auto& permissions = mapping.permissions;
  if (permissions.size() >= options_.permissions_max && !permissions.contains(permitted)) {
    permissions.erase(
        std::min_element(permissions.begin(), permissions.end(),
                         [](const auto& a, const auto& b) { return a.second < b.second; }));
  }
  permissions[permitted] = now + lifetime(protocol);
}

bool Nat::is_permitted(MonoTime now, const Mapping& mapping, const Endpoint& remote) const {
  if (options_.filtering == Dependence::kEndpoint) return true;
  const auto found = mapping.permissions.find(as_far_as(options_.filtering, remote));
  if (found == mapping.permissions.end()) return false;
  return found->second > now || options_.inbound_refreshes;
}

}  // namespace roost::sim
