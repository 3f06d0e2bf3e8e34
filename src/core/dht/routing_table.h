// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "core/dht/contact_ring.h"
#include "wire/compact_address.h"

namespace roost::core::dht {

// The nodes that our own node of one family knows: few that are far away, and most of those nearby
// (BEP 5, "Routing Table"). Lookups begin with them, and whoever looks for what is near us is given
// them.
//
// A bucket of kBucketSize for each number of leading bits that a node's ID has in common with ours.
// Only who has answered a question of ours comes in, with an ID that BEP 42 gives its address (the
// caller judges that); an address has one place, and of one prefix (/24, /48) no two are in one
// bucket, nor more than kPerPrefixMax in all. Nodes that answer stay; a
// newcomer to a full bucket takes the place of one that did not, or that was silent for kGoodFor
// (BEP 5: questionable), the longest silent first. So to surround us takes as many prefixes as
// there are places, and as many of ours to die.
class RoutingTable {
 public:
  static constexpr size_t kBucketSize = 8;    // k of BEP 5.
  static constexpr size_t kPerPrefixMax = 2;  // As in the ring of contacts.
  // The last one holds all that are nearer. The DHT has some 2^23 nodes, so that one is all but
  // empty.
  static constexpr size_t kBucketCount = 32;
  // BEP 5: after 15 minutes of silence a node is questionable.
  static constexpr Duration kGoodFor = std::chrono::minutes(15);
  static constexpr Duration kAskAgainAfter = std::chrono::minutes(1);
  static constexpr uint8_t kUnansweredMax = 2;  // Then it is gone.

  enum class Outcome : uint8_t {  // Also the label of the counter.
    kAdded,
    kRefreshed,
    kReplaced,
    kOurselves,
    kPrefixInUse,
    kBucketFull,
  };
  static constexpr size_t kOutcomeCount = 6;

  explicit RoutingTable(const wire::NodeId& own_id) : own_id_(own_id) {}

  const wire::NodeId& own_id() const { return own_id_; }
  // We have another address, and so another ID (BEP 42). Nodes for which their new bucket has no
  // room are forgotten.
  void set_own_id(const wire::NodeId& own_id);

  // It has answered us just now. Under another ID than before it is known no longer: libtorrent
  // changes its own once it knows its address, and who was told the old one takes no answer.
  Outcome answered(MonoTime now, const wire::CompactNode& node);
  // It has not, in time.
  void silent(const Endpoint& node);

  // The nearest to `target` that are not suspected of being dead, the nearest first.
  size_t nearest(const wire::NodeId& target, std::span<wire::CompactNode> out) const;

  // A questionable node, the longest silent first; counts as asked from now on.
  std::optional<wire::CompactNode> next_to_ask(MonoTime now);
  // An ID in the range of a bucket in which nothing has happened for kGoodFor, to be looked up; it
  // counts as done. The bucket that holds our own ID is refreshed with that.
  std::optional<wire::NodeId> next_to_refresh(MonoTime now, Random& random);

  size_t size() const;
  bool empty() const;  // Is asked more often.

  // Aborts unless every node is where it belongs. For tests.
  void check_invariants() const;

 private:
  struct Entry {
    wire::CompactNode node;  // Port 0: free.
    MonoTime answered_at{};
    MonoTime asked_at{};
    uint8_t unanswered = 0;
  };
  struct Bucket {
    std::array<Entry, kBucketSize> entries;
    MonoTime changed_at{};
  };

  size_t bucket_of(const wire::NodeId& id) const;
  static bool may_be_replaced(MonoTime now, const Entry& entry);
  Outcome add(MonoTime now, const Entry& newcomer);

  wire::NodeId own_id_;
  std::array<Bucket, kBucketCount> buckets_{};
};

std::string_view label(RoutingTable::Outcome outcome);

// One for each family, by Family.
using RoutingTables = std::array<RoutingTable, kFamilyCount>;

}  // namespace roost::core::dht
