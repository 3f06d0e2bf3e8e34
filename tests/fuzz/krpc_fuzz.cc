// SPDX-License-Identifier: MIT
//
// Any datagram: no parse crashes, and all views lie within it. What was read as a query or an
// answer and is written again is read as the same, and comes out in canonical form.
#include "wire/krpc.h"

#include <array>

#include "base/check.h"

namespace roost::wire {
namespace {

void check_within(Bytes inner, Bytes outer) {
  if (inner.empty()) return;
  CHECK(inner.data() >= outer.data() && inner.data() + inner.size() <= outer.data() + outer.size());
}

void check_same(const KrpcQuery& a, const KrpcQuery& b) {
  CHECK(a.method == b.method && a.id == b.id && a.target == b.target);
  CHECK(a.wants_v4 == b.wants_v4 && a.wants_v6 == b.wants_v6);
  CHECK(a.has_implied_port == b.has_implied_port && a.is_seed == b.is_seed);
  CHECK(a.method != KrpcMethod::kAnnouncePeer || a.port == b.port);
  CHECK(a.wants_scrape == b.wants_scrape && same_bytes(a.token, b.token));
  CHECK(same_bytes(a.value, b.value) && same_bytes(a.salt, b.salt));
  CHECK(a.key == b.key && a.signature == b.signature && a.seq == b.seq && a.cas == b.cas);
}

void check_same(const KrpcResponse& a, const KrpcResponse& b) {
  CHECK(a.id == b.id && same_bytes(a.nodes, b.nodes) && same_bytes(a.nodes6, b.nodes6));
  CHECK(same_bytes(a.token, b.token) && same_bytes(a.peers, b.peers));
  CHECK(same_bytes(a.value, b.value) && a.key == b.key && a.signature == b.signature);
  CHECK(a.seq == b.seq && a.interval == b.interval && a.stored_count == b.stored_count);
  CHECK(a.samples.has_value() == b.samples.has_value());
  if (a.samples) CHECK(same_bytes(*a.samples, *b.samples));
}

void check_query(const KrpcMessage& message, Bytes datagram) {
  if (message.method == KrpcMethod::kUnknown) return;
  const auto query = parse_query(message);
  if (!query) return;
  check_within(query->token, datagram);
  check_within(query->value, datagram);
  check_within(query->salt, datagram);
  std::array<uint8_t, 2 * kKrpcSizeMax> buffer;
  const Bytes written = encode(message.head, *query, buffer);
  if (written.size() > kKrpcSizeMax) return;  // Flags that were written shorter than ours.
  CHECK(!written.empty());
  const auto again = parse_krpc(written);
  CHECK(again && again->kind == KrpcKind::kQuery);
  CHECK(again->head.is_read_only == message.head.is_read_only);
  const auto same = parse_query(*again);
  CHECK(same);
  check_same(*query, *same);
}

void check_response(const KrpcMessage& message, Bytes datagram) {
  const auto response = parse_response(message);
  if (!response) return;
  for (const Bytes part :
       {response->nodes, response->nodes6, response->token, response->peers, response->value}) {
    check_within(part, datagram);
  }
  size_t peers = 0;
  for_each_peer(response->peers, [&](const Endpoint&) { ++peers; });
  CHECK(peers * kCompactV4Size <= datagram.size());
  std::array<uint8_t, 2 * kKrpcSizeMax> buffer;
  const Bytes written = encode(message.head, *response, buffer);
  CHECK(!written.empty());
  CHECK(written.size() == encoded_size(message.head, *response));
  if (written.size() > kKrpcSizeMax) return;
  const auto again = parse_krpc(written);
  CHECK(again && again->kind == KrpcKind::kResponse);
  CHECK(again->head.observed == message.head.observed);
  const auto same = parse_response(*again);
  CHECK(same);
  check_same(*response, *same);
}

}  // namespace
}  // namespace roost::wire

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace roost::wire;
  const roost::Bytes datagram(data, size);
  const auto message = parse_krpc(datagram);
  if (!message) return 0;
  check_within(message->head.transaction_id, datagram);
  check_within(message->head.version, datagram);
  check_within(message->body.bytes(), datagram);
  switch (message->kind) {
    case KrpcKind::kQuery: check_query(*message, datagram); break;
    case KrpcKind::kResponse: check_response(*message, datagram); break;
    case KrpcKind::kError: check_within(parse_error(*message).text, datagram); break;
  }
  return 0;
}
