// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/address.h"
#include "sim/dice.h"
#include "sim/link.h"
#include "sim/nat.h"
#include "sim/packet.h"
#include "sim/schedule.h"

namespace roost::sim {

// The simulated network: the Internet, and networks behind NATs, nested as deep as one likes.
//
//   host --link-- realm (home) --NAT--link-- realm (carrier) --NAT--link-- the Internet
//
// A realm is a network in which addresses mean something: packets find an address of their own
// realm, or leave through its gateway. Whatever is attached to a realm, a host or the gateway of a
// realm further in, has a link of its own, one each way.
class Network final : public Schedule::Listener {
 public:
  enum class RealmId : uint32_t {};
  enum class AttachmentId : uint32_t {};
  static constexpr RealmId kInternet{0};

  class Receiver {
   public:
    virtual void receive(Packet packet) = 0;

   protected:
    ~Receiver() = default;
  };

  enum class Loss : uint8_t {
    kLink,        // Counted by the link, by reason.
    kNoSuchHost,  // Nobody has that address: where replies to forged addresses end.
    kSplit,
    kNat,  // Counted by the NAT, by reason.
    kNoHairpin,
  };
  static constexpr size_t kLossCount = 5;

  // Both must outlive the network.
  Network(Schedule& schedule, Dice& dice) : schedule_(schedule), dice_(dice), realms_(1) {}

  // A network inside `outside`, behind a NAT for IPv4 and a firewall for IPv6. `outer_addresses`
  // (IPv4) become its NAT's. Its hosts' IPv6 addresses are known outside as they are.
  RealmId add_realm(RealmId outside, const NatOptions& nat, const NatOptions& firewall,
                    const std::vector<IpAddress>& outer_addresses, const LinkProfile& link);

  // `receiver` must outlive the network. Requires addresses that nobody in the realm has.
  AttachmentId attach(RealmId realm, const std::vector<IpAddress>& addresses, Receiver& receiver,
                      const LinkProfile& link);

  void send(AttachmentId from, Packet packet);
  // A packet that enters the Internet with whatever source it claims to have.
  void inject(Packet packet);

  // The source that a packet of that host would arrive with at its destination, if all NATs on its
  // way have a mapping for it: the truth that a STUN server is asked for.
  std::optional<Endpoint> seen_from(AttachmentId host, Protocol protocol, const Endpoint& source,
                                    const Endpoint& destination) const;

  // Is told of each packet that has come to an address of the Internet, before a NAT that is there
  // looks at it.
  using Listener = std::function<void(const Packet&)>;
  void set_listener(Listener listener) { listener_ = std::move(listener); }

  // The lines of all that is attached to the Internet.
  void set_links(const LinkProfile& profile);
  void set_link(AttachmentId attachment, const LinkProfile& profile);
  // Attachments of the Internet in different groups cannot reach each other; all begin in group 0.
  void set_group(AttachmentId attachment, uint32_t group);
  void end_splits();

  Nat& nat(RealmId realm);
  Nat& firewall(RealmId realm);
  size_t realm_count() const { return realms_.size(); }
  // What of the Internet `attachment` hangs on: itself, or the outermost gateway before it.
  AttachmentId uplink_of(AttachmentId attachment) const;
  // Which of them are attached to the Internet.
  const std::vector<AttachmentId>& uplinks() const { return uplinks_; }

  uint64_t lost(Loss why) const { return lost_[static_cast<size_t>(why)]; }
  uint64_t delivered() const { return delivered_; }
  void check_invariants() const;

 private:
  struct Gateway {
    AttachmentId attachment;  // To the realm outside.
    Nat nat;
    Nat firewall;
    Nat& of(const IpAddress& address) { return address.is_v4() ? nat : firewall; }
    const Nat& of(const IpAddress& address) const { return address.is_v4() ? nat : firewall; }
  };
  struct Realm {
    std::optional<Gateway> gateway;  // The Internet has none.
    std::map<IpAddress, AttachmentId> addresses;
  };
  struct Attachment {
    RealmId realm;
    Receiver* receiver;            // Null for a gateway:
    std::optional<RealmId> inner;  // of this realm.
    Link up;
    Link down;
    uint32_t group = 0;
  };
  enum class Way : uint8_t { kUp, kDown };
  struct InFlight {
    Packet packet;
    AttachmentId attachment;
    Way way;
  };

  void on_event(uint64_t what) override;
  void put_on_link(AttachmentId attachment, Way way, Packet packet);
  void arrive(AttachmentId attachment, Way way, Packet packet);
  void route(RealmId realm, std::optional<AttachmentId> from, Packet packet);
  void leave(Realm& realm, RealmId id, Packet packet);
  void lose(Loss why) { ++lost_[static_cast<size_t>(why)]; }
  AttachmentId add_attachment(RealmId realm, Receiver* receiver, std::optional<RealmId> inner,
                              const LinkProfile& link);

  Realm& at(RealmId id) { return realms_[static_cast<size_t>(id)]; }
  const Realm& at(RealmId id) const { return realms_[static_cast<size_t>(id)]; }
  Attachment& at(AttachmentId id) { return attachments_[static_cast<size_t>(id)]; }
  const Attachment& at(AttachmentId id) const { return attachments_[static_cast<size_t>(id)]; }

  Schedule& schedule_;
  Dice& dice_;
  Listener listener_;
  std::vector<Realm> realms_;
  std::vector<Attachment> attachments_;
  std::vector<AttachmentId> uplinks_;
  std::vector<InFlight> in_flight_;
  std::vector<size_t> free_in_flight_;
  std::array<uint64_t, kLossCount> lost_{};
  uint64_t delivered_ = 0;
};

}  // namespace roost::sim
