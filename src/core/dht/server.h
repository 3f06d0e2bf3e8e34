// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/endpoint.h"
#include "base/random.h"
#include "base/time.h"
#include "core/action.h"
#include "core/dht/address_votes.h"
#include "core/dht/query_rate.h"
#include "core/dht/responder.h"
#include "core/dht/routing_table.h"
#include "core/dht/search.h"
#include "core/dht/silent_nodes.h"
#include "core/dht/verifier.h"
#include "core/outbox.h"
#include "wire/krpc.h"
#include "wire/mutable_item.h"

namespace roost::core::dht {

// The Mainline DHT as one machine: answers whoever asks (Responder), keeps the contacts that are
// handed out alive (Verifier), and is a node itself, in each family by itself (BEP 32).
//
//   an answer   -> the routing table, the contacts, and who sees us at which address
//   table small -> the contacts are asked, then `[dht] bootstrap` (ResolveNames), then whoever is
//                  known from elsewhere (hear_of); what they name is looked up
//   from then on -> our neighbourhood now and then, each bucket where nothing has happened, the
//                  network's infohash (and announce ourselves there), our node record (BEP 44)
//
// Our ID in each family is what BEP 42 gives the address that the owner has named, or that enough
// others see us at (AddressVotes); until then it is random, and few will keep us.
class Server {
 public:
  // Questions of our own node under way at a time: Lookup::kInFlightMax for each.
  static constexpr size_t kSearchesMax = 6;
  // Peers found under the network's infohash, to be taken away after each step.
  static constexpr size_t kFoundPeersMax = 64;
  // Who has been asked whether it lives, and may still answer.
  static constexpr size_t kAskedMax = 16;
  // Whoever knows fewer nodes is not in the DHT yet.
  static constexpr size_t kTableMin = 8;

  static constexpr Duration kUpkeep = std::chrono::seconds(1);
  static constexpr Duration kNeighboursEvery = std::chrono::minutes(15);
  static constexpr Duration kNeighboursSoon = std::chrono::seconds(10);  // While there are few.
  // BEP 5: an announcement is kept for half an hour or so; BEP 44: an item for two hours.
  static constexpr Duration kAnnounceEvery = std::chrono::minutes(25);
  static constexpr Duration kPublishEvery = std::chrono::hours(1);
  // How long the contacts from before a restart are waited for, and how often names are resolved.
  static constexpr Duration kNamesAfter = std::chrono::seconds(10);
  static constexpr Duration kNamesAgainMin = std::chrono::minutes(1);
  static constexpr Duration kNamesAgainMax = std::chrono::hours(1);
  static constexpr Duration kAskTimeout = std::chrono::seconds(5);
  // Nodes that are silent are to blame for it only where somebody has answered in that time.
  static constexpr Duration kHeardLately = std::chrono::minutes(2);

  struct Options {
    Verifier::Options verifier{};
    Responder::Options responder{};
    // The socket of a family that our questions leave from. Without one it is not served.
    std::array<std::optional<SocketId>, kFamilyCount> sockets{};
    // By which address the Internet knows us, where the owner has said so.
    std::array<std::optional<IpAddress>, kFamilyCount> external_addresses{};
    // What is random in our IDs, the same after a restart.
    wire::NodeId id_seed{};
    wire::NodeId network{};  // The infohash that nodes like us meet under.
    uint16_t port = 0;       // Announced.
    bool has_bootstrap_names = false;
  };

  enum class Drop : uint8_t {  // Also the label of the counter.
    kMalformed,                // See malformed() for which way.
    kUnasked,                  // An answer to nothing that we have asked, or too late.
  };
  static constexpr size_t kDropCount = 2;

  struct Stats {
    std::array<uint64_t, kDropCount> drops{};
    std::array<uint64_t, wire::kKrpcMessageErrorCount> malformed{};
    std::array<uint64_t, kSearchPurposeCount> searches{};  // Ended.
    std::array<uint64_t, RoutingTable::kOutcomeCount> table{};
    uint64_t peers_forgotten = 0;  // Found, and there was no room for.
    uint64_t id_changes = 0;
    uint64_t names_resolved = 0;  // Orders.
  };

  // `random` outlives this.
  Server(const Options& options, Random& random, MonoTime now);

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Anything that begins like a bencoded dictionary has come.
  void step(MonoTime now, const DatagramArrived& input, Outbox& out);
  void step(MonoTime now, const NamesResolved& input, Outbox& out);
  // At most one batch of what is due.
  void step(MonoTime now, const DeadlinePassed& input, Outbox& out);
  std::optional<MonoTime> next_deadline() const;

  // Whether the Internet reaches us: others may keep us then, and we announce ourselves.
  void set_supernode(MonoTime now, bool is_supernode);

  // The owner has said something else: see Options.
  void set_external_addresses(MonoTime now,
                              const std::array<std::optional<IpAddress>, kFamilyCount>& addresses);

  // Our node record, signed anew: stored in the DHT while we are a supernode, and given to whoever
  // asks us for it under the network's infohash. The value and salt are copied.
  void set_own_item(MonoTime now, const wire::MutableItem& item);

  // Whether the step that has just been was to find a way in: then those who know nodes from
  // elsewhere tell of them, by hear_of().
  bool wants_nodes() const { return wants_nodes_; }
  // Nodes that are known from elsewhere are asked for others, at most kAskedMax of them.
  void hear_of(MonoTime now, std::span<const Endpoint> nodes, Outbox& out);

  // Others that have announced themselves under the network's infohash, and which node said so.
  struct FoundPeer {
    Endpoint endpoint;
    IpAddress told_by;
  };
  std::span<const FoundPeer> found_peers() const {
    return std::span(found_peers_).first(found_peer_count_);
  }
  void forget_found_peers() { found_peer_count_ = 0; }

  // One item is looked up at a time, and only while few other lookups are under way.
  bool may_look_up_item() const;
  // Looks up (get) the item of that key and salt, in each family that is served.
  void look_up_item(MonoTime now, const PublicKey& key, Bytes salt);
  // What the datagram of the last step has brought of it, if anything. Its signature is not checked
  // yet. Borrows from that datagram, and from this.
  const std::optional<wire::MutableItem>& found_item() const { return found_item_; }

  bool serves(Family family) const {
    return options_.sockets[static_cast<size_t>(family)].has_value();
  }
  const wire::NodeId& own_id(Family family) const { return table(family).own_id(); }
  // What the owner has said, or others agree on.
  std::optional<IpAddress> external_address(Family family) const;
  const RoutingTable& table(Family family) const { return tables_[static_cast<size_t>(family)]; }
  const QueryRate& query_rate(Family family) const { return rates_[static_cast<size_t>(family)]; }
  Verifier& verifier() { return verifier_; }
  const Verifier& verifier() const { return verifier_; }
  const Responder& responder() const { return responder_; }
  const Stats& stats() const { return stats_; }
  size_t search_count() const;
  static uint64_t bytes_for(const Options& options);

  void check_invariants() const;

 private:
  struct Asked {
    Endpoint node;  // Port 0: free.
    MonoTime at{};
  };
  struct Plan {  // When our node of a family does what.
    MonoTime neighbours_at{};
    Duration neighbours_again = kNeighboursSoon;  // While there are few; doubles each time.
    MonoTime peers_at{};
    MonoTime publish_at{};
    MonoTime names_at{};
    Duration names_again = kNamesAgainMin;
  };

  static Family as_family(size_t index) { return static_cast<Family>(index); }
  void set_id(Family family, const wire::NodeId& id);
  bool is_ours(const Endpoint& endpoint) const;
  bool is_believed(const wire::CompactNode& node) const;

  // False if it is an answer to nothing.
  bool hear_answer(MonoTime now, const DatagramArrived& input, const wire::KrpcMessage& message);
  void take_vote(MonoTime now, const IpAddress& voter, const IpAddress& seen);
  bool hear_search(MonoTime now, const DatagramArrived& input, const wire::KrpcMessage& message,
                   const std::optional<wire::KrpcResponse>& response);
  void hear_asked(MonoTime now, const DatagramArrived& input, PingPurpose purpose,
                  const wire::KrpcResponse& response);
  void learn_nodes(MonoTime now, const wire::KrpcResponse& response, const Search* from);
  void add_to_table(MonoTime now, const wire::CompactNode& node);
  void take_found_item(const wire::KrpcResponse& response);
  void add_found_peer(const Endpoint& peer, const IpAddress& told_by);

  Search* find_search(Family family, SearchPurpose purpose);
  // Null where all are in use.
  Search* begin(MonoTime now, Family family, SearchPurpose purpose, const wire::NodeId& target);
  void keep_up(MonoTime now, Family family, Outbox& out);
  void keep_table_alive(MonoTime now, Family family, Outbox& out);
  bool ask(MonoTime now, PingPurpose purpose, const Endpoint& node, Outbox& out);
  size_t carry_on_searches(MonoTime now, size_t messages_max, Outbox& out);
  Search::Sender sender(Family family);

  Options options_;
  Random& random_;
  Verifier verifier_;
  RoutingTables tables_;
  Responder responder_;
  PingCookies cookies_;  // Of what our own node asks outside of searches.
  SilentNodes silent_;
  std::array<Home, kFamilyCount> homes_;
  std::array<AddressVotes, kFamilyCount> votes_;
  std::array<QueryRate, kFamilyCount> rates_;
  std::array<Plan, kFamilyCount> plans_;
  std::array<std::optional<Search>, kSearchesMax> searches_;
  std::array<Asked, kAskedMax> asked_{};
  std::array<FoundPeer, kFoundPeersMax> found_peers_;
  size_t found_peer_count_ = 0;
  PublicKey wanted_key_{};
  std::vector<uint8_t> wanted_salt_;
  std::optional<wire::MutableItem> found_item_;
  bool is_supernode_ = false;
  bool wants_nodes_ = false;
  MonoTime next_upkeep_;
  std::optional<MonoTime> search_deadline_;
  wire::MutableItem own_item_;  // Its views point to these.
  std::vector<uint8_t> own_value_;
  std::vector<uint8_t> own_salt_;
  Stats stats_;
};

std::string_view label(Server::Drop drop);

}  // namespace roost::core::dht
