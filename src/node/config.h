// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/endpoint.h"
#include "base/time.h"

namespace roost::node {

// What the owner decides. One option is one line here (type, default, unit) and one row in the
// table of app/options.cc, from which conf/roost.toml, the man page and --help are generated.
// Sections are the sections of the file. Rates and sizes of 0 mean "no limit" where a line says so.

enum class RoleChoice : uint8_t { kAuto, kLeaf, kSupernode };
enum class LogLevel : uint8_t { kDebug, kInfo, kWarn, kError };
enum class LogFormat : uint8_t { kAuto, kHuman, kJournal };
enum class StoreEngine : uint8_t { kNone, kRocksdb };

struct Config {
  struct Node {
    std::string state_dir;  // Empty: $STATE_DIRECTORY from the service manager, else ./var.
    std::vector<IpAddress> listen = {IpAddress::v4(0), IpAddress()};  // 0.0.0.0 and ::.
    uint16_t port = 3478;  // UDP and TCP; STUN's own (RFC 8489 §18.6).
    RoleChoice role = RoleChoice::kAuto;
    std::vector<IpAddress> external_addresses;
  } node;

  struct Store {
    StoreEngine engine = StoreEngine::kNone;
  } store;

  struct Tls {
    std::string certificate;  // PEM file; empty: self-signed, kept in the state directory.
    std::string key;          // PEM file.
  } tls;

  struct Donate {
    uint64_t bandwidth_bytes_per_second = 20'000'000 / 8;  // Sent, headers included. 0: no limit.
    uint64_t monthly_bytes = 500'000'000'000;              // Sent, headers included. 0: no limit.
    uint64_t memory_bytes = 64 * 1024 * 1024;
    uint64_t disk_bytes = 1024 * 1024 * 1024;
    uint32_t connections = 512;  // TCP, TLS and DTLS, of all peers together.
  } donate;

  struct Admission {
    uint32_t packets_per_second_per_prefix = 200;  // Of no established flow. 0: no limit.
    uint32_t connections_per_prefix = 16;
    uint32_t prefixes = 16384;  // How many are told apart at a time.
  } admission;

  struct Stun {
    bool enabled = true;
    bool classic = true;                         // Answer RFC 3489 requests too.
    std::string software;                        // SOFTWARE attribute; empty: none.
    std::vector<IpAddress> discovery_addresses;  // Two of a family: RFC 5780 for that family.
    uint16_t discovery_port = 3479;
  } stun;

  // The Mainline DHT.
  struct Dht {
    struct Name {
      std::string host;  // Or an address.
      uint16_t port = 0;
      friend bool operator==(const Name&, const Name&) = default;
    };
    bool enabled = true;
    std::vector<Name> bootstrap = {{"dht.libtorrent.org", 25401}, {"dht.transmissionbt.com", 6881}};
    std::string network = "main";          // Supernodes of one name find each other.
    uint32_t memory_percent = 10;          // Of donate.memory, for contacts.
    uint32_t pings_per_second = 20;        // To keep contacts alive.
    uint32_t peers = 16384;                // Kept for announce_peer (BEP 5).
    uint32_t items = 2048;                 // Of 1,000 bytes, kept for put (BEP 44).
    bool admit_private_addresses = false;  // As contacts, under any ID: for tests.
  } dht;

  // TURN. Limits of 0 mean "no limit" where a line says so.
  struct Relay {
    struct User {
      std::string name;
      std::string password;
      friend bool operator==(const User&, const User&) = default;
    };
    bool enabled = true;
    std::string realm = "roost";
    std::vector<User> users;    // Friends, by name and password.
    std::string shared_secret;  // Of ephemeral credentials (TURN REST); empty: none.
    uint32_t allocations = 512;
    uint32_t allocations_per_user = 32;
    uint32_t allocations_per_prefix = 32;
    // Of those who have neither a password nor a grant. 0: they are not served.
    uint32_t stranger_allocations = 64;
    uint32_t stranger_allocations_per_user = 4;                  // Per prefix, that is.
    uint64_t stranger_bandwidth_bytes_per_second = 500'000 / 8;  // Of an allocation. 0: no limit.
    uint64_t stranger_bytes = 100'000'000;  // Of a prefix, in stranger_renewal. 0: no limit.
    Duration stranger_time =
        std::chrono::minutes(30);  // Of credentials, and what they are used for.
    Duration stranger_renewal = std::chrono::hours(1);  // No shorter than stranger_time.
    uint32_t stranger_work = 0;  // Bits of proof of work at rest; under load it rises by itself.
    bool consent = true;         // Strangers reach only peers that expect it (ICE).
    Duration credentials_lifetime = std::chrono::hours(24);  // Of what a grant's holder gets.
    uint32_t permissions_per_allocation = 16;
    uint32_t channels_per_allocation = 16;
    uint32_t connections = 64;  // TCP, to and from peers (RFC 6062). 0: none are relayed.
    uint32_t connections_per_allocation = 16;
    Duration lifetime_max = std::chrono::hours(1);
    uint64_t allocation_bandwidth_bytes_per_second = 4'000'000 / 8;  // 0: no limit.
    uint64_t allocation_bytes = 10'000'000'000;                      // 0: no limit.
    uint32_t friends_percent = 60;  // Of donate.bandwidth; what is idle is lent.
    uint32_t friends_of_friends_percent = 30;
    uint32_t strangers_percent = 10;
    uint16_t port_min = 49152;  // The dynamic ports (RFC 8656 §7.2).
    uint16_t port_max = 65535;
    Duration gather = std::chrono::microseconds(800);  // Longest nap for more packets. 0: none.
    std::vector<IpAddress> addresses;  // Where relayed addresses are bound; empty: found out.
    std::vector<Prefix> allow_peers;
    std::vector<Prefix> deny_peers;
    // Those of this machine, to which nothing is relayed. No option: the shell finds them out.
    std::vector<IpAddress> machine_addresses;
    std::vector<Prefix> machine_networks;  // On its links; nothing is relayed there either.
  } relay;

  // Where the admin listener listens: a loopback address and port, or a UNIX socket's path.
  struct Metrics {
    std::optional<Endpoint> listen = Endpoint{IpAddress::v4(0x7f000001), 9478};
    std::string listen_path;  // When not empty, instead of `listen`.
    bool allow_public = false;
  } metrics;

  struct Log {
    LogLevel level = LogLevel::kInfo;
    LogFormat format = LogFormat::kAuto;
    uint32_t lines_per_second = 20;  // Beyond it, lines are counted and summed up in one.
  } log;
};

inline constexpr uint32_t kStrangerWorkMax = 20;

// What is wrong with a configuration although each option by itself is well-formed.
struct ConfigProblem {
  std::string option;  // "section.option", the one to change first.
  std::string text;    // What is wrong, and what would be right.
};
std::vector<ConfigProblem> find_problems(const Config& config);

// What memory strangers can make the node use at most, taken or reserved at start.
struct MemoryUse {
  std::string_view what;
  uint64_t bytes;
};
std::vector<MemoryUse> memory_plan(const Config& config);
uint64_t total_bytes(const std::vector<MemoryUse>& plan);

// What one connection may hold in the shell: two buffers and, measured, 40 KiB of TLS state. A DTLS
// association has no buffers and, measured, 50 KiB of state.
inline constexpr uint64_t kConnectionBytes = 64 * 1024;

// What the DTLS server needs besides: to find each association, and for what it has decrypted and
// encrypted in one batch.
inline constexpr uint64_t kAssociationIndexBytes = 256;
inline constexpr uint64_t kDtlsBufferBytes = 256 * 1024;

// What one TCP connection between the relay and a peer may hold in the shell: its own buffers, and
// by how much those of the client's connection are larger than other ones'.
inline constexpr uint64_t kPeerConnectionBytes = 32 * 1024;
// Of how many prefixes the shell remembers that they connect to relayed addresses too often.
inline constexpr uint32_t kArrivingPrefixes = 1024;

// What the shell reads datagrams into: slots for whole bursts, of the public and of the relay's
// sockets. Touched as far as bursts reach.
inline constexpr uint64_t kBurstBytes = 64 * 1024;
inline constexpr uint64_t kPublicSlots = 64;
inline constexpr uint64_t kRelaySlots = 32;
inline constexpr uint64_t kBurstDatagramsMax = 64;  // Of one burst: what the kernel joins.

// Prefixes that streams are limited by, at a time: more than there are streams.
inline constexpr uint32_t kStreamPrefixesMax = 2048;

// The local addresses and ports to bind, in the order that gives them their SocketId (UDP). TCP
// listens on those of `[node] port`, which come first.
std::vector<Endpoint> listen_endpoints(const Config& config);

// Which of the bound UDP sockets sends from `endpoint`: the one bound to it, or the wildcard of its
// family and port.
std::optional<size_t> find_socket(const std::vector<Endpoint>& sockets, const Endpoint& endpoint);

// An address and port that NAT behaviour discovery needs and no socket sends from, if there is one:
// the sockets came from elsewhere than listen_endpoints().
std::optional<Endpoint> find_missing_socket(const Config& config,
                                            const std::vector<Endpoint>& sockets);

}  // namespace roost::node
