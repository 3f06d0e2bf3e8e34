// SPDX-License-Identifier: MIT
#include "app/options.h"

#include <algorithm>

namespace roost::app {
namespace {

using node::Config;

constexpr uint64_t kMebi = uint64_t{1} << 20;
constexpr uint64_t kTebi = uint64_t{1} << 40;
constexpr uint64_t kMonthlyMax = 100 * uint64_t{1'000'000'000'000'000};  // 100 PB.

// With a longer one the challenge to a bare Allocate would exceed three times its bytes.
constexpr size_t kRealmSizeMax = 24;

constexpr std::string_view kRoles[] = {"auto", "leaf", "supernode"};
constexpr std::string_view kLevels[] = {"debug", "info", "warn", "error"};
constexpr std::string_view kEngines[] = {"none", "rocksdb"};
constexpr std::string_view kFormats[] = {"auto", "human", "journal"};

constexpr Option kOptions[] = {
    {"node.state_dir",
     "Directory of the node's key and of what must survive a restart. Empty: the directory that "
     "the "
     "service manager names, else ./var.",
     Reload::kRestart, Path{field<&Config::node, &Config::Node::state_dir>()}},
    {"node.listen", "Local addresses to listen on, for UDP and TCP.", Reload::kRestart,
     Addresses{field<&Config::node, &Config::Node::listen>()}},
    {"node.port",
     "Port to listen on, for UDP and TCP: the one to forward on a home router. 0: the system "
     "chooses.",
     Reload::kRestart, Port{field<&Config::node, &Config::Node::port>(), 0}},
    {"node.role",
     "Whether to serve the world or only your own network and friends. auto: the node finds out "
     "whether the world can reach it.",
     Reload::kTakenOver, choice<&Config::node, &Config::Node::role>(kRoles)},
    {"node.external_addresses",
     "Public addresses of this node that are not its own, as behind a cloud provider's mapping. "
     "The first of a family stands for the first of that family in relay.addresses, and so on.",
     Reload::kTakenOver, Addresses{field<&Config::node, &Config::Node::external_addresses>()}},

    {"store.engine",
     "What keeps the node's durable state, in the state directory's store. none: nothing but what "
     "has a file of its own. rocksdb: RocksDB, which takes 12 MiB of memory.",
     Reload::kRestart, choice<&Config::store, &Config::Store::engine>(kEngines)},

    {"tls.certificate",
     "PEM file of the certificate and its chain; read again when it changes. Empty: the node makes "
     "its own, which programs do not trust by themselves.",
     Reload::kRestart, Path{field<&Config::tls, &Config::Tls::certificate>()}},
    {"tls.key", "PEM file of the certificate's private key; read again when it changes.",
     Reload::kRestart, Path{field<&Config::tls, &Config::Tls::key>()}},

    {"donate.bandwidth", "Bytes sent per second at most, headers included. 0: no limit.",
     Reload::kTakenOver,
     Rate{field<&Config::donate, &Config::Donate::bandwidth_bytes_per_second>(), kTebi}},
    {"donate.monthly",
     "Bytes sent per calendar month (UTC) at most, headers included; after that the node answers "
     "that it is full. 0: no limit.",
     Reload::kTakenOver,
     Size{field<&Config::donate, &Config::Donate::monthly_bytes>(), 0, kMonthlyMax}},
    {"donate.memory",
     "Memory that others can make the node use at most. donate.connections, admission.prefixes, "
     "relay.allocations and the DHT have to fit into it.",
     Reload::kTakenOver,
     Size{field<&Config::donate, &Config::Donate::memory_bytes>(), kMebi, kTebi}},
    {"donate.disk", "Disk space that others can make the node use at most.", Reload::kTakenOver,
     Size{field<&Config::donate, &Config::Donate::disk_bytes>(), 0, 1024 * kTebi}},
    {"donate.connections",
     "TCP and TLS connections and DTLS associations at a time, of all peers together. Each may "
     "take "
     "64 KiB of donate.memory.",
     Reload::kUpToStart,
     Count{field<&Config::donate, &Config::Donate::connections>(), 1, 1'000'000}},

    {"admission.packets_per_second_per_prefix",
     "Packets per second that one network prefix (/24 of IPv4, /56 of IPv6) may send without an "
     "established flow; more are dropped unread. 0: no limit.",
     Reload::kTakenOver,
     Count{field<&Config::admission, &Config::Admission::packets_per_second_per_prefix>(), 0,
           1'000'000}},
    {"admission.connections_per_prefix",
     "TCP and TLS connections and DTLS associations at a time that one network prefix may have.",
     Reload::kTakenOver,
     Count{field<&Config::admission, &Config::Admission::connections_per_prefix>(), 1, 1'000'000}},
    {"admission.prefixes",
     "How many network prefixes are told apart at a time. Each takes some tens of bytes of "
     "donate.memory.",
     Reload::kRestart,
     Count{field<&Config::admission, &Config::Admission::prefixes>(), 4, 16'777'216}},

    {"stun.enabled", "Tell others which address and port they are seen from (STUN).",
     Reload::kTakenOver, Flag{field<&Config::stun, &Config::Stun::enabled>()}},
    {"stun.classic", "Answer programs that speak the old STUN of RFC 3489 too.", Reload::kRestart,
     Flag{field<&Config::stun, &Config::Stun::classic>()}},
    {"stun.software",
     "What replies say in their SOFTWARE attribute. Empty: they have none, and are smaller.",
     Reload::kRestart, Text{field<&Config::stun, &Config::Stun::software>(), 127}},
    {"stun.discovery_addresses",
     "Two local addresses of a family, to let others find out how their NAT behaves (RFC 5780). "
     "Empty: not offered.",
     Reload::kRestart, Addresses{field<&Config::stun, &Config::Stun::discovery_addresses>()}},
    {"stun.discovery_port", "The second port of NAT behaviour discovery; the first is node.port.",
     Reload::kRestart, Port{field<&Config::stun, &Config::Stun::discovery_port>(), 1}},

    {"dht.enabled",
     "Answer the queries of the Mainline DHT and remember nodes of it for newcomers.",
     Reload::kRestart, Flag{field<&Config::dht, &Config::Dht::enabled>()}},
    {"dht.bootstrap",
     "Where the node enters the DHT when it knows nobody yet. Empty: it waits until somebody asks "
     "it something.",
     Reload::kRestart, Names{field<&Config::dht, &Config::Dht::bootstrap>()}},
    {"dht.network",
     "Nodes with the same name here find each other in the DHT as supernodes of one network.",
     Reload::kRestart, Text{field<&Config::dht, &Config::Dht::network>(), 64}},
    {"dht.memory_percent", "Percent of donate.memory for the nodes that are remembered.",
     Reload::kRestart, Count{field<&Config::dht, &Config::Dht::memory_percent>(), 1, 90}},
    {"dht.pings_per_second",
     "How many remembered nodes are asked per second at most whether they still live. Each of "
     "them is asked every half hour where that suffices.",
     Reload::kRestart, Count{field<&Config::dht, &Config::Dht::pings_per_second>(), 1, 10'000}},
    {"dht.peers", "Peers of torrents and networks that are kept for whoever announces them.",
     Reload::kRestart, Count{field<&Config::dht, &Config::Dht::peers>(), 1'000, 10'000'000}},
    {"dht.items", "Items of 1,000 bytes that are kept for whoever puts them (BEP 44).",
     Reload::kRestart, Count{field<&Config::dht, &Config::Dht::items>(), 16, 1'000'000}},
    {"dht.admit_private_addresses",
     "Remember nodes at loopback and private addresses too, whatever their IDs: for tests, and for "
     "networks apart from the Internet.",
     Reload::kRestart, Flag{field<&Config::dht, &Config::Dht::admit_private_addresses>()}},

    {"relay.enabled",
     "Relay traffic for those who cannot reach each other otherwise (TURN), within "
     "donate.bandwidth "
     "and donate.monthly.",
     Reload::kRestart, Flag{field<&Config::relay, &Config::Relay::enabled>()}},
    {"relay.realm", "What the relay calls itself when it asks for a password.", Reload::kTakenOver,
     Text{field<&Config::relay, &Config::Relay::realm>(), kRealmSizeMax}},
    {"relay.users", "Friends who may use the relay, and their passwords.", Reload::kTakenOver,
     Users{}},
    {"relay.shared_secret",
     "Secret that a site shares with the relay to make passwords that expire (TURN REST, coturn's "
     "use-auth-secret). Empty: none.",
     Reload::kTakenOver, Text{field<&Config::relay, &Config::Relay::shared_secret>(), 255}},
    {"relay.allocations", "Relayed addresses at a time, of all users together.", Reload::kUpToStart,
     Count{field<&Config::relay, &Config::Relay::allocations>(), 1, 100'000}},
    {"relay.allocations_per_user", "Relayed addresses at a time of one user.", Reload::kTakenOver,
     Count{field<&Config::relay, &Config::Relay::allocations_per_user>(), 1, 100'000}},
    {"relay.allocations_per_prefix",
     "Relayed addresses at a time of clients of one network prefix.", Reload::kTakenOver,
     Count{field<&Config::relay, &Config::Relay::allocations_per_prefix>(), 1, 100'000}},
    {"relay.stranger_allocations",
     "Relayed addresses at a time of strangers: those who have neither a password nor a grant. 0: "
     "they are not served.",
     Reload::kUpToStart,
     Count{field<&Config::relay, &Config::Relay::stranger_allocations>(), 0, 100'000}},
    {"relay.stranger_allocations_per_user",
     "Relayed addresses at a time of the strangers of one network prefix: a /24 of IPv4, or a /48 "
     "of IPv6.",
     Reload::kTakenOver,
     Count{field<&Config::relay, &Config::Relay::stranger_allocations_per_user>(), 1, 100'000}},
    {"relay.stranger_bandwidth",
     "Bytes per second that a stranger's relayed address may carry, both directions. 0: no limit.",
     Reload::kTakenOver,
     Rate{field<&Config::relay, &Config::Relay::stranger_bandwidth_bytes_per_second>(), kTebi}},
    {"relay.stranger_bytes",
     "Bytes that all relayed addresses of the strangers of one network prefix may carry in one "
     "stranger_renewal, both directions. 0: no limit.",
     Reload::kTakenOver,
     Size{field<&Config::relay, &Config::Relay::stranger_bytes>(), 0, kMonthlyMax}},
    {"relay.stranger_time",
     "How long a stranger's credentials are valid, and may keep a relayed address in all.",
     Reload::kTakenOver,
     Time{field<&Config::relay, &Config::Relay::stranger_time>(), std::chrono::minutes(1),
          std::chrono::hours(24)}},
    {"relay.stranger_renewal",
     "How often the strangers of one network prefix get stranger_bytes, however many credentials "
     "they ask for and relayed addresses they make. No shorter than stranger_time.",
     Reload::kTakenOver,
     Time{field<&Config::relay, &Config::Relay::stranger_renewal>(), std::chrono::minutes(1),
          std::chrono::hours(24 * 31)}},
    {"relay.stranger_work",
     "Proof of work that strangers have to bring at rest, in bits: each doubles it. Under load it "
     "rises by itself.",
     Reload::kTakenOver,
     Count{field<&Config::relay, &Config::Relay::stranger_work>(), 0, node::kStrangerWorkMax}},
    {"relay.consent",
     "Let strangers reach only peers that show that they expect it, by ICE connectivity checks, "
     "and "
     "relayed addresses of this node: so that nobody can use it as a proxy.",
     Reload::kTakenOver, Flag{field<&Config::relay, &Config::Relay::consent>()}},
    {"relay.credentials_lifetime",
     "How long the password is valid that the holder of a grant gets. Revoking the grant ends it "
     "at "
     "once.",
     Reload::kTakenOver,
     Time{field<&Config::relay, &Config::Relay::credentials_lifetime>(), std::chrono::minutes(10),
          std::chrono::hours(24 * 30)}},
    {"relay.permissions_per_allocation", "Peers that may send to one relayed address.",
     Reload::kUpToStart,
     Count{field<&Config::relay, &Config::Relay::permissions_per_allocation>(), 1, 255}},
    {"relay.channels_per_allocation", "Channels that a client may bind of one relayed address.",
     Reload::kUpToStart,
     Count{field<&Config::relay, &Config::Relay::channels_per_allocation>(), 1, 255}},
    {"relay.connections",
     "TCP connections between the relay and peers at a time, of all users together (RFC 6062). "
     "Each "
     "may take 32 KiB of donate.memory. 0: TCP is not relayed.",
     Reload::kUpToStart, Count{field<&Config::relay, &Config::Relay::connections>(), 0, 100'000}},
    {"relay.connections_per_allocation", "TCP connections with peers of one relayed address.",
     Reload::kUpToStart,
     Count{field<&Config::relay, &Config::Relay::connections_per_allocation>(), 1, 255}},
    {"relay.lifetime_max",
     "How long a relayed address is kept at most without its client asking again. Over TCP, TLS "
     "and DTLS at most 10 min, since a client that is gone keeps its connection as long.",
     Reload::kTakenOver,
     Time{field<&Config::relay, &Config::Relay::lifetime_max>(), std::chrono::minutes(10),
          std::chrono::hours(24)}},
    {"relay.allocation_bandwidth",
     "Bytes per second that one relayed address may carry, both directions. 0: no limit.",
     Reload::kTakenOver,
     Rate{field<&Config::relay, &Config::Relay::allocation_bandwidth_bytes_per_second>(), kTebi}},
    {"relay.allocation_bytes",
     "Bytes that one relayed address may carry in all, both directions. 0: no limit.",
     Reload::kTakenOver,
     Size{field<&Config::relay, &Config::Relay::allocation_bytes>(), 0, kMonthlyMax}},
    {"relay.friends_percent",
     "Share of donate.bandwidth that friends have when it is scarce. What one group leaves idle is "
     "lent to the others.",
     Reload::kTakenOver, Count{field<&Config::relay, &Config::Relay::friends_percent>(), 0, 100}},
    {"relay.friends_of_friends_percent", "The same for friends of friends.", Reload::kTakenOver,
     Count{field<&Config::relay, &Config::Relay::friends_of_friends_percent>(), 0, 100}},
    {"relay.strangers_percent", "The same for strangers.", Reload::kTakenOver,
     Count{field<&Config::relay, &Config::Relay::strangers_percent>(), 0, 100}},
    {"relay.port_min", "The lowest port of relayed addresses.", Reload::kRestart,
     Port{field<&Config::relay, &Config::Relay::port_min>(), 1024}},
    {"relay.port_max", "The highest port of relayed addresses.", Reload::kRestart,
     Port{field<&Config::relay, &Config::Relay::port_max>(), 1024}},
    {"relay.gather",
     "How long the node may wait for more packets while many come, which saves it most of its "
     "wake-ups; no packet is later by more. A call by itself never waits. 0: never.",
     Reload::kTakenOver,
     Time{field<&Config::relay, &Config::Relay::gather>(), Duration(),
          std::chrono::milliseconds(5)}},
    {"relay.addresses",
     "Local addresses of relayed addresses for clients that come over the other family, or at an "
     "address that none of node.external_addresses stands for. Empty: the machine's own public "
     "ones.",
     Reload::kTakenOver, Addresses{field<&Config::relay, &Config::Relay::addresses>()}},
    {"relay.allow_peers",
     "Networks that may be relayed to although the Internet does not reach them, such as your own.",
     Reload::kTakenOver, Prefixes{field<&Config::relay, &Config::Relay::allow_peers>()}},
    {"relay.deny_peers", "Networks that are never relayed to; wins over relay.allow_peers.",
     Reload::kTakenOver, Prefixes{field<&Config::relay, &Config::Relay::deny_peers>()}},

    {"metrics.listen",
     "Where the status page, health checks and metrics are served: a loopback address and port, or "
     "\"unix:\" and the path of a socket. Empty: nowhere.",
     Reload::kRestart, AdminEndpoint{}},
    {"metrics.allow_public",
     "Let metrics.listen be an address that other machines can reach. There is no password, so a "
     "firewall has to guard it.",
     Reload::kRestart, Flag{field<&Config::metrics, &Config::Metrics::allow_public>()}},

    {"log.level", "The least important lines to log. Only debug names addresses of peers.",
     Reload::kTakenOver, choice<&Config::log, &Config::Log::level>(kLevels)},
    {"log.format",
     "human: with time and level. journal: with the priorities that the systemd journal reads. "
     "auto: "
     "journal where it reads, else human.",
     Reload::kTakenOver, choice<&Config::log, &Config::Log::format>(kFormats)},
    {"log.lines_per_second",
     "Lines logged per second at most; those beyond it are counted and summed up in one.",
     Reload::kTakenOver, Count{field<&Config::log, &Config::Log::lines_per_second>(), 1, 10'000}},
};

}  // namespace

std::string_view reload_note(Reload reload) {
  switch (reload) {
    case Reload::kTakenOver: return "";
    case Reload::kUpToStart: return "More than at start needs a restart.";
    case Reload::kRestart: return "Another value needs a restart.";
  }
  return "";
}

std::span<const Option> options() {
  return kOptions;
}

const Option* find_option(std::string_view full_name) {
  const auto* const found =
      std::find_if(std::begin(kOptions), std::end(kOptions),
                   [&](const Option& option) { return option.full_name == full_name; });
  return found == std::end(kOptions) ? nullptr : found;
}

std::vector<std::string_view> section_names() {
  std::vector<std::string_view> names;
  for (const Option& option : kOptions) {
    if (names.empty() || names.back() != option.section()) names.push_back(option.section());
  }
  return names;
}

}  // namespace roost::app
