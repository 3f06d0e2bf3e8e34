// SPDX-License-Identifier: MIT
#include "core/dht/routing_table.h"

#include <algorithm>

#include "base/check.h"
#include "base/prefix_limiter.h"

namespace roost::core::dht {
namespace {

PrefixKey prefix_of(const Endpoint& endpoint) {
  return prefix_key(endpoint.address, PrefixWidth::kSite);
}

}  // namespace

std::string_view label(RoutingTable::Outcome outcome) {
  switch (outcome) {
    case RoutingTable::Outcome::kAdded: return "added";
    case RoutingTable::Outcome::kRefreshed: return "refreshed";
    case RoutingTable::Outcome::kReplaced: return "replaced";
    case RoutingTable::Outcome::kOurselves: return "ourselves";
    case RoutingTable::Outcome::kPrefixInUse: return "prefix_in_use";
    case RoutingTable::Outcome::kBucketFull: return "bucket_full";
  }
  return "";
}

size_t RoutingTable::bucket_of(const wire::NodeId& id) const {
  return std::min<size_t>(wire::common_bits(own_id_, id), kBucketCount - 1);
}

void RoutingTable::set_own_id(const wire::NodeId& own_id) {
  const std::array<Bucket, kBucketCount> before = buckets_;
  own_id_ = own_id;
  buckets_ = {};
  for (const Bucket& bucket : before) {
    for (const Entry& entry : bucket.entries) {
      if (entry.node.endpoint.port != 0) (void)add(entry.answered_at, entry);
    }
  }
}

RoutingTable::Outcome RoutingTable::answered(MonoTime now, const wire::CompactNode& node) {
  CHECK(node.endpoint.port != 0);
  for (Bucket& bucket : buckets_) {
    for (Entry& entry : bucket.entries) {
      if (entry.node.endpoint == node.endpoint && entry.node.id != node.id) entry = {};
    }
  }
  return add(now, {.node = node, .answered_at = now, .asked_at = {}, .unanswered = 0});
}

bool RoutingTable::may_be_replaced(MonoTime now, const Entry& entry) {
  return entry.unanswered > 0 || now - entry.answered_at >= kGoodFor;
}

RoutingTable::Outcome RoutingTable::add(MonoTime now, const Entry& newcomer) {
  const wire::CompactNode& node = newcomer.node;
  if (node.id == own_id_) return Outcome::kOurselves;
  size_t of_prefix = 0;
  for (Bucket& other : buckets_) {
    for (Entry& entry : other.entries) {
      if (entry.node.endpoint.port == 0 || entry.node == node) continue;
      if (entry.node.endpoint.address == node.endpoint.address) {
        // Whoever answers under another ID is no longer who it was.
        const bool is_the_same = entry.node.endpoint.port == node.endpoint.port;
        if (!is_the_same && !may_be_replaced(now, entry)) return Outcome::kPrefixInUse;
        entry = {};
      } else {
        of_prefix += prefix_of(entry.node.endpoint) == prefix_of(node.endpoint);
      }
    }
  }
  Bucket& bucket = buckets_[bucket_of(node.id)];
  Entry* free = nullptr;
  Entry* neighbour = nullptr;  // Of the same prefix.
  Entry* weakest = nullptr;
  for (Entry& entry : bucket.entries) {
    if (entry.node.endpoint.port == 0) {
      free = &entry;
      continue;
    }
    if (entry.node == node) {
      entry = newcomer;
      bucket.changed_at = now;
      return Outcome::kRefreshed;
    }
    if (prefix_of(entry.node.endpoint) == prefix_of(node.endpoint)) neighbour = &entry;
    const bool is_weaker = weakest == nullptr || entry.answered_at < weakest->answered_at;
    if (may_be_replaced(now, entry) && is_weaker) weakest = &entry;
  }
  Outcome outcome = Outcome::kAdded;
  Entry* place = free;
  if (neighbour == nullptr && of_prefix >= kPerPrefixMax) return Outcome::kPrefixInUse;
  if (neighbour != nullptr) {
    if (!may_be_replaced(now, *neighbour)) return Outcome::kPrefixInUse;
    place = neighbour;
    outcome = Outcome::kReplaced;
  } else if (place == nullptr) {
    if (weakest == nullptr) return Outcome::kBucketFull;
    place = weakest;
    outcome = Outcome::kReplaced;
  }
  *place = newcomer;
  bucket.changed_at = now;
  return outcome;
}

void RoutingTable::silent(const Endpoint& node) {
  for (Bucket& bucket : buckets_) {
    for (Entry& entry : bucket.entries) {
      if (entry.node.endpoint != node) continue;
      if (++entry.unanswered >= kUnansweredMax) entry = {};
    }
  }
}

size_t RoutingTable::nearest(const wire::NodeId& target, std::span<wire::CompactNode> out) const {
  std::array<const wire::CompactNode*, kBucketCount * kBucketSize> all;
  size_t count = 0;
  for (const Bucket& bucket : buckets_) {
    for (const Entry& entry : bucket.entries) {
      if (entry.node.endpoint.port != 0 && entry.unanswered == 0) all[count++] = &entry.node;
    }
  }
  const size_t taken = std::min(count, out.size());
  std::partial_sort(all.data(), all.data() + taken, all.data() + count,
                    [&target](const wire::CompactNode* a, const wire::CompactNode* b) {
                      return wire::compare_distance(target, a->id, b->id) < 0;
                    });
  for (size_t i = 0; i < taken; ++i) out[i] = *all[i];
  return taken;
}

std::optional<wire::CompactNode> RoutingTable::next_to_ask(MonoTime now) {
  Entry* next = nullptr;
  for (Bucket& bucket : buckets_) {
    for (Entry& entry : bucket.entries) {
      if (entry.node.endpoint.port == 0 || now - entry.answered_at < kGoodFor) continue;
      const bool was_just_asked =
          entry.asked_at != MonoTime{} && now - entry.asked_at < kAskAgainAfter;
      if (was_just_asked) continue;
      if (next == nullptr || entry.answered_at < next->answered_at) next = &entry;
    }
  }
  if (next == nullptr) return {};
  next->asked_at = now;
  return next->node;
}

std::optional<wire::NodeId> RoutingTable::next_to_refresh(MonoTime now, Random& random) {
  for (size_t bits = 0; bits < kBucketCount; ++bits) {
    Bucket& bucket = buckets_[bits];
    const bool is_empty =
        std::all_of(bucket.entries.begin(), bucket.entries.end(),
                    [](const Entry& entry) { return entry.node.endpoint.port == 0; });
    // An empty bucket is too near to us for anybody to be there; looking up ourselves would show.
    if (is_empty || now - bucket.changed_at < kGoodFor) continue;
    bucket.changed_at = now;
    wire::NodeId id = random.bytes<20>();
    for (size_t bit = 0; bit <= bits; ++bit) {
      const auto mask = static_cast<uint8_t>(0x80 >> bit % 8);
      const bool differs = bit == bits && bits + 1 < kBucketCount;
      const bool is_one = ((own_id_[bit / 8] & mask) != 0) != differs;
      id[bit / 8] = static_cast<uint8_t>(is_one ? id[bit / 8] | mask : id[bit / 8] & ~mask);
    }
    return id;
  }
  return {};
}

size_t RoutingTable::size() const {
  size_t count = 0;
  for (const Bucket& bucket : buckets_) {
    for (const Entry& entry : bucket.entries) count += entry.node.endpoint.port != 0;
  }
  return count;
}

bool RoutingTable::empty() const {
  for (const Bucket& bucket : buckets_) {
    for (const Entry& entry : bucket.entries) {
      if (entry.node.endpoint.port != 0) return false;
    }
  }
  return true;
}

void RoutingTable::check_invariants() const {
  for (size_t at = 0; at < kBucketCount; ++at) {
    std::vector<PrefixKey> prefixes;
    for (const Entry& entry : buckets_[at].entries) {
      if (entry.node.endpoint.port == 0) continue;
      CHECK(bucket_of(entry.node.id) == at && entry.node.id != own_id_);
      CHECK(entry.unanswered < kUnansweredMax);
      const PrefixKey prefix = prefix_of(entry.node.endpoint);
      CHECK(std::find(prefixes.begin(), prefixes.end(), prefix) == prefixes.end());
      prefixes.push_back(prefix);
    }
  }
}

}  // namespace roost::core::dht
