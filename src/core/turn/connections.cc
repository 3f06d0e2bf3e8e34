// SPDX-License-Identifier: MIT
#include "core/turn/connections.h"

#include <algorithm>

#include "base/check.h"

namespace roost::core::turn {

std::string_view label(Connections::Full full) {
  switch (full) {
    case Connections::Full::kConnections: return "connections";
    case Connections::Full::kAllocation: return "connections_per_allocation";
  }
  return "";
}

// A map has room for one at least.
Connections::Connections(const Options& options, const SipHashKey& secret)
    : options_(options),
      secret_(secret),
      connections_(options.count),
      by_number_(std::max<uint32_t>(1, options.count), secret),
      deadlines_(options.count) {
  free_slots_.reserve(options.count);
  for (uint32_t slot = options.count; slot-- > 0;) free_slots_.push_back(slot);
}

void Connections::set_limits(const Options& options) {
  options_ = options;
  options_.count = std::min(options.count, static_cast<uint32_t>(connections_.size()));
}

Result<Connection*, Connections::Full> Connections::create(Allocation& allocation,
                                                           const Endpoint& peer,
                                                           Connection::State state) {
  const auto refuse = [&](Full why) {
    ++refusals_[static_cast<size_t>(allocation.proof.payer)][static_cast<size_t>(why)];
    return Failure(why);
  };
  if (allocation.connection_count >= options_.per_allocation) return refuse(Full::kAllocation);
  if (size_ >= options_.count || free_slots_.empty()) return refuse(Full::kConnections);
  CHECK(state == Connection::State::kConnecting || state == Connection::State::kPending);
  const uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  Connection& connection = connections_[slot];
  const uint32_t generation = connection.generation;
  connection = Connection();
  connection.state = state;
  connection.slot = slot;
  connection.generation = generation + 1;
  connection.number = next_number();
  connection.allocation = allocation.slot;
  connection.peer = peer;
  connection.next = allocation.connections;
  allocation.connections = slot + 1;
  ++allocation.connection_count;
  ++size_;
  CHECK(by_number_.find_or_insert(connection.number, slot) != nullptr);
  return &connection;
}

uint32_t Connections::next_number() {
  while (true) {
    std::array<uint8_t, 8> count;
    store_u64(count.data(), ++number_count_);
    const auto number = static_cast<uint32_t>(sip_hash(secret_, count));
    if (by_number_.find(number) == nullptr) return number;
  }
}

void Connections::erase(Allocation& allocation, Connection& connection) {
  CHECK(connection.state != Connection::State::kFree);
  CHECK(connection.allocation == allocation.slot);
  uint32_t* link = &allocation.connections;
  while (*link != connection.slot + 1) {
    CHECK(*link != 0);
    link = &connections_[*link - 1].next;
  }
  *link = connection.next;
  --allocation.connection_count;
  CHECK(by_number_.erase(connection.number));
  deadlines_.clear(connection.slot);
  connection.state = Connection::State::kFree;
  free_slots_.push_back(connection.slot);
  --size_;
}

void Connections::erase_all(Allocation& allocation) {
  while (allocation.connections != 0) erase(allocation, connections_[allocation.connections - 1]);
}

Connection* Connections::find(PeerConnectionId id) {
  const auto slot = static_cast<uint32_t>(static_cast<uint64_t>(id));
  if (slot >= connections_.size()) return nullptr;
  Connection& connection = connections_[slot];
  const bool is_it = connection.state != Connection::State::kFree && connection.id() == id;
  return is_it ? &connection : nullptr;
}

Connection* Connections::find_number(uint32_t number) {
  const uint32_t* const slot = by_number_.find(number);
  return slot == nullptr ? nullptr : &connections_[*slot];
}

Connection* Connections::find(const Allocation& allocation, const Endpoint& peer) {
  for (uint32_t i = allocation.connections; i != 0; i = connections_[i - 1].next) {
    if (connections_[i - 1].peer == peer) return &connections_[i - 1];
  }
  return nullptr;
}

Connection* Connections::pop_due(MonoTime now) {
  const auto slot = deadlines_.pop_due(now);
  return slot ? &connections_[*slot] : nullptr;
}

void Connections::check_invariants(const AllocationTable& allocations) const {
  by_number_.check_invariants();
  deadlines_.check_invariants();
  uint32_t listed = 0;
  allocations.for_each([&](const Allocation& allocation) {
    uint32_t count = 0;
    for (uint32_t i = allocation.connections; i != 0; i = connections_[i - 1].next) {
      const Connection& connection = connections_[i - 1];
      CHECK(connection.state != Connection::State::kFree);
      CHECK(connection.slot == i - 1 && connection.allocation == allocation.slot);
      CHECK(by_number_.find(connection.number) != nullptr);
      ++count;
    }
    CHECK(count == allocation.connection_count);
    CHECK(count == 0 || allocation.protocol == RelayProtocol::kTcp);
    listed += count;
  });
  CHECK(listed == size_ && by_number_.size() == size_);
  CHECK(size_ + free_slots_.size() == connections_.size());
}

uint64_t Connections::bytes_for(const Options& options) {
  return options.count * (sizeof(Connection) + sizeof(uint32_t) + 24) +  // Slot, deadline.
         ByNumber::bytes_for(std::max<uint32_t>(1, options.count));
}

}  // namespace roost::core::turn
