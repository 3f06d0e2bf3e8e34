// SPDX-License-Identifier: MIT
#include "core/dht/own_query.h"

#include "base/check.h"

namespace roost::core::dht {

void send_query(const Home& home, bool is_read_only, Bytes transaction_id, wire::KrpcQuery query,
                const Endpoint& to, Outbox& out, Grade grade) {
  query.id = home.id;
  const MutableBytes buffer = out.build(wire::kKrpcSizeMax);
  const Bytes written = encode(
      wire::KrpcHead{
          .transaction_id = transaction_id, .version = kVersion, .is_read_only = is_read_only},
      query, buffer);
  CHECK(!written.empty());
  out.shrink(buffer, written.size());
  out.push(SendDatagram{
      .from = home.socket, .local = home.local, .to = to, .payload = written, .grade = grade});
}

}  // namespace roost::core::dht
