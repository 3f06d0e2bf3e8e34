// SPDX-License-Identifier: MIT
#pragma once
// The few messages of the Mainline DHT (BEP 5) that dht_load sends and reads, byte for byte: it
// does not borrow the codec that it measures.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace bench {

using DhtId = std::array<uint8_t, 20>;
using Datagram = std::span<const uint8_t>;

enum class DhtMethod : uint8_t { kFindNode, kGetPeers };
inline constexpr size_t kDhtMethodCount = 2;

// A query has 101 bytes to find a node and 104 to get peers, as libtorrent's have.
inline constexpr size_t kDhtQuerySizeMax = 104;

// Returns its size. Requires kDhtQuerySizeMax bytes.
size_t write_query(DhtMethod method, uint16_t transaction, const DhtId& id, const DhtId& target,
                   std::span<uint8_t> out);
// Of a query that write_query() has made, sent back as it is.
std::optional<uint16_t> transaction_of_query(Datagram datagram);

// An answer with everything that BEP 5 and BEP 42 ask for.
struct DhtAnswer {
  uint16_t transaction = 0;
  uint32_t observed_address = 0;
  uint16_t observed_port = 0;
  size_t nodes = 0;
  bool has_token = false;
};
// Empty for anything else.
std::optional<DhtAnswer> read_answer(Datagram datagram);

// The transaction ID of a ping; empty for anything else.
Datagram transaction_of_ping(Datagram datagram);
// Returns its size. Requires a transaction ID of at most kPingTransactionMax bytes, and room for
// kPingAnswerSizeMax.
inline constexpr size_t kPingTransactionMax = 9;
inline constexpr size_t kPingAnswerSizeMax = 64;
size_t write_ping_answer(Datagram transaction, const DhtId& id, std::span<uint8_t> out);

}  // namespace bench
