// SPDX-License-Identifier: MIT
#include "sim/dht_swarm.h"

#include <bit>

#include "base/check.h"

namespace roost::sim {
namespace {

constexpr unsigned kIdBits = 160;

void set_bit(wire::NodeId& id, unsigned bit, bool is_one) {
  const auto mask = static_cast<uint8_t>(0x80 >> bit % 8);
  uint8_t& byte = id[bit / 8];
  byte = static_cast<uint8_t>(is_one ? byte | mask : byte & ~mask);
}

bool bit_of(const wire::NodeId& id, unsigned bit) {
  return (id[bit / 8] >> (7 - bit % 8) & 1) != 0;
}

}  // namespace

uint32_t DhtSwarm::add(const Member& member) {
  const auto number = static_cast<uint32_t>(members_.size());
  CHECK(by_endpoint_.emplace(member.contact.endpoint, number).second);
  members_.push_back(member);
  by_id_.clear();
  return number;
}

const DhtSwarm::Member* DhtSwarm::find(const Endpoint& endpoint) const {
  const auto found = by_endpoint_.find(endpoint);
  return found == by_endpoint_.end() ? nullptr : &members_[found->second];
}

void DhtSwarm::sort() const {
  for (uint32_t number = 0; number < members_.size(); ++number) by_id_.push_back(number);
  std::sort(by_id_.begin(), by_id_.end(), [this](uint32_t a, uint32_t b) {
    return members_[a].contact.id < members_[b].contact.id;
  });
}

unsigned DhtSwarm::depth() const {
  return static_cast<unsigned>(std::bit_width(members_.size() / kBucketSize));
}

std::span<const uint32_t> DhtSwarm::run_of(const wire::NodeId& id, unsigned bits) const {
  if (by_id_.size() != members_.size()) sort();
  wire::NodeId first = id;
  wire::NodeId last = id;
  for (unsigned bit = bits; bit < kIdBits; ++bit) {
    set_bit(first, bit, false);
    set_bit(last, bit, true);
  }
  const auto begin = std::lower_bound(
      by_id_.begin(), by_id_.end(), first,
      [this](uint32_t a, const wire::NodeId& b) { return members_[a].contact.id < b; });
  const auto end = std::upper_bound(
      begin, by_id_.end(), last,
      [this](const wire::NodeId& a, uint32_t b) { return a < members_[b].contact.id; });
  return {begin, end};
}

std::vector<uint32_t> DhtSwarm::table_of(const wire::NodeId& id, Dice& dice) const {
  std::vector<uint32_t> table;
  for (unsigned bits = 0; bits < kIdBits; ++bits) {
    wire::NodeId other = id;
    set_bit(other, bits, !bit_of(id, bits));
    const auto run = run_of(other, bits + 1);
    if (run.size() <= kBucketSize) {
      table.insert(table.end(), run.begin(), run.end());
    } else {
      const size_t bucket = table.size();
      while (table.size() < bucket + kBucketSize) {
        const uint32_t drawn = run[dice.below(run.size())];
        const auto first = table.begin() + static_cast<ptrdiff_t>(bucket);
        if (std::find(first, table.end(), drawn) == table.end()) table.push_back(drawn);
      }
    }
    if (run_of(id, bits + 1).size() <= 1) break;  // Nobody is nearer.
  }
  return table;
}

}  // namespace roost::sim
