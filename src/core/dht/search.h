// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/random.h"
#include "base/time.h"
#include "core/action.h"
#include "core/dht/lookup.h"
#include "core/dht/own_query.h"
#include "core/dht/query_rate.h"
#include "core/outbox.h"
#include "wire/krpc.h"
#include "wire/mutable_item.h"

namespace roost::core::dht {

// What a lookup of ours is for. Also the label of the counter.
enum class SearchPurpose : uint8_t {
  kNeighbours,  // find_node, on ourselves: to know, and be known to, those nearby.
  kRefresh,     // find_node, somewhere in a bucket in which nothing has happened.
  kPeers,       // get_peers, under a network's infohash.
  kAnnounce,    // The same, and announce_peer to the nearest.
  kPublish,     // get, and put to the nearest (BEP 44).
  kItem,        // get, of what somebody else has put.
};
inline constexpr size_t kSearchPurposeCount = 6;
std::string_view label(SearchPurpose purpose);

// One lookup of our own node, from the first question to what is left with the nearest in the end.
//
//   step(), answered() … -> is_done()
//
// Holds no item itself: `item` of kPublish outlives the search, or is replaced by a later one.
class Search {
 public:
  // An item may take a third of what a step has room for.
  static constexpr size_t kDeliveriesPerStepMax = 1;

  struct Options {
    SearchPurpose purpose = SearchPurpose::kNeighbours;
    Lookup::Options lookup{};
    bool wants_both_families = false;  // Where both are served: who knows one tells of the other.
  };
  // What each message of ours needs to know; borrowed for the call.
  struct Sender {
    const Home& home;
    bool is_read_only = false;                // BEP 43.
    uint16_t port = 0;                        // Announced; most nodes look at where it came from.
    const wire::MutableItem* item = nullptr;  // Of kPublish.
    QueryRate& rate;
  };

  // `random` is asked during construction only.
  Search(const Options& options, Random& random)
      : options_(options), lookup_(options.lookup, random) {}

  void learn(MonoTime now, const wire::CompactNode& node) { lookup_.learn(now, node); }

  // Asks whoever is next, at most `messages_max` messages. Returns how many were sent.
  size_t step(MonoTime now, Sender& sender, size_t messages_max, Outbox& out);
  std::optional<MonoTime> next_deadline(MonoTime now);

  // As Lookup::answered() and refused().
  bool answered(MonoTime now, const Endpoint& from, const wire::KrpcMessage& message,
                const wire::KrpcResponse& response);
  bool refused(const Endpoint& from, const wire::KrpcMessage& message) {
    return lookup_.refused(from, message.head.transaction_id);
  }

  // Everything is asked, and what was to be left is left.
  bool is_done(MonoTime now) { return lookup_.is_done(now) && delivered_ >= recipients(); }

  SearchPurpose purpose() const { return options_.purpose; }
  Family family() const { return options_.lookup.family; }
  const Lookup& lookup() const { return lookup_; }
  size_t delivered() const { return delivered_; }  // To how many of the nearest.

 private:
  bool delivers() const {
    return options_.purpose == SearchPurpose::kAnnounce ||
           options_.purpose == SearchPurpose::kPublish;
  }
  size_t recipients() const;
  void ask(MonoTime now, const Lookup::Query& query, Sender& sender, Outbox& out);
  void deliver(const Lookup::Found& to, Sender& sender, Outbox& out);

  Options options_;
  Lookup lookup_;
  size_t delivered_ = 0;
};

}  // namespace roost::core::dht
