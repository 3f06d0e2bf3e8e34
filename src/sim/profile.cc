// SPDX-License-Identifier: MIT
#include "sim/profile.h"

#include <algorithm>
#include <deque>
#include <set>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/crypto_hash.h"
#include "sim/actors/binding_client.h"
#include "sim/actors/bystander.h"
#include "sim/actors/classic_client.h"
#include "sim/actors/data_peer.h"
#include "sim/actors/discovery_client.h"
#include "sim/actors/flooder.h"
#include "sim/actors/hello_flooder.h"
#include "sim/actors/http_client.h"
#include "sim/actors/liar.h"
#include "sim/actors/proxy_seeker.h"
#include "sim/actors/silent_client.h"
#include "sim/actors/stream_client.h"
#include "sim/actors/stream_relay_client.h"
#include "sim/actors/turn_client.h"
#include "sim/swarm_game.h"
#include "sim/world.h"

namespace roost::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr Profile kProfiles[] = {Profile::kCalm,  Profile::kLossy,  Profile::kHostile,
                                 Profile::kFlood, Profile::kNatZoo, Profile::kClock,
                                 Profile::kSwarm};

// After the last attack: silent connections end, prefixes and donations recover.
constexpr Duration kDustSettles = seconds(15);
// After the healing every client asks at least once, and has the time that its protocol takes.
constexpr Duration kHealedTime = seconds(75);
// Discovery is up to four questions without an answer, one after the other.
constexpr Duration kHealedTimeOfZoo = seconds(210);

// The default lifetime of an allocation (RFC 8656 §3.2), and what an association is kept beyond it.
constexpr Duration kAllIsOver = minutes(10) + seconds(45);

constexpr uint64_t kFloodPrefixes = 10'000;
constexpr uint64_t kPairsMax = 4;  // Of friends who need a relay.
constexpr uint64_t kStreamRelayClientsMax = 2;
// Streams beyond one of each client: of friends who need a relay or redeem a token, and of those
// who get credentials; and six of each whose TCP is relayed.
constexpr size_t kFurtherStreams = 24 + 6 * kStreamRelayClientsMax;

enum class Fault : uint8_t {
  kLines,
  kSplit,
  kEndSplit,
  kPower,
  kNatReboots,
  kClockJumps,
  kReload,
  kGrants,     // Some are revoked, others given again.
  kStrangers,  // What strangers may is changed.
};

std::vector<Fault> faults_of(Profile profile) {
  switch (profile) {
    case Profile::kCalm: return {};
    case Profile::kLossy:
      return {Fault::kLines, Fault::kLines,      Fault::kSplit,  Fault::kEndSplit,
              Fault::kPower, Fault::kNatReboots, Fault::kGrants, Fault::kStrangers};
    case Profile::kHostile:
      return {Fault::kLines,  Fault::kSplit,      Fault::kEndSplit, Fault::kPower,
              Fault::kPower,  Fault::kNatReboots, Fault::kReload,   Fault::kClockJumps,
              Fault::kGrants, Fault::kStrangers};
    case Profile::kFlood: return {Fault::kPower, Fault::kReload, Fault::kGrants, Fault::kStrangers};
    case Profile::kNatZoo: return {Fault::kNatReboots, Fault::kLines};
    case Profile::kClock:
      return {Fault::kClockJumps, Fault::kClockJumps, Fault::kPower, Fault::kGrants};
    case Profile::kSwarm: return {};  // Has a game of its own.
  }
  return {};
}

// A world being played. The order of all draws is the order of the statements.
class Game {
 public:
  Game(const Play& play, const Trace::Listener& listener);

  Outcome play();

 private:
  size_t or_drawn(size_t wish, uint64_t least, uint64_t most);
  node::Config config();
  NatOptions any_nat();
  Place any_place();
  void add_nodes();
  void add_clients();
  void add_client(size_t number);
  void add_pair(size_t number);
  void add_stream_relay_clients();
  std::string add_grant();
  void add_proxy_seeker();
  void add_hello_flooder(const std::vector<Endpoint>& nodes);
  void add_zoo(size_t count);
  void add_attackers();
  void afflict();
  void strike(Fault fault);
  void revoke_grants(NodeShell& node);
  void change_strangers(node::Config::Relay& relay);
  void jump(NodeShell& node);
  void recover();
  void check_zoo();

  Endpoint server(const Host& host);
  NodeShell& any_node() { return *world_.nodes()[dice_.below(world_.nodes().size())]; }
  bool is_hostile() const { return play_.profile == Profile::kHostile; }

  struct Discoverer {
    actors::DiscoveryClient* client;
    actors::NatBehaviour truth;
  };
  struct ClassicDiscoverer {
    actors::ClassicClient* client;
    actors::ClassicKind truth;
  };

  Play play_;
  World world_;
  Dice dice_;
  TransferOracle transfers_{world_.verdict()};
  std::deque<actors::Meeting> meetings_;  // Of the clients of relays.
  actors::NoticeBoard notice_board_;
  std::vector<core::turn::Grant> grants_;  // That the owners of all nodes have given.
  std::vector<Discoverer> discoverers_;
  std::vector<ClassicDiscoverer> classic_discoverers_;
  std::vector<actors::SilentClient*> silent_;
  std::vector<actors::Liar*> liars_;
  std::vector<actors::Flooder*> flooders_;
  std::vector<actors::HelloFlooder*> hello_flooders_;
  std::vector<actors::ProxySeeker*> proxy_seekers_;
  std::set<const NodeShell*> changed_;  // What strangers may there.
};

Game::Game(const Play& play, const Trace::Listener& listener)
    : play_(play), world_(play.seed), dice_(world_.dice().fork()) {
  if (listener) world_.trace().set_listener(listener);
  play_.node_count = or_drawn(play.node_count, 1, 3);
  play_.client_count = or_drawn(play.client_count, 8, 30);
  play_.minutes = static_cast<unsigned>(or_drawn(play.minutes, 1, 3));
}

size_t Game::or_drawn(size_t wish, uint64_t least, uint64_t most) {
  const uint64_t drawn = dice_.between(least, most);
  return wish != 0 ? wish : drawn;
}

Outcome Game::play() {
  add_nodes();
  add_clients();
  if (play_.profile == Profile::kCalm) world_.heal();
  add_attackers();
  afflict();
  recover();
  world_.check_liveness();
  check_zoo();
  world_.abandon();
  world_.run_for(kAllIsOver);
  world_.check_remains();
  world_.network().check_invariants();
  return {world_.event_count(),     world_.trace().hash(),   world_.liveness().successes(),
          world_.verdict().count(), world_.verdict().text(), {}};
}

// ---- Who is there.

node::Config Game::config() {
  node::Config config = World::small_config();
  // Room for all honest streams; attackers have what is left.
  config.donate.connections = static_cast<uint32_t>(
      std::max<size_t>(dice_.between(16, 64), play_.client_count + kFurtherStreams));
  const bool is_bounded = play_.profile != Profile::kCalm && play_.profile != Profile::kNatZoo;
  if (is_bounded && dice_.below(2) == 0) change_strangers(config.relay);
  config.donate.memory_bytes = 0;
  config.donate.memory_bytes = node::total_bytes(node::memory_plan(config));
  if (is_hostile()) {
    config.donate.bandwidth_bytes_per_second = dice_.between(2'000, 50'000);
    config.donate.monthly_bytes = dice_.between(10'000, 2'000'000);
    config.admission.packets_per_second_per_prefix = static_cast<uint32_t>(dice_.between(5, 100));
  }
  if (play_.profile == Profile::kFlood) config.donate.bandwidth_bytes_per_second = 0;
  if (play_.profile == Profile::kClock) config.donate.monthly_bytes = dice_.between(2'000, 50'000);
  if (dice_.below(4) == 0) config.stun.software = "a node";
  return config;
}

void Game::add_nodes() {
  for (size_t i = 0; i < play_.node_count; ++i) {
    const node::Config of_node = config();
    const NodeShell& node = world_.add_node(of_node);
    const uint32_t plenty = World::small_config().relay.stranger_allocations;
    if (of_node.relay.stranger_allocations < plenty) changed_.insert(&node);
  }
}

NatOptions Game::any_nat() {
  NatOptions nat;
  nat.mapping = static_cast<Dependence>(dice_.below(3));
  nat.filtering = static_cast<Dependence>(dice_.below(3));
  nat.hairpins = dice_.below(2) == 0;
  nat.ports = dice_.below(2) == 0 ? PortChoice::kPreserved : PortChoice::kRandom;
  nat.udp_lifetime = dice_.between(seconds(30), minutes(5));
  nat.inbound_refreshes = dice_.below(4) == 0;
  return nat;
}

Place Game::any_place() {
  Place place;
  const size_t nat_count = dice_.below(3);
  for (size_t i = 0; i < nat_count; ++i) place.nats.push_back(any_nat());
  place.firewall = any_nat();
  if (dice_.below(3) == 0 && play_.profile != Profile::kCalm) place.link = kMobileLink;
  return place;
}

Endpoint Game::server(const Host&) {
  const bool is_v4 = dice_.below(3) != 0;
  return any_node().endpoint(is_v4);
}

void Game::add_clients() {
  size_t count = play_.client_count;
  if (play_.profile == Profile::kNatZoo) {
    add_zoo(count);
    count = 4;
  }
  for (size_t i = 0; i < count; ++i) add_client(i);
  const uint64_t pair_count = dice_.below(kPairsMax + 1);
  for (size_t i = 0; i < pair_count; ++i) add_pair(i);
  add_stream_relay_clients();
  for (NodeShell* const node : world_.nodes()) node->set_grants(grants_);
}

void Game::add_client(size_t number) {
  Host& host = world_.add_host(any_place());
  const uint64_t kind = dice_.below(10);
  const std::string name = " " + std::to_string(number);
  if (kind < 6) {
    actors::BindingClient::Options options;
    for (int i = 0; i < 3; ++i) options.servers.push_back(server(host));
    options.period = dice_.between(seconds(2), seconds(15));
    options.keeps_port = dice_.below(2) == 0;
    options.question.is_classic = kind == 0;
    options.question.has_fingerprint = dice_.below(2) == 0;
    options.question.has_change_request = dice_.below(4) == 0;
    options.name = "client" + name;
    world_.run<actors::BindingClient>(host, options, world_.liveness(), world_.mapped_addresses());
  } else if (kind < 8) {
    actors::StreamClient::Options options;
    for (int i = 0; i < 2; ++i) options.servers.push_back(server(host));
    options.period = dice_.between(seconds(5), seconds(20));
    options.is_tls = dice_.below(2) == 0;
    options.segment_bytes = dice_.below(3) * 7;
    options.name = "stream client" + name;
    world_.run<actors::StreamClient>(host, options, world_.liveness(), world_.mapped_addresses());
  } else {
    actors::HttpClient::Options options;
    const NodeShell& node = any_node();
    const bool is_v4 = dice_.below(2) == 0;
    options.server = node.endpoint(is_v4);
    options.key = node.public_key();
    options.period = dice_.between(seconds(5), seconds(20));
    options.name = "HTTP client" + name;
    world_.run<actors::HttpClient>(host, options, world_.liveness(), world_.verdict());
  }
}

// Two friends, who reach each other through relays of the same node or of two: each has a password,
// a grant, or nothing, and any way to the relay.
void Game::add_pair(size_t number) {
  actors::Meeting& meeting = meetings_.emplace_back();
  const bool is_v4 = dice_.below(3) != 0;  // A relayed address reaches its own family only.
  for (size_t side = 0; side < 2; ++side) {
    Host& host = world_.add_host(any_place());
    actors::TurnClient::Options options;
    options.server = any_node().endpoint(is_v4);
    options.transport = static_cast<core::Transport>(dice_.below(core::kTransportCount));
    options.segment_bytes = dice_.below(2) * 61;
    switch (dice_.below(3)) {
      case 0:
        options.username = World::kFriend;
        options.password = World::kFriendsPassword;
        break;
      case 1: options.token = add_grant(); break;
      case 2: meeting.is_of_agents = true; break;
      default: break;  // Not an enum: the die has three sides.
    }
    options.shape = static_cast<actors::TurnClient::Shape>(
        dice_.below(2) == 0 ? 0 : dice_.below(actors::TurnClient::kShapeCount));
    options.side = side;
    // A stream must not be silent for long.
    const bool is_stream = core::is_byte_stream(options.transport);
    options.period = dice_.between(seconds(3), seconds(is_stream ? 8 : 20));
    options.name = "relay client " + std::to_string(number) + (side == 0 ? "a" : "b");
    world_.run<actors::TurnClient>(host, options, meeting, world_.liveness(),
                                   world_.mapped_addresses(), world_.verdict());
  }
}

// Those who are connected to peers by a relay; the second peer is permitted to nobody.
void Game::add_stream_relay_clients() {
  const uint64_t count = dice_.below(kStreamRelayClientsMax + 1);
  if (count == 0) return;
  auto& peer = world_.run<actors::DataPeer>(world_.add_host(), transfers_);
  auto& intruder = world_.run<actors::DataPeer>(world_.add_host(), transfers_);
  Endpoint meeting_place;
  for (uint64_t i = 0; i < count; ++i) {
    Host& host = world_.add_host(any_place());
    actors::StreamRelayClient::Options options;
    if (i == 0 || dice_.below(3) == 0) meeting_place = server(host);
    options.server = meeting_place;
    options.is_tls = dice_.below(2) == 0;
    if (dice_.below(3) == 0) {
      options.username = World::kFriend;
      options.password = World::kFriendsPassword;
    } else {
      options.token = add_grant();
    }
    options.name = "client of relayed TCP " + std::to_string(i);
    world_.run<actors::StreamRelayClient>(host, options, peer, intruder, notice_board_, transfers_,
                                          world_.liveness(), world_.verdict());
  }
}

// Of all nodes' owners. Returns its token.
std::string Game::add_grant() {
  const std::string token = "token " + std::to_string(grants_.size());
  core::turn::Grant grant;
  grant.token_hash = sha256(as_bytes(token));
  grant.id = load_u64(grant.token_hash.data());
  grant.payer = dice_.below(2) == 0 ? core::Payer::kFriend : core::Payer::kFriendOfFriend;
  grants_.push_back(grant);
  return token;
}

void Game::add_zoo(size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const Place place = any_place();
    Host& host = world_.add_host(place);
    const bool is_v4 = dice_.below(4) != 0;
    const Endpoint node = any_node().endpoint(is_v4);
    const bool is_open = place.nats.empty();
    const actors::NatBehaviour truth = is_v4 || is_open
                                           ? actors::behaviour_of(place.nats)
                                           : actors::behaviour_of_firewall(place.firewall);
    if (i % 3 == 2) {
      auto& client = world_.run<actors::ClassicClient>(host, node, world_.verdict(),
                                                       world_.mapped_addresses());
      classic_discoverers_.push_back({&client, actors::classic_kind_of(truth)});
    } else {
      auto& client = world_.run<actors::DiscoveryClient>(host, node, world_.verdict(),
                                                         world_.mapped_addresses());
      discoverers_.push_back({&client, truth});
    }
  }
}

void Game::add_attackers() {
  std::vector<Endpoint> nodes;
  for (const NodeShell* const node : world_.nodes()) {
    nodes.push_back(node->endpoint(true));
    nodes.push_back(node->endpoint(false));
    nodes.push_back(node->endpoint(true, 1, 1));
  }
  if (is_hostile()) {
    for (int i = 0; i < 2; ++i) {
      Host& host = world_.add_host();
      liars_.push_back(&world_.run<actors::Liar>(
          host, world_.network(),
          actors::Liar::Options{nodes, nodes, milliseconds(20), &meetings_}));
    }
    for (int i = 0; i < 6; ++i) {
      Host& host = world_.add_host();
      const Endpoint node = any_node().endpoint(true);
      silent_.push_back(&world_.run<actors::SilentClient>(
          host, actors::SilentClient::Options{node, 16, milliseconds(200)}));
    }
  }
  if (dice_.below(2) == 0) add_proxy_seeker();
  if (is_hostile() || dice_.below(3) == 0) add_hello_flooder(nodes);
  if (is_hostile() || play_.profile == Profile::kFlood) {
    actors::Flooder::Options options;
    options.targets = nodes;
    options.load = static_cast<actors::Flooder::Load>(dice_.below(3));
    options.packets_per_second = dice_.between(200, 800);
    options.prefix_count = kFloodPrefixes;
    if (is_hostile()) {
      // In the names of nodes and honest clients, whose prefixes these are.
      options.first_source = IpAddress::v4(0x14000000);
      options.prefix_count = play_.node_count * 2 + play_.client_count;
      options.packets_per_second = dice_.between(50, 400);
    }
    Host& host = world_.add_host();
    flooders_.push_back(&world_.run<actors::Flooder>(host, world_.network(), options));
  }
}

void Game::add_hello_flooder(const std::vector<Endpoint>& nodes) {
  actors::HelloFlooder::Options options;
  options.targets = nodes;
  options.packets_per_second = dice_.between(5, 50);
  if (dice_.below(2) == 0) {
    // In the names of nodes and honest clients, whose prefixes these are.
    options.first_source = IpAddress::v4(0x14000000);
    options.prefix_count = play_.node_count * 2 + play_.client_count;
  }
  Host& host = world_.add_host();
  hello_flooders_.push_back(&world_.run<actors::HelloFlooder>(host, world_.network(), options));
}

void Game::add_proxy_seeker() {
  constexpr uint16_t kEchoPort = 7;
  actors::ProxySeeker::Options options;
  const bool is_v4 = dice_.below(3) != 0;
  for (const bool echoes : {false, true, true}) {
    Host& host = world_.add_host();
    const auto address = host.address_towards(any_node().endpoint(is_v4).address);
    options.victims.push_back({*address, kEchoPort});
    world_.run<actors::Bystander>(host, world_.verdict(), echoes);
  }
  options.server = any_node().endpoint(is_v4);
  options.transport = static_cast<core::Transport>(dice_.below(core::kTransportCount));
  Host& host = world_.add_host(any_place());
  proxy_seekers_.push_back(&world_.run<actors::ProxySeeker>(host, options));
}

// ---- What happens.

void Game::afflict() {
  const std::vector<Fault> faults = faults_of(play_.profile);
  const MonoTime end = world_.now() + minutes(play_.minutes);
  if (play_.profile == Profile::kLossy) world_.set_links(kLossyLink);
  while (world_.now() < end) {
    const Duration pause = dice_.between(seconds(1), seconds(15));
    world_.run_for(std::min(pause, end - world_.now()));
    if (!faults.empty()) strike(faults[dice_.below(faults.size())]);
  }
}

void Game::strike(Fault fault) {
  switch (fault) {
    case Fault::kLines: {
      const LinkProfile* const profiles[] = {&kCalmLink, &kMobileLink, &kLossyLink, &kHostileLink};
      return world_.set_links(*profiles[dice_.below(4)]);
    }
    case Fault::kSplit: return world_.split();
    case Fault::kEndSplit: return world_.end_split();
    case Fault::kPower: {
      NodeShell& node = any_node();
      return node.is_running() ? node.crash() : node.restart();
    }
    case Fault::kNatReboots: {
      const size_t count = world_.network().realm_count();
      if (count == 1) return;
      return world_.reboot_nat(static_cast<Network::RealmId>(1 + dice_.below(count - 1)));
    }
    case Fault::kClockJumps: return jump(any_node());
    case Fault::kGrants: return revoke_grants(any_node());
    case Fault::kStrangers: {
      NodeShell& node = any_node();
      node::Config config = node.config();
      change_strangers(config.relay);
      changed_.insert(&node);
      return node.reload(config);
    }
    case Fault::kReload: {
      NodeShell& node = any_node();
      node::Config config = node.config();
      config.admission.packets_per_second_per_prefix =
          static_cast<uint32_t>(dice_.between(20, 300));
      if (is_hostile()) {
        config.donate.bandwidth_bytes_per_second = dice_.between(2'000, 50'000);
        config.donate.monthly_bytes = dice_.between(10'000, 2'000'000);
        config.donate.connections = static_cast<uint32_t>(dice_.between(1, 64));
        config.admission.connections_per_prefix = static_cast<uint32_t>(dice_.between(1, 8));
      }
      return node.reload(config);
    }
  }
}

void Game::revoke_grants(NodeShell& node) {
  std::vector<core::turn::Grant> left;
  for (core::turn::Grant grant : grants_) {
    if (dice_.below(2) == 0) continue;
    // Enough for some words.
    if (dice_.below(4) == 0) grant.bytes_max = dice_.between(500, 20'000);
    left.push_back(grant);
  }
  node.set_grants(left);
}

void Game::change_strangers(node::Config::Relay& relay) {
  constexpr uint32_t kCounts[] = {0, 1, 2, 4, 64};
  relay.stranger_allocations = kCounts[dice_.below(std::size(kCounts))];
  relay.stranger_allocations_per_user = static_cast<uint32_t>(dice_.between(1, 8));
  relay.stranger_bytes = dice_.below(2) == 0 ? 0 : dice_.between(500, 5'000);
  relay.stranger_time = dice_.between(seconds(20), minutes(2));
  relay.stranger_work = dice_.below(2) == 0 ? 0 : static_cast<uint32_t>(dice_.between(1, 12));
}

void Game::jump(NodeShell& node) {
  using std::chrono::days;
  const WallTime now = world_.wall();
  const auto date = std::chrono::year_month_day(std::chrono::floor<days>(now));
  const WallTime next_month{
      std::chrono::sys_days((date.year() / date.month() + std::chrono::months(1)) / 1)};
  switch (dice_.below(6)) {
    case 0: return node.set_wall_clock(WallTime());  // No battery: 1970 again.
    case 1: return node.set_wall_clock(next_month - seconds(dice_.below(20)));
    case 2: return node.set_wall_clock(next_month + seconds(dice_.below(100)));
    case 3: return node.set_wall_clock(now - days(dice_.below(60)));
    case 4: return node.set_wall_clock(now + days(dice_.below(800)));
    case 5: return node.set_wall_clock(now);
    default: return;  // Not an enum: the die has six sides.
  }
}

void Game::recover() {
  for (actors::Liar* const liar : liars_) liar->stop();
  for (actors::ProxySeeker* const seeker : proxy_seekers_) seeker->stop();
  for (actors::HelloFlooder* const flooder : hello_flooders_) flooder->stop();
  for (actors::SilentClient* const client : silent_) client->stop();
  if (is_hostile()) {
    for (actors::Flooder* const flooder : flooders_) flooder->stop();
  }
  for (NodeShell* const node : world_.nodes()) {
    node::Config config = node->config();
    config.donate = World::small_config().donate;
    config.donate.connections = static_cast<uint32_t>(play_.client_count + kFurtherStreams);
    config.donate.bandwidth_bytes_per_second = 0;
    config.donate.monthly_bytes = 0;
    config.admission = World::small_config().admission;
    const node::Config::Relay& relay = World::small_config().relay;
    config.relay.stranger_allocations = relay.stranger_allocations;
    config.relay.stranger_allocations_per_user = relay.stranger_allocations_per_user;
    config.relay.stranger_bytes = relay.stranger_bytes;
    config.relay.stranger_time = relay.stranger_time;
    config.relay.stranger_work = relay.stranger_work;
    node->reload(config);
    node->set_grants(grants_);
    // Tables that a node was started with never grow: its owner restarts it.
    if (node->is_running() && (is_hostile() || changed_.contains(node))) node->crash();
    node->set_wall_clock(world_.wall());
  }
  if (play_.profile != Profile::kCalm) {
    world_.run_for(kDustSettles);
    world_.heal();
  }
  const bool is_zoo = play_.profile == Profile::kNatZoo;
  // What was found out while NATs forgot and lines failed may be wrong, and is asked again.
  for (const Discoverer& discoverer : discoverers_) discoverer.client->begin();
  for (const ClassicDiscoverer& discoverer : classic_discoverers_) discoverer.client->begin();
  world_.run_for(is_zoo ? kHealedTimeOfZoo : kHealedTime);
}

void Game::check_zoo() {
  for (const auto& [client, truth] : discoverers_) {
    if (client->result() == truth) continue;
    const auto& found = client->result();
    world_.verdict().fail(world_.now(), "a NAT of " + text(truth) + " passes for one of " +
                                            (found ? text(*found) : "unknown behaviour"));
  }
  for (const auto& [client, truth] : classic_discoverers_) {
    if (client->result() == truth) continue;
    const auto found = client->result();
    std::string fault(label(truth));
    fault.append(" passes for ").append(found ? label(*found) : "nothing");
    world_.verdict().fail(world_.now(), fault);
  }
}

}  // namespace

std::string_view label(Profile profile) {
  switch (profile) {
    case Profile::kCalm: return "calm";
    case Profile::kLossy: return "lossy";
    case Profile::kHostile: return "hostile";
    case Profile::kFlood: return "flood";
    case Profile::kNatZoo: return "nat-zoo";
    case Profile::kClock: return "clock";
    case Profile::kSwarm: return "swarm";
  }
  return "";
}

std::optional<Profile> find_profile(std::string_view name) {
  for (const Profile profile : kProfiles) {
    if (label(profile) == name) return profile;
  }
  return {};
}

Outcome play(const Play& play, const Trace::Listener& listener) {
  if (play.profile == Profile::kSwarm) return play_swarm(play, listener);
  return Game(play, listener).play();
}

}  // namespace roost::sim
