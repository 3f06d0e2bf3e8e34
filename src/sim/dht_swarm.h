// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "base/endpoint.h"
#include "sim/dice.h"
#include "wire/compact_address.h"
#include "wire/node_id.h"

namespace roost::sim {

// The truth about a simulated swarm of the Mainline DHT: who is in it, and who of them lives.
//
// Members are numbered in the order in which they come. 48 bytes for each, and what the map of
// their endpoints takes.
class DhtSwarm {
 public:
  static constexpr size_t kBucketSize = 8;  // k of BEP 5.

  struct Member {
    wire::CompactNode contact{};
    bool is_alive = true;
    bool is_open = true;  // Answers whoever asks; else only whom it has asked (a NAT).
  };

  // Requires an endpoint and an ID that no other has.
  uint32_t add(const Member& member);

  size_t size() const { return members_.size(); }
  Member& operator[](uint32_t number) { return members_[number]; }
  const Member& operator[](uint32_t number) const { return members_[number]; }
  const Member* find(const Endpoint& endpoint) const;
  // Requires that find() has it.
  uint32_t number_of(const Endpoint& endpoint) const { return by_endpoint_.at(endpoint); }

  // Those whose IDs begin with the same `bits` bits as `id`, sorted by ID. Until the next add().
  std::span<const uint32_t> run_of(const wire::NodeId& id, unsigned bits) const;

  // The `count` nearest to `target` of those that `is_wanted(number)` likes, the nearest first.
  template <typename Filter>
  std::vector<uint32_t> nearest(const wire::NodeId& target, size_t count, Filter is_wanted) const {
    std::vector<uint32_t> found;
    // Whoever shares more bits is nearer: few have to be looked at beyond those that are wanted.
    for (unsigned bits = depth();; --bits) {
      found.clear();
      for (const uint32_t number : run_of(target, bits)) {
        if (is_wanted(number)) found.push_back(number);
      }
      if (found.size() >= count || bits == 0) break;
    }
    std::sort(found.begin(), found.end(), [&](uint32_t a, uint32_t b) {
      return wire::compare_distance(target, members_[a].contact.id, members_[b].contact.id) < 0;
    });
    found.resize(std::min(found.size(), count));
    return found;
  }

  // The routing table that a member with this ID has after a while (BEP 5): of each distance, eight
  // that were there once, whatever became of them since.
  std::vector<uint32_t> table_of(const wire::NodeId& id, Dice& dice) const;

 private:
  // Of the runs: where about as many are left as there are in a bucket.
  unsigned depth() const;
  void sort() const;

  std::vector<Member> members_;
  std::map<Endpoint, uint32_t> by_endpoint_;
  mutable std::vector<uint32_t> by_id_;
};

}  // namespace roost::sim
