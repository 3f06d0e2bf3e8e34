// SPDX-License-Identifier: MIT
#include "sim/swarm_game.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sim/actors/dht_newcomer.h"
#include "sim/actors/swarm_node.h"
#include "sim/dht_swarm.h"
#include "sim/world.h"

namespace roost::sim {
namespace {

using actors::DhtNewcomer;
using actors::SwarmNode;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

// The rings are looked through so often.
constexpr Duration kTurn = minutes(10);
// Figures are of the time after this: the first candidates have been silent, and have answered.
constexpr Duration kWarmUp = hours(1);
// After the healing: candidates are silent for 15 minutes before they are asked.
constexpr Duration kDustSettles = minutes(20);
constexpr Duration kHealedTime = minutes(2);
constexpr Duration kAllIsOver = minutes(2);
constexpr size_t kNewcomers = 6;
constexpr size_t kForgers = 2;
constexpr uint32_t kVictims = 4;
// Of the nodes that are handed out, those that are there in truth. Sessions have a median of about
// an hour, and who has left is handed out until he is asked again, every half hour.
constexpr uint64_t kAlivePercentMin = 80;
// Those that lie are in 18.0.0.0/8, victims in 17.0.0.0/8.
constexpr uint32_t kHostileFirst = 0x1200'0001;
constexpr uint32_t kVictimFirst = 0x1100'0001;

constexpr SwarmNode::Kind kLies[] = {SwarmNode::Kind::kSybil, SwarmNode::Kind::kGhosts,
                                     SwarmNode::Kind::kPoisoner, SwarmNode::Kind::kAccuser};

class SwarmGame {
 public:
  SwarmGame(const Play& play, const Trace::Listener& listener);

  Outcome play();

 private:
  size_t or_drawn(size_t wish, uint64_t least, uint64_t most);
  node::Config config();
  void add_nodes();
  void add_member(const Place& place, SwarmNode::Options options);
  void add_members();
  void add_those_that_lie();
  void add_newcomers();
  IpAddress hostile_address(size_t number) const;
  bool is_hostile(const IpAddress& address) const { return hostile_addresses_.contains(address); }
  bool is_reachable(const Endpoint& endpoint) const;
  size_t hostile_places() const;
  void afflict();
  void strike();
  void pass(Duration duration);
  void look_through(const NodeShell& node);
  void check_hand_outs();
  std::string figures() const;

  Play play_;
  World world_;
  Dice dice_;
  DhtSwarm swarm_;
  bool has_v6_ = false;
  std::vector<SwarmNode*> hostile_;
  std::set<IpAddress> hostile_addresses_;
  std::vector<IpAddress> victims_;
  // Sums over all looks at all rings and tables.
  uint64_t looks_ = 0;
  uint64_t contacts_ = 0;
  uint64_t hostile_contacts_ = 0;
  uint64_t hostile_contacts_max_ = 0;  // In one look.
  uint64_t table_nodes_ = 0;
  uint64_t hostile_table_nodes_ = 0;
  uint64_t reachable_ = 0;  // And honest.
};

SwarmGame::SwarmGame(const Play& play, const Trace::Listener& listener)
    : play_(play), world_(play.seed), dice_(world_.dice().fork()) {
  if (listener) world_.trace().set_listener(listener);
  play_.node_count = or_drawn(play.node_count, 1, 2);
  play_.client_count = or_drawn(play.client_count, 100, 200);
  play_.minutes = static_cast<unsigned>(or_drawn(play.minutes, 30, 90));
  constexpr unsigned kPrefixes[] = {24, 16, 1};
  const unsigned drawn_prefix = kPrefixes[dice_.below(3)];
  if (play_.hostile_prefix == 0) play_.hostile_prefix = drawn_prefix;
  const size_t drawn_count = dice_.below(2) == 0 ? 28 : play_.client_count / 10;
  if (play_.hostile_count == 0) play_.hostile_count = drawn_count;
  has_v6_ = dice_.below(3) == 0;
}

size_t SwarmGame::or_drawn(size_t wish, uint64_t least, uint64_t most) {
  const uint64_t drawn = dice_.between(least, most);
  return wish != 0 ? wish : drawn;
}

Outcome SwarmGame::play() {
  add_nodes();
  add_members();
  add_those_that_lie();
  pass(kWarmUp);
  afflict();
  world_.heal();
  pass(kDustSettles);
  add_newcomers();
  pass(kHealedTime);
  world_.check_liveness();
  check_hand_outs();
  const std::string told = figures();
  world_.abandon();
  world_.run_for(kAllIsOver);
  world_.check_remains();
  world_.network().check_invariants();
  return {world_.event_count(),     world_.trace().hash(),   world_.liveness().successes(),
          world_.verdict().count(), world_.verdict().text(), told};
}

// ---- Who is there.

node::Config SwarmGame::config() {
  node::Config config = World::small_config();
  const bool is_leaf = dice_.below(2) == 0 && play_.node_count == 1;
  config.node.role = is_leaf ? node::RoleChoice::kLeaf : node::RoleChoice::kSupernode;
  config.donate.bandwidth_bytes_per_second = 0;
  config.donate.monthly_bytes = 0;
  config.dht.peers = 256;
  config.dht.items = 64;
  config.dht.memory_percent = 1;
  config.dht.bootstrap.clear();
  return config;
}

void SwarmGame::add_nodes() {
  for (size_t i = 0; i < play_.node_count; ++i) {
    node::Config of_node = config();
    // The second knows the first; whoever asks them is all that they know of the swarm.
    for (const NodeShell* const other : world_.nodes()) {
      const Endpoint endpoint = other->endpoint(true);
      of_node.dht.bootstrap.push_back({endpoint.address.text(), endpoint.port});
    }
    NodeShell& node = world_.add_node(of_node);
    node.dht_oracle().set_truth(
        [this](const Endpoint& endpoint) { return is_reachable(endpoint); });
  }
}

// Our own nodes are of the swarm, too.
bool SwarmGame::is_reachable(const Endpoint& endpoint) const {
  if (is_hostile(endpoint.address)) return true;
  for (const NodeShell* const node : world_.nodes()) {
    const bool is_there = endpoint == node->endpoint(true) || endpoint == node->endpoint(false);
    if (is_there) return node->is_running();
  }
  const DhtSwarm::Member* const member = swarm_.find(endpoint);
  return member != nullptr && member->is_alive && member->is_open;
}

void SwarmGame::add_member(const Place& place, SwarmNode::Options options) {
  for (const NodeShell* const node : world_.nodes()) {
    options.servers.push_back(node->endpoint(place.has_v4));
  }
  options.victims = victims_;
  auto& member = world_.run<SwarmNode>(world_.add_host(place), world_.network(), swarm_, options);
  if (member.is_hostile()) hostile_.push_back(&member);
}

// Of each hundred 20 have IPv6 only, in some worlds; 25 are behind NATs or firewalls, 5 are
// read-only, and 30 or so are away.
void SwarmGame::add_members() {
  for (size_t i = 0; i < play_.client_count; ++i) {
    Place place;
    place.has_v4 = !has_v6_ || dice_.below(5) != 0;
    place.has_v6 = !place.has_v4;
    if (dice_.below(4) == 0) {
      const uint64_t kind = dice_.between(1, kNatKindCount - 1);
      place.nats = nat_chain(static_cast<NatKind>(kind));
    }
    SwarmNode::Options options;
    if (dice_.below(20) == 0) options.kind = SwarmNode::Kind::kReadOnly;
    add_member(place, options);
  }
}

IpAddress SwarmGame::hostile_address(size_t number) const {
  const auto at = static_cast<uint32_t>(number);
  switch (play_.hostile_prefix) {
    case 24: return IpAddress::v4(kHostileFirst + at % 254);
    case 16: return IpAddress::v4(kHostileFirst + (at % 256 << 8) + at / 256);
    default: return IpAddress::v4(kHostileFirst + (at << 12));  // Not an enum.
  }
}

// In how many places of a ring they may be.
size_t SwarmGame::hostile_places() const {
  std::map<Prefix, size_t> counts;
  for (const IpAddress& address : hostile_addresses_) ++counts[Prefix::of(address, 96 + 24)];
  size_t places = 0;
  for (const auto& [prefix, count] : counts) {
    places += std::min<size_t>(count, DhtOracle::kPerPrefixMax);
  }
  return places;
}

void SwarmGame::add_those_that_lie() {
  for (uint32_t i = 0; i < kVictims; ++i)
    victims_.push_back(IpAddress::v4(kVictimFirst + (i << 8)));
  Place place;
  place.has_v6 = false;
  for (size_t i = 0; i < play_.hostile_count; ++i) {
    place.v4 = hostile_address(i);
    if (!hostile_addresses_.insert(*place.v4).second) continue;
    SwarmNode::Options options;
    options.kind = kLies[i % std::size(kLies)];
    options.period = minutes(20);  // So that one of its ports has always been silent for long.
    add_member(place, options);
  }
  std::vector<wire::CompactNode> fellows;
  for (const SwarmNode* const node : hostile_) fellows.push_back(*node->contact());
  for (SwarmNode* const node : hostile_) node->set_fellows(fellows);
  for (size_t i = 0; i < kForgers; ++i) {
    Place anywhere;
    anywhere.has_v6 = false;
    SwarmNode::Options options;
    options.kind = SwarmNode::Kind::kForger;
    options.period = minutes(1);
    add_member(anywhere, options);
  }
}

void SwarmGame::add_newcomers() {
  for (size_t i = 0; i < kNewcomers; ++i) {
    Place place;
    if (i % 2 != 0) place.nats = nat_chain(NatKind::kPortRestricted);
    const auto& nodes = world_.nodes();
    DhtNewcomer::Options options;
    // The swarm is small, and its part with IPv6 a fifth of that.
    options.server = nodes[i % nodes.size()]->endpoint(true);
    options.name = "newcomer " + std::to_string(i);
    world_.run<DhtNewcomer>(world_.add_host(place), options, world_.liveness());
  }
}

// ---- What happens.

void SwarmGame::afflict() {
  const MonoTime end = world_.now() + minutes(play_.minutes);
  while (world_.now() < end) {
    const Duration pause = dice_.between(minutes(5), minutes(40));
    pass(std::min(pause, end - world_.now()));
    strike();
  }
}

void SwarmGame::strike() {
  NodeShell& node = *world_.nodes()[dice_.below(world_.nodes().size())];
  switch (dice_.below(8)) {
    case 0: return world_.set_links(kLossyLink);
    case 1: return world_.set_links(kMobileLink);
    case 2: return world_.split();
    case 3: return world_.end_split();
    // Power comes back at the next stroke, or with one of the others.
    case 4: return node.is_running() ? node.crash() : node.restart();
    case 5: {
      const size_t count = world_.network().realm_count();
      if (count == 1) return;
      return world_.reboot_nat(static_cast<Network::RealmId>(1 + dice_.below(count - 1)));
    }
    default: {  // Not an enum: the die has eight sides.
      if (!node.is_running()) node.restart();
      world_.end_split();
      return world_.set_links(kCalmLink);
    }
  }
}

void SwarmGame::pass(Duration duration) {
  const MonoTime end = world_.now() + duration;
  while (world_.now() < end) {
    world_.run_for(std::min(kTurn, end - world_.now()));
    for (NodeShell* const node : world_.nodes()) {
      if (!node->is_running() || node->node().dht() == nullptr) continue;
      node->dht_oracle().check_ring(world_.now(), node->node().dht()->verifier().ring());
      if (world_.now() >= MonoTime(kWarmUp)) look_through(*node);
    }
  }
}

void SwarmGame::look_through(const NodeShell& node) {
  ++looks_;
  const core::dht::Server& dht = *node.node().dht();
  uint64_t hostile = 0;
  dht.verifier().ring().for_each(MonoTime(), [&](const wire::CompactNode& contact, Duration) {
    ++contacts_;
    hostile += is_hostile(contact.endpoint.address);
  });
  hostile_contacts_ += hostile;
  hostile_contacts_max_ = std::max(hostile_contacts_max_, hostile);
  if (hostile > hostile_places()) {
    world_.verdict().fail(world_.now(), std::to_string(hostile) + " places for those that lie");
  }
  std::array<wire::CompactNode, 256> nodes;
  const size_t count = dht.table(core::dht::Family::kV4).nearest({}, nodes);
  table_nodes_ += count;
  for (size_t i = 0; i < count; ++i) hostile_table_nodes_ += is_hostile(nodes[i].endpoint.address);
  for (uint32_t number = 0; number < swarm_.size(); ++number) {
    const Endpoint& endpoint = swarm_[number].contact.endpoint;
    reachable_ += is_reachable(endpoint) && !is_hostile(endpoint.address);
  }
}

void SwarmGame::check_hand_outs() {
  for (NodeShell* const node : world_.nodes()) {
    const DhtOracle& oracle = node->dht_oracle();
    if (oracle.handed_out_alive() * 100 >= oracle.handed_out() * kAlivePercentMin) continue;
    world_.verdict().fail(world_.now(), "of " + std::to_string(oracle.handed_out()) +
                                            " that were handed out only " +
                                            std::to_string(oracle.handed_out_alive()) + " live");
  }
}

// Hundredths of a percent as text.
std::string percent(uint64_t part, uint64_t whole) {
  const uint64_t hundredths = whole == 0 ? 0 : part * 10'000 / whole;
  const std::string fraction = std::to_string(hundredths % 100);
  return std::to_string(hundredths / 100) + (fraction.size() == 1 ? ".0" : ".") + fraction + " %";
}

std::string SwarmGame::figures() const {
  uint64_t handed_out = 0;
  uint64_t alive = 0;
  size_t unasked_max = 0;
  for (NodeShell* const node : world_.nodes()) {
    unasked_max = std::max(unasked_max, node->dht_oracle().unasked_max());
    handed_out += node->dht_oracle().handed_out();
    alive += node->dht_oracle().handed_out_alive();
  }
  const uint64_t looks = std::max<uint64_t>(looks_, 1);
  const uint64_t places = hostile_places();
  return "  " + std::to_string(hostile_addresses_.size()) + " addresses lie, with " +
         std::to_string(places) + " places at most; beside them " +
         std::to_string(reachable_ / looks) +
         " can be reached on the average: " + percent(places, places + reachable_ / looks) +
         "\n  of " + std::to_string(contacts_ / looks) + " contacts theirs are " +
         percent(hostile_contacts_, contacts_) +
         " (most at a time: " + std::to_string(hostile_contacts_max_) + "), of " +
         std::to_string(table_nodes_ / looks) + " nodes in the routing table " +
         percent(hostile_table_nodes_, table_nodes_) +
         "\n  handed out: " + std::to_string(handed_out) + ", of which live " +
         percent(alive, handed_out) +
         "; asked in vain most often within an hour: " + std::to_string(unasked_max) + "\n";
}

}  // namespace

Outcome play_swarm(const Play& play, const Trace::Listener& listener) {
  return SwarmGame(play, listener).play();
}

}  // namespace roost::sim
