// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "base/endpoint.h"
#include "base/time.h"
#include "sim/dice.h"
#include "sim/packet.h"

namespace roost::sim {

// What a decision of a NAT depends on besides the inner endpoint (RFC 4787 §4.1, §5).
enum class Dependence : uint8_t { kEndpoint, kAddress, kAddressAndPort };

enum class PortChoice : uint8_t {
  kPreserved,  // The inner port where it is free (RFC 4787 §4.2.1, "port preservation").
  kRandom,
};

struct NatOptions {
  // Mapping: an inner endpoint keeps its outer one for all destinations (kEndpoint: "endpoint-
  // independent"), for one address, or for one address and port.
  Dependence mapping = Dependence::kEndpoint;
  // Filtering: through a mapping comes what anybody sends (kEndpoint), what comes from an address
  // that was sent to, or from an address and port that was sent to.
  Dependence filtering = Dependence::kAddressAndPort;
  bool translates = true;  // False: a stateful firewall, as in front of IPv6.
  bool hairpins = false;   // Whether inner endpoints reach each other through outer ones (§6).
  PortChoice ports = PortChoice::kPreserved;
  Duration udp_lifetime = std::chrono::minutes(2);    // Since the last packet out (REQ-5, REQ-6).
  Duration tcp_lifetime = std::chrono::minutes(124);  // RFC 5382 REQ-5.
  bool inbound_refreshes = false;                     // REQ-6 allows it.
  size_t mappings_max = 4096;                         // A full table lets nothing new out.
  size_t permissions_max = 64;  // Of one mapping; the one that ends first gives way.
};

// The kinds by the names that RFC 3489 §5 gave them, and one that came later: a NAT at home behind
// one of the carrier.
enum class NatKind : uint8_t {
  kNone,
  kFullCone,
  kAddressRestricted,
  kPortRestricted,
  kSymmetric,
  kCarrierGrade,
};
inline constexpr size_t kNatKindCount = 6;
std::string_view label(NatKind kind);

// What stands between such a host and the Internet, from the inside out.
std::vector<NatOptions> nat_chain(NatKind kind);

// A NAT, or a firewall that translates nothing, of one address family.
//
// Knows addresses and time only; the network carries the packets. Its table has a bound: when it is
// full nothing new gets out.
class Nat {
 public:
  // `outer_addresses` are what a NAT translates to: an inner address is always paired with the same
  // one (RFC 4787 §4.1). A firewall has none.
  Nat(const NatOptions& options, std::vector<IpAddress> outer_addresses);

  // The source that a packet from the inside leaves with; nothing if it does not get out.
  std::optional<Endpoint> outbound(MonoTime now, Protocol protocol, const Endpoint& source,
                                   const Endpoint& destination, Dice& dice);
  // The inner destination of a packet from the outside; nothing if it does not get in.
  std::optional<Endpoint> inbound(MonoTime now, Protocol protocol, const Endpoint& source,
                                  const Endpoint& destination);

  // What outbound() would say without a new mapping, and without a trace of the question.
  std::optional<Endpoint> mapping_of(MonoTime now, Protocol protocol, const Endpoint& source,
                                     const Endpoint& destination) const;

  // Forgets everything: somebody pulled the plug.
  void reboot();

  bool owns(const IpAddress& outer_address) const;
  const NatOptions& options() const { return options_; }
  size_t mapping_count() const { return mappings_.size(); }  // Those that are over included.

  struct Stats {
    uint64_t table_full = 0;
    uint64_t unknown = 0;   // From the outside to no mapping.
    uint64_t filtered = 0;  // From the outside to a mapping, by somebody who may not.
  };
  const Stats& stats() const { return stats_; }

  // Aborts unless each mapping is found from both sides and no table is beyond its bound.
  void check_invariants() const;

 private:
  struct Key {
    Protocol protocol;
    Endpoint inner;
    Endpoint remote;  // As much of it as the mapping depends on; the rest is zero.
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  struct OuterKey {
    Protocol protocol;
    Endpoint outer;
    friend auto operator<=>(const OuterKey&, const OuterKey&) = default;
  };
  struct Mapping {
    Endpoint outer;
    MonoTime ends_at;
    std::map<Endpoint, MonoTime> permissions;  // Who may come in, and until when.
  };
  using Mappings = std::map<Key, Mapping>;

  Key key_of(Protocol protocol, const Endpoint& inner, const Endpoint& remote) const;
  Duration lifetime(Protocol protocol) const;
  Mappings::iterator create(MonoTime now, const Key& key, Dice& dice);
  std::optional<Endpoint> choose_outer(const Key& key, Dice& dice);
  Mappings::iterator erase(Mappings::iterator mapping);
  void erase_ended(MonoTime now);
  void permit(MonoTime now, Mapping& mapping, Protocol protocol, const Endpoint& remote);
  bool is_permitted(MonoTime now, const Mapping& mapping, const Endpoint& remote) const;

  NatOptions options_;
  std::vector<IpAddress> outer_addresses_;
  std::map<IpAddress, IpAddress> paired_;  // Inner address to outer address.
  Mappings mappings_;
  std::map<OuterKey, Key> by_outer_;
  Stats stats_;
};

}  // namespace roost::sim
