// SPDX-License-Identifier: MIT
#include "core/dht/responder.h"

#include <algorithm>
#include <optional>

#include "wire/mutable_item.h"

namespace roost::core::dht {
namespace {

using wire::KrpcErrorCode;
using wire::KrpcMethod;

// "5:nodes123:" and "6:nodes6123:".
constexpr size_t kNodesKeySize = 11;
constexpr size_t kNodes6KeySize = 12;

struct PutAnswer {
  KrpcErrorCode code;
  std::string_view text;
};

// Empty for what is stored.
std::optional<PutAnswer> refusal_of(PutOutcome outcome) {
  switch (outcome) {
    case PutOutcome::kStored:
    case PutOutcome::kReplaced:
    case PutOutcome::kRefreshed: return {};
    case PutOutcome::kValueTooBig: return PutAnswer{KrpcErrorCode::kValueTooBig, "v too big"};
    case PutOutcome::kInvalidSignature:
      return PutAnswer{KrpcErrorCode::kInvalidSignature, "invalid signature"};
    case PutOutcome::kSaltTooBig: return PutAnswer{KrpcErrorCode::kSaltTooBig, "salt too big"};
    case PutOutcome::kCasMismatch: return PutAnswer{KrpcErrorCode::kCasMismatch, "cas mismatch"};
    case PutOutcome::kSequenceTooLow:
      return PutAnswer{KrpcErrorCode::kSequenceTooLow, "seq too low"};
    case PutOutcome::kPrefixFull:
    case PutOutcome::kStoreFull: return PutAnswer{KrpcErrorCode::kServer, "no room"};
  }
  return {};
}

}  // namespace

struct Responder::Exchange {
  MonoTime now;
  const DatagramArrived& input;
  wire::KrpcHead head;  // Of the answer.
  const wire::KrpcQuery& query;
  const wire::NodeId& own_id;
  size_t reply_max;
  bool is_proven;
  Outbox& out;

  bool fits(const wire::KrpcResponse& response) const {
    return encoded_size(head, response) <= reply_max;
  }
  void push(Bytes payload) {
    out.push(SendDatagram{.from = input.at,
                          .local = input.local,
                          .to = input.from,
                          .payload = payload,
                          .grade = is_proven ? Grade::kCommitted : Grade::kUnproven});
  }
};

Responder::Responder(const Options& options, Verifier& verifier, const RoutingTables& tables,
                     Random& random)
    : verifier_(verifier),
      tables_(tables),
      puts_(kPutsPerSecond, kPutPrefixes, random.bytes<16>(), PrefixWidth::kSite),
      tokens_(random),
      peers_(options.peers, random),
      items_(options.items, random) {}

void Responder::step(MonoTime now, const DatagramArrived& input, const wire::KrpcMessage& message,
                     const wire::NodeId& own_id, Outbox& out) {
  ++stats_.queries[static_cast<size_t>(message.method)];
  stats_.queries_read_only += message.head.is_read_only;
  const bool is_proven = verifier_.is_proven(now, input.from.address);
  const size_t may_send = is_proven ? kReplySizeMax : kReplyRatioMax * input.payload.size();
  const auto exchange_about = [&](const wire::KrpcQuery& query) {
    return Exchange{.now = now,
                    .input = input,
                    .head = {.transaction_id = message.head.transaction_id,
                             .version = kVersion,
                             .observed = input.from},
                    .query = query,
                    .own_id = own_id,
                    .reply_max = std::min(may_send, kReplySizeMax),
                    .is_proven = is_proven,
                    .out = out};
  };
  const auto refuse_with = [&](KrpcErrorCode code, std::string_view text) {
    const wire::KrpcQuery none;
    Exchange exchange = exchange_about(none);
    return refuse(exchange, code, text);
  };
  Answer answer = Answer::kNone;
  if (message.method == KrpcMethod::kUnknown) {
    answer = refuse_with(KrpcErrorCode::kMethodUnknown, "method unknown");
  } else if (const auto query = parse_query(message); !query) {
    answer = refuse_with(KrpcErrorCode::kProtocol, label(query.error()));
  } else {
    Exchange exchange = exchange_about(*query);
    if (!message.head.is_read_only) {
      const size_t spent = tell_verifier(exchange, may_send);
      exchange.reply_max = std::min(may_send - spent, kReplySizeMax);
    }
    answer = this->answer(exchange);
  }
  ++stats_.answers[static_cast<size_t>(answer)];
}

// Returns the bytes that were sent to whoever asks.
size_t Responder::tell_verifier(const Exchange& exchange, size_t may_send) {
  const Endpoint& from = exchange.input.from;
  if (exchange.is_proven) {
    verifier_.heard_proven(exchange.now, from);
    return 0;
  }
  // A ping is worth more to whoever asks than two nodes.
  const bool has_room = may_send >= 2 * Verifier::kPingSize;
  return verifier_.heard_query(exchange.now, from, has_room, exchange.out);
}

Responder::Answer Responder::answer(Exchange& exchange) {
  switch (exchange.query.method) {
    case KrpcMethod::kPing: return answer_ping(exchange);
    case KrpcMethod::kFindNode: return answer_find_node(exchange);
    case KrpcMethod::kGetPeers: return answer_get_peers(exchange);
    case KrpcMethod::kAnnouncePeer: return answer_announce_peer(exchange);
    case KrpcMethod::kGet: return answer_get(exchange);
    case KrpcMethod::kPut: return answer_put(exchange);
    case KrpcMethod::kSampleInfohashes: return answer_sample_infohashes(exchange);
    case KrpcMethod::kUnknown: break;  // Refused before.
  }
  return Answer::kNone;
}

Responder::Answer Responder::answer_ping(Exchange& exchange) {
  return send(exchange, {.id = exchange.own_id});
}

Responder::Answer Responder::answer_find_node(Exchange& exchange) {
  return send_with_nodes(exchange, {.id = exchange.own_id});
}

Responder::Answer Responder::answer_get_peers(Exchange& exchange) {
  const Tokens::Token token = tokens_.token_for(exchange.now, exchange.input.from.address);
  std::array<Endpoint, kPeersMax> found;
  const size_t count = peers_.find(exchange.now, exchange.query.target,
                                   family_of(exchange.input.from.address), found);
  std::array<uint8_t, 2 + kPeersMax*(3 + wire::kCompactV6Size)> list;
  wire::KrpcResponse response{.id = exchange.own_id, .token = token};
  for (size_t shown = count; shown > 0 && response.peers.empty(); shown /= 2) {
    wire::KrpcResponse with_peers = response;
    with_peers.peers = wire::write_peers(std::span(found).first(shown), list);
    if (exchange.fits(with_peers)) response = with_peers;
  }
  const Answer answer = send_with_nodes(exchange, response);
  return count > 0 && response.peers.empty() ? Answer::kShortened : answer;
}

Responder::Answer Responder::answer_announce_peer(Exchange& exchange) {
  if (!shows_token(exchange)) return refuse(exchange, KrpcErrorCode::kProtocol, "bad token");
  const wire::KrpcQuery& query = exchange.query;
  const Endpoint& from = exchange.input.from;
  const Endpoint peer{from.address, query.has_implied_port ? from.port : query.port};
  (void)peers_.announce(exchange.now, query.target, peer, query.is_seed);
  // What there is no room for is counted, and of no use to who asked: others keep it too.
  return send(exchange, {.id = exchange.own_id});
}

Responder::Answer Responder::answer_get(Exchange& exchange) {
  const Tokens::Token token = tokens_.token_for(exchange.now, exchange.input.from.address);
  std::array<uint8_t, wire::kMutableItemValueSizeMax> buffer;
  wire::KrpcResponse response{.id = exchange.own_id, .token = token};
  if (own_item_ != nullptr && exchange.query.target == own_item_target_) {
    response.seq = own_item_->seq;
    response.key = own_item_->key;
    response.signature = own_item_->signature;
    response.value = own_item_->value;
    return answer_with_item(exchange, response);
  }
  const auto item = items_.get(exchange.now, exchange.query.target, buffer);
  if (!item) return send_with_nodes(exchange, response);
  response.seq = item->seq;
  response.key = item->key;
  response.signature = item->signature;
  response.value = item->value;
  return answer_with_item(exchange, response);
}

// The item if it is news to whoever asks and fits; else its sequence number alone, with nodes.
Responder::Answer Responder::answer_with_item(Exchange& exchange, const wire::KrpcResponse& whole) {
  const auto& known_seq = exchange.query.seq;
  const bool is_known = whole.seq && known_seq && *whole.seq <= *known_seq;
  if (!is_known && exchange.fits(whole)) return send_with_nodes(exchange, whole);
  const Answer answer =
      send_with_nodes(exchange, {.id = whole.id, .token = whole.token, .seq = whole.seq});
  return is_known || answer == Answer::kNone ? answer : Answer::kShortened;
}

Responder::Answer Responder::answer_put(Exchange& exchange) {
  if (!shows_token(exchange)) return refuse(exchange, KrpcErrorCode::kProtocol, "bad token");
  if (!puts_.admit(exchange.now, exchange.input.from.address)) {
    ++stats_.puts_refused;
    return refuse(exchange, KrpcErrorCode::kServer, "too many puts");
  }
  const PutOutcome outcome = items_.put(exchange.now, exchange.input.from.address, exchange.query);
  if (const auto refusal = refusal_of(outcome)) {
    return refuse(exchange, refusal->code, refusal->text);
  }
  return send(exchange, {.id = exchange.own_id});
}

Responder::Answer Responder::answer_sample_infohashes(Exchange& exchange) {
  const InfohashSample sample = peers_.sample(exchange.now, family_of(exchange.input.from.address));
  wire::KrpcResponse response{.id = exchange.own_id};
  response.interval = sample.interval.count();
  response.stored_count = sample.stored_count;
  response.samples = sample.infohashes;
  if (exchange.fits(response)) return send_with_nodes(exchange, response);
  response.samples = Bytes();
  (void)send_with_nodes(exchange, response);
  return Answer::kShortened;
}

bool Responder::shows_token(Exchange& exchange) {
  const IpAddress& address = exchange.input.from.address;
  if (!tokens_.accepts(exchange.now, address, exchange.query.token)) {
    ++stats_.bad_tokens;
    return false;
  }
  verifier_.prove(exchange.now, address);
  return true;
}

size_t Responder::pick_nodes(Exchange& exchange, Family family, std::span<wire::CompactNode> out) {
  const RoutingTable& table = tables_[static_cast<size_t>(family)];
  const bool is_near = wire::common_bits(exchange.query.target, table.own_id()) >= kNeighbourBits;
  const Endpoint& from = exchange.input.from;
  size_t count = 0;
  if (is_near || verifier_.ring().size(family) < kContactsMin) {
    std::array<wire::CompactNode, RoutingTable::kBucketSize + 1> nearest;
    const size_t found = table.nearest(exchange.query.target, nearest);
    for (const wire::CompactNode& node : std::span(nearest).first(found)) {
      if (count == out.size()) return count;
      if (node.endpoint == from) continue;
      out[count++] = node;
      verifier_.handed_out(exchange.now, node.endpoint);
    }
  }
  // No two contacts are the same, but the table may have named one already.
  const auto named = out.first(count);
  const auto contacts = out.subspan(count);
  for (const wire::CompactNode& contact :
       contacts.first(verifier_.take(exchange.now, family, contacts))) {
    if (contact.endpoint == from) continue;
    if (std::find(named.begin(), named.end(), contact) != named.end()) continue;
    if (&out[count] != &contact) out[count] = contact;
    ++count;
  }
  return count;
}

Responder::Answer Responder::send_with_nodes(Exchange& exchange, wire::KrpcResponse response) {
  const wire::KrpcQuery& query = exchange.query;
  const size_t bare = encoded_size(exchange.head, response);
  if (bare > exchange.reply_max) return Answer::kNone;
  const bool is_default = !query.wants_v4 && !query.wants_v6;
  const bool is_from_v4 = exchange.input.from.address.is_v4();
  const bool wants_v4 = query.wants_v4 || (is_default && is_from_v4);
  const bool wants_v6 = query.wants_v6 || (is_default && !is_from_v4);
  const size_t wanted = wants_v4 && wants_v6 ? kNodesOfEachMax : kNodesMax;

  size_t room = exchange.reply_max - bare;
  bool is_short = false;
  const auto take = [&](Family family, size_t share, size_t key_size, size_t node_size,
                        MutableBytes buffer) {
    std::array<wire::CompactNode, kNodesMax> nodes;
    const size_t fitting = share > key_size ? (share - key_size) / node_size : 0;
    is_short |= fitting < wanted;
    const size_t taken =
        pick_nodes(exchange, family, std::span(nodes).first(std::min(wanted, fitting)));
    Writer writer(buffer);
    for (const wire::CompactNode& node : std::span(nodes).first(taken))
      wire::write_compact(writer, node);
    if (taken > 0) room -= key_size + writer.size();
    return writer.written();
  };
  std::array<uint8_t, kNodesMax * wire::kCompactNodeV4Size> nodes;
  std::array<uint8_t, kNodesMax * wire::kCompactNodeV6Size> nodes6;
  if (wants_v4) {
    response.nodes = take(Family::kV4, wants_v6 ? room / 2 : room, kNodesKeySize,
                          wire::kCompactNodeV4Size, nodes);
  }
  if (wants_v6) {
    response.nodes6 = take(Family::kV6, room, kNodes6KeySize, wire::kCompactNodeV6Size, nodes6);
  }
  const Answer answer = send(exchange, response);
  return answer == Answer::kFull && is_short ? Answer::kShortened : answer;
}

Responder::Answer Responder::send(Exchange& exchange, const wire::KrpcResponse& response) {
  const MutableBytes buffer = exchange.out.build(exchange.reply_max);
  const Bytes written = encode(exchange.head, response, buffer);
  exchange.out.shrink(buffer, written.size());
  if (written.empty()) return Answer::kNone;
  exchange.push(written);
  return Answer::kFull;
}

Responder::Answer Responder::refuse(Exchange& exchange, KrpcErrorCode code, std::string_view text) {
  const MutableBytes buffer = exchange.out.build(exchange.reply_max);
  const Bytes written = encode(exchange.head, code, text, buffer);
  exchange.out.shrink(buffer, written.size());
  if (written.empty()) return Answer::kNone;
  exchange.push(written);
  return Answer::kError;
}

uint64_t Responder::bytes_for(const Options& options) {
  return PeerStore::bytes_for(options.peers) + ItemStore::bytes_for(options.items) +
         PrefixLimiter::bytes_for(kPutPrefixes);
}

std::string_view label(Responder::Answer answer) {
  switch (answer) {
    case Responder::Answer::kFull: return "full";
    case Responder::Answer::kShortened: return "shortened";
    case Responder::Answer::kError: return "error";
    case Responder::Answer::kNone: return "none";
  }
  return "";
}

}  // namespace roost::core::dht
