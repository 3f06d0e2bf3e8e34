// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "wire/compact_address.h"
#include "wire/node_id.h"

namespace roost::sim {

// The messages of the DHT (BEP 5, 32, 42, 43), as the swarm writes them and oracles read them: with
// code of their own, which shares nothing with wire/krpc.

// What a datagram says. Views borrow from it; what it does not say is empty.
struct KrpcText {
  char kind = 0;  // 'q', 'r' or 'e'.
  std::string_view transaction_id{};
  std::string_view method{};
  std::string_view token{};
  std::optional<wire::NodeId> id{};
  std::optional<wire::NodeId> target{};    // "target" or "info_hash".
  std::vector<wire::CompactNode> nodes{};  // Of both families.
  bool is_read_only = false;
};
std::optional<KrpcText> read_krpc(Bytes datagram);

using KrpcBytes = std::vector<uint8_t>;

struct KrpcQuestion {
  std::string_view method = "ping";
  std::string_view transaction_id = "aa";
  wire::NodeId id{};
  std::optional<wire::NodeId> target{};  // Of find_node; with "info_hash" of the others.
  bool is_read_only = false;
  std::string_view token{};  // Of announce_peer.
};
KrpcBytes write_query(const KrpcQuestion& question);

struct KrpcReply {
  std::string_view transaction_id{};
  wire::NodeId id{};
  std::span<const wire::CompactNode> nodes{};  // Of both families, as they come.
  std::string_view token{};
  std::optional<Endpoint> observed{};  // "ip" (BEP 42): whom it goes to.
};
KrpcBytes write_answer(const KrpcReply& reply);

}  // namespace roost::sim
