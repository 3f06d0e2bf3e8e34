// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/prefix_limiter.h"
#include "base/random.h"
#include "base/time.h"
#include "core/action.h"
#include "core/dht/item_store.h"
#include "core/dht/peer_store.h"
#include "core/dht/routing_table.h"
#include "core/dht/token.h"
#include "core/dht/verifier.h"
#include "core/outbox.h"
#include "wire/krpc.h"
#include "wire/mutable_item.h"

namespace roost::core::dht {

// Answers the queries of the DHT (BEP 5, 32, 33's flags, 44, 51): at most one answer to each, to
// where it came from, by the socket that it came to.
//
// An address that has shown nothing is sent at most kReplyRatioMax times the bytes of its query,
// the ping included that lets it show that it receives: fewer nodes, and no item or peers that do
// not fit. Whoever has answered a ping or shows a token is answered in full. So whoever forges
// addresses gains at most that, within his prefix's packets per second, where other servers of the
// DHT give nine times and more.
class Responder {
 public:
  static constexpr size_t kReplyRatioMax = 3;
  // Fits an Ethernet frame with every header that tunnels add.
  static constexpr size_t kReplySizeMax = 1200;
  // BEP 5 has 8, and a newcomer is helped more by more. Of each where both families are wanted: 8.
  static constexpr size_t kNodesMax = 16;
  static constexpr size_t kNodesOfEachMax = 8;
  static constexpr size_t kPeersMax = 50;  // 450 bytes of IPv4; of IPv6 what there is room for.

  // Whoever looks for what is as near to us as this is given our neighbours, whom we know best;
  // whoever looks elsewhere is given contacts in turn, so that nobody is sent everybody.
  static constexpr unsigned kNeighbourBits = 4;
  // As long as there are fewer contacts, those that our own node knows are handed out too.
  static constexpr size_t kContactsMin = Verifier::kContactsMin;

  // Each put costs a signature to check (70 us); whoever has something to store comes once an hour.
  static constexpr uint64_t kPutsPerSecond = 4;  // Of a prefix.
  static constexpr uint32_t kPutPrefixes = 1024;

  struct Options {
    PeerStore::Options peers;
    uint32_t items = 0;  // Not 0; see ItemStore.
  };

  enum class Answer : uint8_t {  // What became of a query. Also the label of the counter.
    kFull,
    kShortened,  // To an address that has shown nothing.
    kError,
    kNone,  // Not even an error fits into what may be sent.
  };
  static constexpr size_t kAnswerCount = 4;

  struct Stats {
    std::array<uint64_t, wire::kKrpcMethodCount> queries{};
    uint64_t queries_read_only = 0;
    uint64_t bad_tokens = 0;
    uint64_t puts_refused = 0;  // By kPutsPerSecond.
    std::array<uint64_t, kAnswerCount> answers{};
  };

  // `verifier`, `tables` and `random` outlive this.
  Responder(const Options& options, Verifier& verifier, const RoutingTables& tables,
            Random& random);

  // What a get for `target` is answered with, whatever is stored: our own node record, under the
  // network's infohash. `item` outlives this; null: nothing.
  void set_own_item(const wire::NodeId& target, const wire::MutableItem* item) {
    own_item_target_ = target;
    own_item_ = item;
  }

  // A query (KrpcKind::kQuery) that `input` holds has come to where we are `own_id`.
  void step(MonoTime now, const DatagramArrived& input, const wire::KrpcMessage& message,
            const wire::NodeId& own_id, Outbox& out);

  const PeerStore& peers() const { return peers_; }
  const ItemStore& items() const { return items_; }
  const Stats& stats() const { return stats_; }
  static uint64_t bytes_for(const Options& options);

 private:
  struct Exchange;  // One query, and what may be sent for it.

  size_t tell_verifier(const Exchange& exchange, size_t may_send);
  Answer answer(Exchange& exchange);
  Answer answer_ping(Exchange& exchange);
  Answer answer_find_node(Exchange& exchange);
  Answer answer_get_peers(Exchange& exchange);
  Answer answer_announce_peer(Exchange& exchange);
  Answer answer_get(Exchange& exchange);
  Answer answer_put(Exchange& exchange);
  Answer answer_sample_infohashes(Exchange& exchange);

  Answer answer_with_item(Exchange& exchange, const wire::KrpcResponse& whole);

  // To be handed out, the most useful first.
  size_t pick_nodes(Exchange& exchange, Family family, std::span<wire::CompactNode> out);
  // With as many nodes as the family asks for and the room allows.
  Answer send_with_nodes(Exchange& exchange, wire::KrpcResponse response);
  Answer send(Exchange& exchange, const wire::KrpcResponse& response);
  Answer refuse(Exchange& exchange, wire::KrpcErrorCode code, std::string_view text);
  bool shows_token(Exchange& exchange);

  Verifier& verifier_;
  const RoutingTables& tables_;
  const wire::MutableItem* own_item_ = nullptr;
  wire::NodeId own_item_target_{};
  PrefixLimiter puts_;
  Tokens tokens_;
  PeerStore peers_;
  ItemStore items_;
  Stats stats_;
};

std::string_view label(Responder::Answer answer);

}  // namespace roost::core::dht
