// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "sim/dice.h"
#include "sim/network.h"
#include "sim/schedule.h"
#include "sim/trace.h"

namespace roost::sim {

// What runs on a host and is told what happens there: an actor, or the shell of a node.
class Program {
 public:
  virtual ~Program() = default;

  virtual void on_packet(Packet packet) = 0;
  // A wake_up() is due, with its number.
  virtual void on_wake_up(uint64_t what) = 0;
};

// A machine in the simulated network: addresses, a line to its realm, and one program.
class Host final : public Network::Receiver, public Schedule::Listener {
 public:
  // All that it borrows must outlive it. `addresses` are at least one.
  struct Options {
    Network::RealmId realm = Network::kInternet;
    std::vector<IpAddress> addresses;
    LinkProfile link;
  };
  Host(Schedule& schedule, Network& network, Trace& trace, Dice dice, const Options& options);

  // Packets come in from now on.
  void run(std::unique_ptr<Program> program) { program_ = std::move(program); }

  MonoTime now() const { return schedule_.now(); }
  Dice& dice() { return dice_; }
  Network::AttachmentId attachment() const { return attachment_; }
  const std::vector<IpAddress>& addresses() const { return addresses_; }
  bool owns(const IpAddress& address) const;
  // The first of ours that can send to `remote`; nothing if we are not of its family.
  std::optional<IpAddress> address_towards(const IpAddress& remote) const;
  // A port for a new socket: each is used again as late as possible.
  uint16_t next_port();
  // That no other connection has, of whatever host.
  uint32_t next_conversation();

  void send(Packet packet);
  void send_datagram(const Endpoint& from, const Endpoint& to, Bytes payload);
  // Calls on_wake_up(what) then. Cannot be taken back.
  void wake_up(MonoTime when, uint64_t what) { schedule_.at(when, *this, what); }

  // As whom `to` would see a datagram or a segment of ours.
  std::optional<Endpoint> seen_from(Protocol protocol, const Endpoint& from,
                                    const Endpoint& to) const {
    return network_.seen_from(attachment_, protocol, from, to);
  }

 private:
  void receive(Packet packet) override;
  void on_event(uint64_t what) override;

  Schedule& schedule_;
  Network& network_;
  Trace& trace_;
  Dice dice_;
  std::vector<IpAddress> addresses_;
  Network::AttachmentId attachment_;
  uint16_t port_;
  uint16_t conversations_ = 0;  // Begun so far; may wrap, long after the first are over.
  std::unique_ptr<Program> program_;
};

}  // namespace roost::sim
