// SPDX-License-Identifier: MIT
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/address.h"
#include "base/time.h"
#include "node/config.h"
#include "sim/cookie_oracle.h"
#include "sim/dice.h"
#include "sim/host.h"
#include "sim/link.h"
#include "sim/nat.h"
#include "sim/network.h"
#include "sim/node_shell.h"
#include "sim/oracles.h"
#include "sim/schedule.h"
#include "sim/trace.h"
#include "sim/verdict.h"

namespace roost::sim {

// Where a host stands in the simulated world.
struct Place {
  std::vector<NatOptions> nats;  // Before it, from the inside out; none: on the realm itself.
  Network::RealmId realm = Network::kInternet;  // In which the outermost of them stands.
  LinkProfile link = kCalmLink;                 // To that realm.
  bool has_v4 = true;
  bool has_v6 = true;
  NatOptions firewall;  // For IPv6, in each of the NATs' boxes.
  // Instead of the next one, below 20.0.0.0/8: for whom it matters who has the neighbouring one.
  std::optional<IpAddress> v4{};
};

// A simulated world: the Internet, nodes, and whoever else is on it; virtual time, one seed.
//
// The same seed and the same calls give the same world, down to the hash of its trace. Nodes and
// hosts live as long as the world.
class World {
 public:
  explicit World(uint64_t seed);

  // ---- Who is there.

  // Who may use the relay of such a node.
  static constexpr std::string_view kFriend = "friend";
  static constexpr std::string_view kFriendsPassword = "a password";

  // A configuration for a small node: 0.0.0.0 and ::, discovery from two addresses of each family,
  // tables small enough to be filled.
  static node::Config small_config();
  // On the Internet itself, with two addresses of each family. Addresses in `config` that stand for
  // discovery (any two of each family) are replaced by them.
  NodeShell& add_node(const node::Config& config = small_config());

  Host& add_host(const Place& place = {});
  // A network with hosts of its own in it, behind one NAT: a home, or a carrier's.
  Network::RealmId add_realm(const NatOptions& nat, const Place& outside = {});

  // Makes an actor run on `host`: `Program(host, arguments...)`.
  template <typename Program, typename... Arguments>
  Program& run(Host& host, Arguments&&... arguments) {
    auto program = std::make_unique<Program>(host, std::forward<Arguments>(arguments)...);
    Program& result = *program;
    host.run(std::move(program));
    return result;
  }

  // ---- What happens.

  void run_for(Duration duration) { schedule_.run_until(now() + duration); }
  // All lines of the Internet get this character.
  void set_links(const LinkProfile& profile) { network_.set_links(profile); }
  // Cuts the Internet in two: each line ends up on either side by chance.
  void split();
  void end_split();
  void reboot_nat(Network::RealmId realm);
  // No more faults from here on: lines are calm, splits end, nodes run. Whoever asks from now on
  // must be served.
  void heal();
  // Everybody but the nodes goes, without a word to anybody, and is no more to be asked.
  void abandon();
  // Requires abandon(), longer ago than anything may live that a client has left behind.
  void check_remains();
  // Requires heal(): whether all that was owed has been paid.
  void check_liveness() { liveness_.end(now()); }

  MonoTime now() const { return schedule_.now(); }
  Dice& dice() { return dice_; }
  Network& network() { return network_; }
  Trace& trace() { return trace_; }
  Verdict& verdict() { return verdict_; }
  LivenessOracle& liveness() { return liveness_; }
  MappedAddressOracle& mapped_addresses() { return mapped_addresses_; }
  const CookieOracle& cookies() const { return cookies_; }
  const std::vector<NodeShell*>& nodes() const { return nodes_; }
  uint64_t event_count() const { return schedule_.event_count(); }

  // Where the wall clocks of nodes that are added stand now: mid-June 2027 and then on.
  WallTime wall() const;

 private:
  IpAddress next_v4(Network::RealmId realm);
  IpAddress next_v6();

  Dice dice_;
  Schedule schedule_;
  Dice network_dice_;
  Network network_;
  Trace trace_;
  Verdict verdict_;
  LivenessOracle liveness_;
  MappedAddressOracle mapped_addresses_;
  CookieOracle cookies_;
  std::map<Network::RealmId, uint32_t> v4_counts_;
  uint32_t v6_count_ = 0;
  std::deque<Host> hosts_;
  std::vector<Host*> guests_;  // All but the nodes'.
  std::vector<NodeShell*> nodes_;
};

}  // namespace roost::sim
