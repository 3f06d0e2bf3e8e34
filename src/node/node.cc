// SPDX-License-Identifier: MIT
#include "node/node.h"

#include <algorithm>

#include "base/check.h"
#include "node/dht_options.h"
#include "node/turn_options.h"
#include "wire/demux.h"

namespace roost::node {
namespace {

using core::stun::Responder;

constexpr std::string_view kText = "text/plain";

// What it costs to tell somebody that there will be a connection or none: a SYN that is repeated,
// or the answer to one and a reset.
constexpr uint64_t kPeerHandshakeBytes = 180;

// Of a message that classify_datagram() has told for STUN (RFC 8489 §5): the class is in two bits
// of its type, and responses have the upper one.
bool is_stun_response(Bytes payload) {
  return (payload[0] & 1) != 0;
}

// The largest answer of the relay on a stream.
constexpr uint64_t kReplyBytesMax = 512;

std::vector<Responder::Discovery> discovery(const Config& config,
                                            const std::vector<Endpoint>& sockets) {
  std::vector<Responder::Discovery> result;
  for (const bool is_v4 : {true, false}) {
    std::vector<IpAddress> addresses;
    for (const IpAddress& address : config.stun.discovery_addresses) {
      if (address.is_v4() == is_v4) addresses.push_back(address);
    }
    if (addresses.empty()) continue;
    CHECK(addresses.size() == 2);
    Responder::Discovery family;
    const uint16_t ports[2] = {config.node.port, config.stun.discovery_port};
    for (size_t address = 0; address < 2; ++address) {
      for (size_t port = 0; port < 2; ++port) {
        const Endpoint endpoint{addresses[address], ports[port]};
        family.endpoints[address][port] = endpoint;
        const auto socket = find_socket(sockets, endpoint);
        CHECK(socket.has_value());  // find_missing_socket() has looked.
        family.sockets[address][port] = static_cast<core::SocketId>(*socket);
      }
    }
    result.push_back(family);
  }
  return result;
}

Role role_of(const Config& config) {
  switch (config.node.role) {
    case RoleChoice::kLeaf: return Role::kLeaf;
    case RoleChoice::kSupernode: return Role::kSupernode;
    case RoleChoice::kAuto: break;
  }
  // Left to itself, a node is as public as its owner has said it is.
  return config.node.external_addresses.empty() ? Role::kLeaf : Role::kCandidate;
}

// The secret of what the node mints is its own for ever, so that a restart ends nobody's call: an
// Ed25519 signature, which is the same each time, over what is never signed for anybody.
core::turn::Server::Options turn_options_of(const Config& config, const SigningKey& key) {
  core::turn::Server::Options options = turn_options(config);
  options.authenticator.mint_secret =
      sha256(key.sign(as_bytes("roost: the secret of minted TURN credentials")));
  return options;
}

// What a reload takes over of the relay: all but whether there is one, and what sizes and sockets
// depend on, and what the machine says (readdress()).
Config::Relay with_fixed_parts_of(const Config::Relay& old, const Config::Relay& reloaded) {
  Config::Relay relay = reloaded;
  relay.enabled = old.enabled;
  relay.port_min = old.port_min;
  relay.port_max = old.port_max;
  relay.machine_addresses = old.machine_addresses;
  relay.machine_networks = old.machine_networks;
  return relay;
}

}  // namespace

std::string_view label(Node::Drop drop) {
  switch (drop) {
    case Node::Drop::kAdmission: return "admission";
    case Node::Drop::kUnknownKind: return "unknown_kind";
    case Node::Drop::kNotServed: return "not_served";
    case Node::Drop::kPortZero: return "port_zero";
    case Node::Drop::kDonation: return "donation";
  }
  return "";
}

std::string_view label(core::Transport transport) {
  switch (transport) {
    case core::Transport::kUdp: return "udp";
    case core::Transport::kTcp: return "tcp";
    case core::Transport::kTls: return "tls";
    case core::Transport::kDtls: return "dtls";
  }
  return "";
}

std::string_view label(core::PeerFailure failure) {
  switch (failure) {
    case core::PeerFailure::kRefused: return "refused";
    case core::PeerFailure::kUnreachable: return "unreachable";
    case core::PeerFailure::kNoResources: return "no_resources";
    case core::PeerFailure::kTimeout: return "timeout";
  }
  return "";
}

std::string_view label(core::Payer payer) {
  switch (payer) {
    case core::Payer::kService: return "service";
    case core::Payer::kFriend: return "friend";
    case core::Payer::kFriendOfFriend: return "friend_of_friend";
    case core::Payer::kStranger: return "stranger";
  }
  return "";
}

Node::Node(const Config& config, const std::vector<Endpoint>& sockets, const SigningKey& key,
           Random& random, const Now& now)
    : config_(config),
      key_(key),
      budget_(config.donate, now),
      packet_admission_(config.admission.packets_per_second_per_prefix, config.admission.prefixes,
                        random.bytes<16>()),
      stream_admission_(config.admission.packets_per_second_per_prefix,
                        std::min(config.admission.prefixes, kStreamPrefixesMax),
                        random.bytes<16>()),
      connection_admission_(config, random.bytes<16>()),
      dtls_(random),
      stun_({.answers_classic = config_.stun.classic,
             .software = config_.stun.software,
             .discovery = discovery(config_, sockets)}),
      turn_(),
      dht_(),
      role_(role_of(config)),
      self_record_(key) {
  if (config.relay.enabled) turn_.emplace(turn_options_of(config, key), random, now.mono);
  if (config.dht.enabled) {
    dht_.emplace(config, dht_options(config, sockets, key), key, random, now.mono);
    dht_->set_supernode(now.mono, role_ == Role::kSupernode);
  }
}

void Node::step(const Now& now, const core::Input& input, core::Outbox& out) {
  budget_.turn(now);
  const size_t actions_before = out.actions().size();
  std::visit([&](const auto& what) { handle(now, what, out); }, input);
  out.retain_from(actions_before, [&](const core::Action& action) { return pay(now, action); });
}

void Node::handle(const Now& now, const core::DatagramArrived& input, core::Outbox& out) {
  count_received(core::Transport::kUdp, input.payload.size());
  if (input.from.port == 0) return drop(Drop::kPortZero);
  const wire::DatagramKind kind = wire::classify_datagram(input.payload);
  // An established flow first: what it may send is bounded by its allocation.
  if (turn_ && core::turn::Server::may_be_relayed(input.payload) && turn_->relay(now, input, out)) {
    return;
  }
  const bool is_for_turn = turn_ && core::turn::Server::serves(input.payload);
  if (is_for_turn && turn_->admits(now.mono, input)) return turn_->step(now, input, out);
  if (!packet_admission_.admit(now.mono, input.from.address)) return drop(Drop::kAdmission);
  switch (kind) {
    case wire::DatagramKind::kStun:
      if (is_for_turn) {
        turn_->set_accepting(budget_.is_month_young());
        return turn_->step(now, input, out);
      }
      if (dht_ && is_stun_response(input.payload) && dht_->heard_stun(now, input)) return;
      if (!config_.stun.enabled) return drop(Drop::kNotServed);
      return stun_.step(input, out);
    case wire::DatagramKind::kDtls:
      // There is nothing inside but what these two serve.
      if (!turn_ && !config_.stun.enabled) return drop(Drop::kNotServed);
      return dtls_.step(now.mono, input, out);
    case wire::DatagramKind::kDht:
      if (!dht_) return drop(Drop::kNotServed);
      return dht_->step(now, input, out);
    case wire::DatagramKind::kChannelData: return drop(Drop::kNotServed);
    case wire::DatagramKind::kUnknown: return drop(Drop::kUnknownKind);
  }
}

void Node::handle(const Now& now, const core::MessageArrived& input, core::Outbox& out) {
  count_received(input.transport, input.payload.size());
  if (turn_ && core::turn::Server::may_be_relayed(input.payload) && turn_->relay(now, input, out)) {
    return;
  }
  const bool is_for_turn = turn_ && core::turn::Server::serves(input.payload);
  // A stream does not ask again (RFC 8489 §6.2.2): whom we do not answer must see that. Over DTLS a
  // client does, as over UDP. What others forge in the name of its prefix does not count against
  // it.
  const auto refuse = [&](Drop why) {
    drop(why);
    if (is_byte_stream(input.transport)) out.push(core::RefuseStream{input.stream});
  };
  if (is_for_turn && turn_->admits(now.mono, input)) {
    // Its answer is paid for afterwards: the rate allows for that, the month does not.
    if (budget_.is_month_used_up(kReplyBytesMax)) return refuse(Drop::kDonation);
    return turn_->step(now, input, out);
  }
  if (!stream_admission_.admit(now.mono, input.from.address)) return refuse(Drop::kAdmission);
  if (wire::classify_datagram(input.payload) != wire::DatagramKind::kStun) {
    return refuse(Drop::kNotServed);
  }
  if (!budget_.has_room(now)) return refuse(Drop::kDonation);
  if (is_for_turn) {
    turn_->set_accepting(budget_.is_month_young());
    return turn_->step(now, input, out);
  }
  if (!config_.stun.enabled) return refuse(Drop::kNotServed);
  stun_.step(input, out);
}

void Node::handle(const Now& now, const core::StreamOpened& input, core::Outbox& out) {
  if (!budget_.has_room(now)) {
    drop(Drop::kDonation);
    out.push(core::RefuseStream{input.stream});
  } else if (!stream_admission_.admit(now.mono, input.from.address)) {
    // A handshake of TLS costs as much as 200 packets, so it is not had for less than one.
    drop(Drop::kAdmission);
    out.push(core::RefuseStream{input.stream});
  } else if (connection_admission_.open(input.from.address)) {
    out.push(core::RefuseStream{input.stream});
  }
}

void Node::handle(const Now& now, const core::StreamBytesSent& input, core::Outbox&) {
  // What was relayed is paid for already, but for what TLS or DTLS has added. Headers of TCP that
  // were paid for are not among the bytes, and pay for nothing else.
  const uint64_t bytes = input.bytes + input.datagrams * Budget::kHeaderBytes;
  uint64_t& left =
      input.transport == core::Transport::kDtls ? prepaid_datagram_bytes_ : prepaid_bytes_;
  const uint64_t prepaid = std::min(left, bytes);
  left -= prepaid;
  budget_.spend(now, bytes - prepaid);
  stats_.datagrams_sent += input.datagrams;
  stats_.sent_bytes[static_cast<size_t>(input.transport)] += input.bytes;
}

void Node::handle(const Now& now, const core::StreamClosed& input, core::Outbox& out) {
  connection_admission_.close(input.from.address);
  if (turn_) turn_->step(now, input, out);
}

void Node::handle(const Now& now, const core::HttpRequestArrived& input, core::Outbox& out) {
  const core::HttpReply reply = answer(now, input, out);
  ++stats_.http_replies[reply.status / 100];
  out.push(reply);
}

void Node::handle(const Now& now, const core::RelayOpened& input, core::Outbox& out) {
  CHECK(turn_.has_value());
  turn_->step(now, input, out);
}

void Node::handle(const Now& now, const core::RelayRefused& input, core::Outbox& out) {
  CHECK(turn_.has_value());
  turn_->step(now, input, out);
}

void Node::handle(const Now& now, const core::RelayDatagramArrived& input, core::Outbox& out) {
  CHECK(turn_.has_value());
  turn_->step(now, input, out);
}

void Node::handle(const Now& now, const core::RelayErrorArrived& input, core::Outbox& out) {
  CHECK(turn_.has_value());
  turn_->step(now, input, out);
}

void Node::handle(const Now& now, const core::PeerConnected& input, core::Outbox& out) {
  CHECK(turn_.has_value());
  const size_t actions_before = out.actions().size();
  turn_->step(now, input, out);
  withhold_late_answers(actions_before, out);
}

void Node::handle(const Now& now, const core::PeerFailed& input, core::Outbox& out) {
  CHECK(turn_.has_value());
  const size_t actions_before = out.actions().size();
  turn_->step(now, input, out);
  withhold_late_answers(actions_before, out);
}

void Node::handle(const Now& now, const core::PeerArrived& input, core::Outbox& out) {
  CHECK(turn_.has_value());
  budget_.spend(now, kPeerHandshakeBytes);  // The kernel has answered already.
  // Not taken, so the shell closes it; else the client would be told of each.
  if (budget_.is_month_used_up(Budget::kBurstBytesMin)) return drop(Drop::kDonation);
  turn_->step(now, input, out);
}

void Node::handle(const Now& now, const core::PeerDataArrived& input, core::Outbox& out) {
  CHECK(turn_.has_value());
  const core::turn::Forwarder::Room room = {budget_.available(now, core::Grade::kCommitted),
                                            budget_.available(now, core::Grade::kExcess)};
  turn_->step(now, input, room, out);
}

void Node::handle(const Now& now, const core::PeerClosed& input, core::Outbox& out) {
  CHECK(turn_.has_value());
  turn_->step(now, input, out);
}

void Node::handle(const Now& now, const core::NamesResolved& input, core::Outbox& out) {
  if (dht_) dht_->step(now, input, out);
}

void Node::handle(const Now& now, const core::CommitDone& input, core::Outbox& out) {
  if (dht_) dht_->step(now, input, out);
}

void Node::handle(const Now& now, const core::RangeRead& input, core::Outbox& out) {
  if (dht_) dht_->step(now, input, out);
}

// One service in a step, since each may fill what a step has room for. What the other has to do is
// still due then.
void Node::handle(const Now& now, const core::DeadlinePassed& input, core::Outbox& out) {
  const auto is_due = [&](const auto& service) {
    const auto deadline = service ? service->next_deadline() : std::nullopt;
    return deadline && *deadline <= now.mono;
  };
  if (is_due(turn_)) {
    const size_t actions_before = out.actions().size();
    turn_->step(now, input, out);
    return withhold_late_answers(actions_before, out);
  }
  if (!dht_) return;
  if (dht_->is_record_due(now.mono)) renew_record(now);
  if (is_due(dht_)) dht_->step(now, input, out);
}

// The DHT keeps an item for two hours, and readers want a recent one. While the time is not known
// nothing can be signed.
void Node::renew_record(const Now& now) {
  const Bytes bytes = self_record_.signed_bytes(now, config_, role_);
  if (bytes.empty()) return dht_->set_record(now, {});
  const auto item = wire::parse_signed_node_record(bytes);
  CHECK(item.has_value());
  dht_->set_record(now, *item);
}

std::optional<MonoTime> Node::next_deadline() const {
  std::optional<MonoTime> next = turn_ ? turn_->next_deadline() : std::nullopt;
  const auto dht = dht_ ? dht_->next_deadline() : std::nullopt;
  if (dht && (!next || *dht < *next)) next = dht;
  return next;
}

// A question was taken on while there was something left of the month, and its answer comes when
// there is not: that ends the stream as any message would.
void Node::withhold_late_answers(size_t actions_before, core::Outbox& out) {
  if (!budget_.is_month_used_up(kReplyBytesMax)) return;
  std::vector<core::StreamId> unanswered;
  out.retain_from(actions_before, [&](const core::Action& action) {
    const auto* const message = std::get_if<core::SendMessage>(&action);
    if (message == nullptr || message->payer != core::Payer::kService) return true;
    if (!message->is_datagram) unanswered.push_back(message->stream);
    drop(Drop::kDonation);
    return false;
  });
  for (const core::StreamId stream : unanswered) out.push(core::RefuseStream{stream});
}

core::HttpReply Node::answer(const Now& now, const core::HttpRequestArrived& input,
                             core::Outbox& out) {
  // Before any other answer, since every answer costs. The connection is ended with it, and no new
  // one is taken on, so that each open connection exceeds the donation by one small reply at most.
  if (!budget_.has_room(now)) {
    drop(Drop::kDonation);
    return {input.request,     503, kText, as_bytes("the donation is used up\n"),
            "Retry-After: 60", true};
  }
  if (!packet_admission_.admit(now.mono, input.from.address)) {
    drop(Drop::kAdmission);
    return {input.request, 429, kText, as_bytes("too many requests\n"), "Retry-After: 5"};
  }
  if (input.path == "/v1/node") return answer_node(now, input, out);
  if (input.path == "/v1/peers" && dht_) return answer_peers(now, input);
  if (input.path == "/v1/turn" && turn_) {
    turn_->set_accepting(budget_.is_month_young());
    return turn_->answer(now, input, out);
  }
  return {input.request, 404, kText, as_bytes("not found\n"), {}};
}

// Browsers may read it from any page: it is the same for everybody.
core::HttpReply Node::answer_peers(const Now& now, const core::HttpRequestArrived& input) {
  if (input.method != core::HttpMethod::kGet && input.method != core::HttpMethod::kHead) {
    return {input.request, 405, kText, as_bytes("method not allowed\n"), "Allow: GET, HEAD"};
  }
  return {input.request, 200, "application/octet-stream", dht_->peer_list(now.mono),
          "Cache-Control: max-age=300\r\nAccess-Control-Allow-Origin: *"};
}

core::HttpReply Node::answer_node(const Now& now, const core::HttpRequestArrived& input,
                                  core::Outbox& out) {
  if (input.method != core::HttpMethod::kGet && input.method != core::HttpMethod::kHead) {
    return {input.request, 405, kText, as_bytes("method not allowed\n"), "Allow: GET, HEAD"};
  }
  const Bytes record = self_record_.signed_bytes(now, config_, role_);
  if (record.empty()) {
    return {input.request, 503, kText, as_bytes("the clock is not set yet\n"), "Retry-After: 60"};
  }
  const MutableBytes copy = out.build(record.size());
  std::copy(record.begin(), record.end(), copy.begin());
  return {input.request, 200, "application/octet-stream", copy, "Cache-Control: max-age=300"};
}

// Whether the donation covers the action; what it does not cover is left undone. Answers on streams
// are paid for when the shell says what it wrote; what is relayed to one beforehand, since it is
// more than an answer.
bool Node::pay(const Now& now, const core::Action& action) {
  if (const auto* const send = std::get_if<core::SendFromRelay>(&action)) {
    return pay_for_relay(now, send->payer, send->grade, send->payload.size());
  }
  if (const auto* const message = std::get_if<core::SendMessage>(&action)) {
    if (message->payer == core::Payer::kService) return true;
    if (budget_.take(now, message->payload.size(), message->grade)) {
      ++stats_.relayed_refused[static_cast<size_t>(message->payer)];
      return false;
    }
    const uint64_t paid = message->payload.size() + Budget::kHeaderBytes;
    if (message->is_datagram) {
      prepaid_datagram_bytes_ += paid;
    } else {
      prepaid_bytes_ += message->payload.size();
    }
    stats_.relayed_bytes[static_cast<size_t>(message->payer)] += paid;
    return true;
  }
  if (const auto* const forward = std::get_if<core::ForwardPeerData>(&action)) {
    pay_for_peer_data(now, *forward);
    return true;
  }
  if (std::holds_alternative<core::ConnectPeer>(action)) budget_.spend(now, kPeerHandshakeBytes);
  const auto* const datagram = std::get_if<core::SendDatagram>(&action);
  if (datagram == nullptr) return true;
  const size_t bytes = datagram->head.size() + datagram->payload.size();
  if (datagram->payer != core::Payer::kService) {
    return pay_for_relay(now, datagram->payer, datagram->grade, bytes);
  }
  if (budget_.take(now, bytes, datagram->grade)) return false;
  ++stats_.datagrams_sent;
  stats_.sent_bytes[static_cast<size_t>(core::Transport::kUdp)] += bytes;
  return true;
}

// The relay has seen that the donation covers it: what is not covered it holds back.
void Node::pay_for_peer_data(const Now& now, const core::ForwardPeerData& forward) {
  const uint64_t cost = core::turn::StreamRelay::cost_of(forward.bytes);
  CHECK(!budget_.take(now, cost - Budget::kHeaderBytes, forward.grade));
  stats_.relayed_bytes[static_cast<size_t>(forward.payer)] += cost;
  if (forward.direction == core::PeerDirection::kToPeer) {
    stats_.sent_bytes[static_cast<size_t>(core::Transport::kTcp)] += forward.bytes;
  } else {
    prepaid_bytes_ += forward.bytes;  // The stream will report them.
  }
}

bool Node::pay_for_relay(const Now& now, core::Payer payer, core::Grade grade, size_t bytes) {
  if (budget_.take(now, bytes, grade)) {
    ++stats_.relayed_refused[static_cast<size_t>(payer)];
    return false;
  }
  ++stats_.datagrams_sent;
  stats_.sent_bytes[static_cast<size_t>(core::Transport::kUdp)] += bytes;
  stats_.relayed_bytes[static_cast<size_t>(payer)] += bytes + Budget::kHeaderBytes;
  return true;
}

void Node::count_received(core::Transport transport, size_t bytes) {
  ++stats_.received[static_cast<size_t>(transport)];
  stats_.received_bytes[static_cast<size_t>(transport)] += bytes;
}

void Node::reload(const Config& config, const Now& now) {
  config_.donate = config.donate;
  config_.admission = config.admission;
  config_.node.role = config.node.role;
  config_.node.external_addresses = config.node.external_addresses;
  config_.stun.enabled = config.stun.enabled;
  budget_.set_donation(config_.donate, now);
  packet_admission_.set_rate(config_.admission.packets_per_second_per_prefix);
  stream_admission_.set_rate(config_.admission.packets_per_second_per_prefix);
  connection_admission_.set_limits(config_);
  role_ = role_of(config_);
  self_record_.forget();
  config_.relay = with_fixed_parts_of(config_.relay, config.relay);
  if (turn_) turn_->reload(turn_options_of(config_, key_), now.mono);
  if (dht_) dht_->reload(now.mono, config_, role_ == Role::kSupernode);
}

void Node::set_grants(std::vector<core::turn::Grant> grants, const Now& now) {
  if (turn_) turn_->set_grants(std::move(grants), now);
}

void Node::readdress(const Config::Relay& found, const Now& now) {
  config_.relay.addresses = found.addresses;
  config_.relay.machine_addresses = found.machine_addresses;
  config_.relay.machine_networks = found.machine_networks;
  if (turn_) turn_->reload(turn_options_of(config_, key_), now.mono);
}

void Node::keep_now(const Now& now, core::Outbox& out) {
  if (dht_) dht_->keep_now(now, out);
}

void Node::check_invariants() const {
  if (turn_) turn_->check_invariants();
  connection_admission_.check_invariants();
}

}  // namespace roost::node
