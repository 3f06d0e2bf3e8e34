// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/crypto_hash.h"
#include "base/random.h"
#include "base/time.h"
#include "core/dht/contact_ring.h"
#include "core/dht/silent_nodes.h"
#include "wire/krpc.h"

namespace roost::core::dht {

// One iterative lookup in one family (BEP 5; Maymounkov and Mazières 2002): asks the nodes nearest
// to a target that it knows of, learns nearer ones from their answers, and ends when the kNearest
// nearest of those that live have answered.
//
//   seeds -> next_query() … answered() | time passes -> next_query() … -> is_done()
//
// Sends nothing and knows no socket: says whom to ask, and is told what came. Fixed size. At most
// kInFlightMax questions are open, kQueriesMax are asked in all, and a node that is silent for
// kTimeout is not waited for.
//
// Nodes may lie. An answer counts only from where the question went and under its transaction ID, a
// keyed hash of that address: whoever is asked learns nothing about the other questions;
// what it names is asked before it is believed, only if it may be reached and, in the end, only
// with an ID that BEP 42 gives its address; and of each prefix (/24, /48) at most kPerPrefixMax
// nodes are known at a time, so that who has one network cannot surround a target.
class Lookup {
 public:
  static constexpr size_t kNearest = 8;      // k of BEP 5.
  static constexpr size_t kInFlightMax = 4;  // Kademlia's alpha is 3; a third of all nodes is dead.
  static constexpr size_t kKnownMax = 64;    // Nearest first; farther ones give way.
  static constexpr size_t kPerPrefixMax = 2;
  static constexpr size_t kQueriesMax = 128;  // Of a lookup that gets nowhere.
  static constexpr Duration kTimeout = std::chrono::seconds(2);
  static constexpr size_t kTransactionIdSize = 4;

  struct Options {
    wire::NodeId target{};
    Family family = Family::kV4;
    bool takes_special_purpose = false;  // And any ID: see Verifier.
    // Who is not to be asked, and where the silent are noted; outlives the lookup. May be null.
    SilentNodes* silent = nullptr;
  };
  struct Query {
    std::array<uint8_t, kTransactionIdSize> transaction_id;
    Endpoint to;
  };
  // Of those that have answered, the nearest first.
  struct Found {
    wire::CompactNode node;
    std::array<uint8_t, wire::kTokenSizeMax> token;
    size_t token_size;  // 0 where it gave none.
  };

  // `random` is asked during construction only.
  Lookup(const Options& options, Random& random);

  // A node that is said to exist: those the lookup begins with.
  void learn(MonoTime now, const wire::CompactNode& node);

  // Whom to ask next; empty while enough questions are open, or nobody is left to be asked.
  std::optional<Query> next_query(MonoTime now);
  // When an open question runs out: then next_query() may have another.
  std::optional<MonoTime> next_deadline() const;

  // False if the answer is to no open question of this lookup.
  bool answered(MonoTime now, const Endpoint& from, Bytes transaction_id,
                const wire::KrpcResponse& response);
  // The same, for an error: the node lives, and is of no use here.
  bool refused(const Endpoint& from, Bytes transaction_id);

  // Nothing is open, and nothing is left to ask that could change found().
  bool is_done(MonoTime now);
  size_t found(std::span<Found, kNearest> out) const;

  size_t query_count() const { return query_count_; }
  size_t answer_count() const { return answer_count_; }

 private:
  enum class State : uint8_t { kUnasked, kAsked, kAnswered, kFailed };
  struct Known {
    wire::CompactNode node;
    State state = State::kUnasked;
    uint8_t number = 0;  // Of its question, in the transaction ID.
    uint8_t token_size = 0;
    MonoTime asked_at{};
    std::array<uint8_t, wire::kTokenSizeMax> token{};
  };

  void expire(MonoTime now);
  size_t in_flight() const;
  Known* find_open(const Endpoint& from, Bytes transaction_id);
  std::array<uint8_t, kTransactionIdSize> transaction_id_of(const Known& known) const;
  bool is_welcome(const wire::CompactNode& node) const;

  Options options_;
  SipHashKey secret_;
  std::array<Known, kKnownMax> known_;  // Sorted by distance.
  size_t known_count_ = 0;
  size_t query_count_ = 0;
  size_t answer_count_ = 0;
};

}  // namespace roost::core::dht
