// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/actors/actor.h"
#include "sim/actors/transaction.h"
#include "sim/nat.h"
#include "sim/oracles.h"
#include "sim/verdict.h"

namespace roost::sim::actors {

// What a client finds out about the NATs before it.
struct NatBehaviour {
  bool is_translated = false;
  Dependence mapping = Dependence::kEndpoint;
  Dependence filtering = Dependence::kEndpoint;
  bool hairpins = false;  // Seen only where the filtering lets in whom one never asked.

  friend bool operator==(const NatBehaviour&, const NatBehaviour&) = default;
};
std::string text(const NatBehaviour& behaviour);

// What such NATs, one behind the other, are as seen from behind all of them: a packet must pass
// each, so the strictest of them decides.
NatBehaviour behaviour_of(const std::vector<NatOptions>& nats);
// The same of firewalls that translate nothing.
NatBehaviour behaviour_of_firewall(const NatOptions& firewall);

// NAT behaviour discovery (RFC 5780): mapping (§4.3), filtering (§4.4) from a socket of its own,
// and hairpinning (§4.5). Begins anew, from new sockets, when a question that any NAT lets through
// is not answered.
//
//   mapping I -> II -> III -> filtering I -> II -> III -> hairpin -> done
class DiscoveryClient final : public Actor {
 public:
  // The oracles must outlive the client.
  DiscoveryClient(Host& host, const Endpoint& server, Verdict& verdict,
                  MappedAddressOracle& mapped);

  void on_packet(Packet packet) override;

  // Empty until it is done.
  const std::optional<NatBehaviour>& result() const { return result_; }
  // Forgets what it knows and asks again.
  void begin();

 private:
  enum class Test : uint8_t {
    kMappingPrimary,
    kMappingOtherAddress,
    kMappingOtherBoth,
    kFilteringPrimary,
    kFilteringChangedBoth,
    kFilteringChangedPort,
    kHairpin,
    kDone,
  };

  void on_alarm() override;
  void start(Test test);
  void take(Answer answer);
  void take_silence();
  void start_hairpin(Dependence filtering);
  void check_origin(const Answer& answer, const Endpoint& expected);
  void finish(bool hairpins);

  Endpoint primary_;
  Verdict& verdict_;
  MappedAddressOracle& mapped_oracle_;
  Test test_ = Test::kDone;
  NatBehaviour behaviour_;
  std::optional<NatBehaviour> result_;
  Endpoint local_;      // The socket that asks.
  Endpoint to_;         // Whom.
  Endpoint filtered_;   // The socket of the filtering tests.
  Endpoint other_;      // The server's other address and port.
  Endpoint mapped_[2];  // As seen by the primary and by the other address.
  std::optional<Transaction> transaction_;
};

}  // namespace roost::sim::actors
