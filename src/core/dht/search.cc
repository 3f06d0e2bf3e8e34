// SPDX-License-Identifier: MIT
#include "core/dht/search.h"

namespace roost::core::dht {
namespace {

// Those that deliver something go to nodes that are not waited for: who loses one has seven others.
constexpr std::array<uint8_t, 2> kDeliveryTransactionId = {'d', 'l'};

wire::KrpcMethod method_of(SearchPurpose purpose) {
  switch (purpose) {
    case SearchPurpose::kNeighbours:
    case SearchPurpose::kRefresh: return wire::KrpcMethod::kFindNode;
    case SearchPurpose::kPeers:
    case SearchPurpose::kAnnounce: return wire::KrpcMethod::kGetPeers;
    case SearchPurpose::kPublish:
    case SearchPurpose::kItem: return wire::KrpcMethod::kGet;
  }
  return wire::KrpcMethod::kUnknown;
}

}  // namespace

std::string_view label(SearchPurpose purpose) {
  switch (purpose) {
    case SearchPurpose::kNeighbours: return "neighbours";
    case SearchPurpose::kRefresh: return "refresh";
    case SearchPurpose::kPeers: return "peers";
    case SearchPurpose::kAnnounce: return "announce";
    case SearchPurpose::kPublish: return "publish";
    case SearchPurpose::kItem: return "item";
  }
  return "";
}

size_t Search::recipients() const {
  if (!delivers()) return 0;
  std::array<Lookup::Found, Lookup::kNearest> found;
  return lookup_.found(found);
}

size_t Search::step(MonoTime now, Sender& sender, size_t messages_max, Outbox& out) {
  size_t sent = 0;
  while (sent < messages_max) {
    const auto query = lookup_.next_query(now);
    if (!query) break;
    ask(now, *query, sender, out);
    ++sent;
  }
  if (!delivers() || !lookup_.is_done(now)) return sent;
  std::array<Lookup::Found, Lookup::kNearest> found;
  const size_t count = lookup_.found(found);
  for (size_t left = kDeliveriesPerStepMax; left > 0 && sent < messages_max && delivered_ < count;
       --left, ++delivered_, ++sent) {
    deliver(found[delivered_], sender, out);
  }
  return sent;
}

void Search::ask(MonoTime now, const Lookup::Query& query, Sender& sender, Outbox& out) {
  sender.rate.asked(now);
  wire::KrpcQuery message;
  message.method = method_of(options_.purpose);
  message.target = options_.lookup.target;
  message.wants_v4 = message.wants_v6 = options_.wants_both_families;
  send_query(sender.home, sender.is_read_only, query.transaction_id, message, query.to, out);
}

void Search::deliver(const Lookup::Found& to, Sender& sender, Outbox& out) {
  if (to.token_size == 0) return;  // Nothing is stored without one.
  wire::KrpcQuery message;
  message.token = Bytes(to.token).first(to.token_size);
  if (options_.purpose == SearchPurpose::kAnnounce) {
    message.method = wire::KrpcMethod::kAnnouncePeer;
    message.target = options_.lookup.target;
    message.port = sender.port;
    message.has_implied_port = true;  // What a NAT has made of our port is the one to be asked at.
  } else {
    if (sender.item == nullptr) return;
    message.method = wire::KrpcMethod::kPut;
    message.key = sender.item->key;
    message.signature = sender.item->signature;
    message.seq = sender.item->seq;
    message.salt = sender.item->salt;
    message.value = sender.item->value;
  }
  send_query(sender.home, sender.is_read_only, kDeliveryTransactionId, message, to.node.endpoint,
             out);
}

std::optional<MonoTime> Search::next_deadline(MonoTime now) {
  if (lookup_.is_done(now)) return now;  // To be carried on, or to be ended.
  return lookup_.next_deadline();
}

bool Search::answered(MonoTime now, const Endpoint& from, const wire::KrpcMessage& message,
                      const wire::KrpcResponse& response) {
  return lookup_.answered(now, from, message.head.transaction_id, response);
}

}  // namespace roost::core::dht
