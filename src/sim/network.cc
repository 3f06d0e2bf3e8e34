// SPDX-License-Identifier: MIT
#include "sim/network.h"

#include <utility>

#include "base/check.h"

namespace roost::sim {

Network::RealmId Network::add_realm(RealmId outside, const NatOptions& nat,
                                    const NatOptions& firewall,
                                    const std::vector<IpAddress>& outer_addresses,
                                    const LinkProfile& link) {
  const auto id = static_cast<RealmId>(realms_.size());
  const AttachmentId attachment = add_attachment(outside, nullptr, id, link);
  NatOptions without_translation = firewall;
  without_translation.translates = false;
  realms_.push_back(
      {Gateway{attachment, Nat(nat, outer_addresses), Nat(without_translation, {})}, {}});
  for (const IpAddress& address : outer_addresses) {
    CHECK(address.is_v4());
    CHECK(at(outside).addresses.emplace(address, attachment).second);
  }
  return id;
}

Network::AttachmentId Network::attach(RealmId realm, const std::vector<IpAddress>& addresses,
                                      Receiver& receiver, const LinkProfile& link) {
  const AttachmentId attachment = add_attachment(realm, &receiver, {}, link);
  for (const IpAddress& address : addresses) {
    CHECK(at(realm).addresses.emplace(address, attachment).second);
    if (address.is_v4()) continue;
    // IPv6 is not translated: each realm on the way knows the address as that of the gateway.
    for (RealmId inner = realm; at(inner).gateway;) {
      const AttachmentId gateway = at(inner).gateway->attachment;
      inner = at(gateway).realm;
      CHECK(at(inner).addresses.emplace(address, gateway).second);
    }
  }
  return attachment;
}

Network::AttachmentId Network::add_attachment(RealmId realm, Receiver* receiver,
                                              std::optional<RealmId> inner,
                                              const LinkProfile& link) {
  const auto id = static_cast<AttachmentId>(attachments_.size());
  // Two statements: the order of the draws must not be the compiler's.
  const Link up(link, dice_);
  const Link down(link, dice_);
  attachments_.push_back({realm, receiver, inner, up, down});
  if (realm == kInternet) uplinks_.push_back(id);
  return id;
}

void Network::send(AttachmentId from, Packet packet) {
  put_on_link(from, Way::kUp, std::move(packet));
}

void Network::inject(Packet packet) {
  route(kInternet, {}, std::move(packet));
}

// Even a perfect link delivers in an event of its own: whoever sends is never called back
// meanwhile.
void Network::put_on_link(AttachmentId attachment, Way way, Packet packet) {
  Link& link = way == Way::kUp ? at(attachment).up : at(attachment).down;
  const Link::Arrivals arrivals = link.send(schedule_.now(), packet, dice_);
  if (arrivals.count == 0) lose(Loss::kLink);
  for (size_t i = 0; i < arrivals.count; ++i) {
    const bool is_last = i + 1 == arrivals.count;
    InFlight flight{is_last ? std::move(packet) : packet, attachment, way};
    size_t slot = in_flight_.size();
    if (free_in_flight_.empty()) {
      in_flight_.push_back(std::move(flight));
    } else {
      slot = free_in_flight_.back();
      free_in_flight_.pop_back();
      in_flight_[slot] = std::move(flight);
    }
    schedule_.at(arrivals.at[i], *this, slot);
  }
}

void Network::on_event(uint64_t what) {
  InFlight flight = std::move(in_flight_[what]);
  free_in_flight_.push_back(what);
  arrive(flight.attachment, flight.way, std::move(flight.packet));
}

// At the end of a link.
void Network::arrive(AttachmentId id, Way way, Packet packet) {
  Attachment& attachment = at(id);
  if (way == Way::kUp) return route(attachment.realm, id, std::move(packet));
  if (attachment.realm == kInternet && listener_) listener_(packet);
  if (!attachment.inner) {
    ++delivered_;
    return attachment.receiver->receive(std::move(packet));
  }
  Gateway& gateway = *at(*attachment.inner).gateway;
  const auto inner =
      gateway.of(packet.destination.address)
          .inbound(schedule_.now(), packet.protocol(), packet.source, packet.destination);
  if (!inner) return lose(Loss::kNat);
  packet.destination = *inner;
  route(*attachment.inner, {}, std::move(packet));
}

void Network::route(RealmId id, std::optional<AttachmentId> from, Packet packet) {
  Realm& realm = at(id);
  const auto found = realm.addresses.find(packet.destination.address);
  if (found == realm.addresses.end()) return leave(realm, id, std::move(packet));
  const AttachmentId to = found->second;
  if (from && at(*from).group != at(to).group) return lose(Loss::kSplit);
  put_on_link(to, Way::kDown, std::move(packet));
}

void Network::leave(Realm& realm, RealmId id, Packet packet) {
  if (!realm.gateway) return lose(Loss::kNoSuchHost);
  Gateway& gateway = *realm.gateway;
  Nat& nat = gateway.of(packet.destination.address);
  const bool is_hairpin = nat.owns(packet.destination.address);
  if (is_hairpin && !nat.options().hairpins) return lose(Loss::kNoHairpin);
  const auto outer =
      nat.outbound(schedule_.now(), packet.protocol(), packet.source, packet.destination, dice_);
  if (!outer) return lose(Loss::kNat);
  packet.source = *outer;  // Also towards an inner host (RFC 4787 REQ-9).
  if (!is_hairpin) return put_on_link(gateway.attachment, Way::kUp, std::move(packet));
  const auto inner =
      nat.inbound(schedule_.now(), packet.protocol(), packet.source, packet.destination);
  if (!inner) return lose(Loss::kNat);
  packet.destination = *inner;
  route(id, {}, std::move(packet));
}

std::optional<Endpoint> Network::seen_from(AttachmentId host, Protocol protocol,
                                           const Endpoint& source,
                                           const Endpoint& destination) const {
  Endpoint seen = source;
  for (RealmId id = at(host).realm;;) {
    const Realm& realm = at(id);
    if (realm.addresses.contains(destination.address)) return seen;
    if (!realm.gateway) return {};
    const Nat& nat = realm.gateway->of(destination.address);
    const auto outer = nat.mapping_of(schedule_.now(), protocol, seen, destination);
    if (!outer || nat.owns(destination.address)) return outer;
    seen = *outer;
    id = at(realm.gateway->attachment).realm;
  }
}

void Network::set_links(const LinkProfile& profile) {
  for (const AttachmentId uplink : uplinks_) set_link(uplink, profile);
}

void Network::set_link(AttachmentId attachment, const LinkProfile& profile) {
  at(attachment).up.set_profile(profile, dice_);
  at(attachment).down.set_profile(profile, dice_);
}

void Network::set_group(AttachmentId attachment, uint32_t group) {
  CHECK(at(attachment).realm == kInternet);
  at(attachment).group = group;
}

void Network::end_splits() {
  for (const AttachmentId uplink : uplinks_) at(uplink).group = 0;
}

Nat& Network::nat(RealmId realm) {
  CHECK(at(realm).gateway.has_value());
  return at(realm).gateway->nat;
}

Nat& Network::firewall(RealmId realm) {
  CHECK(at(realm).gateway.has_value());
  return at(realm).gateway->firewall;
}

Network::AttachmentId Network::uplink_of(AttachmentId attachment) const {
  while (at(attachment).realm != kInternet) {
    attachment = at(at(attachment).realm).gateway->attachment;
  }
  return attachment;
}

void Network::check_invariants() const {
  for (const Realm& realm : realms_) {
    if (!realm.gateway) continue;
    realm.gateway->nat.check_invariants();
    realm.gateway->firewall.check_invariants();
  }
}

}  // namespace roost::sim
