// SPDX-License-Identifier: MIT
//
// What Server does for RFC 6062: Connect and ConnectionBind, and the answers that come later.
#include <algorithm>

#include "base/check.h"
#include "core/turn/server.h"
#include "core/turn/server_request.h"

namespace roost::core::turn {

using wire::StunAttribute;
using wire::StunBuilder;
using wire::StunClass;
using wire::StunMethod;

// RFC 6062 §5.2.
void Server::connect(const Request& request, Outbox& out) {
  Allocation* const allocation = find_own(request, out);
  if (allocation == nullptr) return;
  if (allocation->protocol != RelayProtocol::kTcp) return refuse(request, 403, out);
  const auto peer = request.view.find_xor_address(StunAttribute::kXorPeerAddress);
  if (!peer || peer->port == 0) return refuse(request, 400, out);
  if (const unsigned error = why_not_peer(*allocation, peer->address)) {
    return refuse(request, error, out);
  }
  Connection::Asked asked;
  const auto id = request.view.transaction_id();
  std::copy(id.begin(), id.end(), asked.transaction_id.begin());
  asked.has_fingerprint = request.view.has_fingerprint();
  asked.proof = request.proof;
  const unsigned error = streams_.connect(request.now.mono, *allocation, *peer, asked, out);
  if (error != 0) refuse(request, error, out);
}

// §5.4. The connection that it comes on is that of no allocation: it has no messages from here on.
void Server::bind_connection(const Request& request, Outbox& out) {
  const auto number = request.view.find_u32(StunAttribute::kConnectionId);
  if (!is_byte_stream(request.flow.transport) || !number || table_.find(request.flow) != nullptr) {
    return refuse(request, 400, out);
  }
  Connection* const connection = streams_.find_pending(*number);
  if (connection == nullptr) return refuse(request, 400, out);
  if (table_.at(connection->allocation)->proof.user != request.proof.user) {
    return refuse(request, 441, out);
  }
  succeed(request, out);
  streams_.bind(*connection, request.flow.stream, out);
}

void Server::answer_connect(const Connection& connection, unsigned code, Outbox& out) {
  const MutableBytes buffer = out.build(kReplySizeMax);
  const Connection::Asked& asked = connection.asked;
  StunBuilder reply(buffer, code == 0 ? StunClass::kSuccess : StunClass::kError,
                    StunMethod::kConnect, asked.transaction_id);
  if (code == 0) {
    reply.add_u32(StunAttribute::kConnectionId, connection.number);
    count_success(StunMethod::kConnect);
  } else {
    reply.add_error_code(code, reason(code));
    count_error(code, asked.proof.payer);
  }
  sign(asked.proof, asked.has_fingerprint, reply);
  const Bytes bytes = reply.finish();
  CHECK(!bytes.empty());
  out.shrink(buffer, bytes.size());
  send_reply(table_.at(connection.allocation)->flow, bytes, out);
}

void Server::step(const Now& now, const PeerConnected& input, Outbox& out) {
  if (const Connection* const connection = streams_.take_connected(now.mono, input, out)) {
    answer_connect(*connection, 0, out);
  }
}

void Server::step(const Now&, const PeerFailed& input, Outbox& out) {
  if (Connection* const connection = streams_.take_failed(input)) {
    answer_connect(*connection, 447, out);
    streams_.forget(*connection);
  }
}

void Server::end_overdue_connections(MonoTime now, Outbox& out) {
  for (int i = 0; i < kConnectionsEndedPerStepMax; ++i) {
    Connection* const connection = streams_.take_overdue(now, out);
    if (connection == nullptr) return;
    if (connection->state == Connection::State::kConnecting) {
      answer_connect(*connection, 447, out);
    }
    streams_.forget(*connection);
  }
}

}  // namespace roost::core::turn
