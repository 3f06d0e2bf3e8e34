// SPDX-License-Identifier: MIT
#include "sim/actors/turn_client.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/crypto_hash.h"
#include "wire/channel_data.h"
#include "wire/stun_builder.h"

namespace roost::sim::actors {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::StunAttribute;
using wire::StunBuilder;
using wire::StunClass;
using wire::StunMethod;
using wire::StunView;

constexpr uint16_t kChannel = 0x4001;
constexpr Duration kFirstPause = milliseconds(500);
constexpr unsigned kRequestsMax = 5;   // 0, 0.5, 1.5, 3.5, 7.5 s; given up after 15.5 s.
constexpr unsigned kCallsPerLook = 5;  // Then the other's address is looked up again.
constexpr Duration kCallPause = seconds(1);
constexpr Duration kPermissionAge = std::chrono::minutes(4);  // Renewed before it lapses.
constexpr std::string_view kQuestion = "are you there? ";
constexpr std::string_view kAnswer = "here I am: ";

}  // namespace

TurnClient::TurnClient(Host& host, const Options& options, Meeting& meeting,
                       LivenessOracle& liveness, MappedAddressOracle& mapped, Verdict& verdict)
    : Actor(host),
      options_(options),
      meeting_(meeting),
      liveness_(liveness),
      mapped_(mapped),
      verdict_(verdict),
      id_(liveness.add_client(options.name)) {
  set_alarm(now() + host.dice().between(Duration(), options_.period));
}

void TurnClient::on_alarm() {
  if (state_ == State::kResting) return begin_attempt();
  if (now() >= attempt_began_at_ + kPatience) {
    liveness_.failed(id_, attempt_began_at_, now());
    relayed_.reset();
    return begin_attempt();
  }
  if (state_ == State::kCalling) return call();
  if (request_.empty()) return relayed_ ? permit() : allocate();
  if (sent_count_ < kRequestsMax) return send_request();
  allocate();  // Nobody there: perhaps what is between us has forgotten us.
}

void TurnClient::begin_attempt() {
  attempt_began_at_ = now();
  if (relayed_) return request(State::kChecking, StunMethod::kRefresh);
  allocate();
}

void TurnClient::allocate() {
  const auto address = host().address_towards(options_.server.address);
  CHECK(address.has_value());
  local_ = {*address, host().next_port()};
  meeting_.relayed[options_.side].reset();
  relayed_.reset();
  permitted_.reset();
  nonce_.clear();
  request(State::kAllocating, StunMethod::kAllocate);
}

void TurnClient::permit() {
  const auto& other = meeting_.relayed[1 - options_.side];
  if (!other) {
    state_ = State::kPermitting;
    request_.clear();
    return set_alarm(now() + kFirstPause);
  }
  permitted_ = *other;
  uses_channel_ = host().dice().below(2) == 0;
  request(State::kPermitting,
          uses_channel_ ? StunMethod::kChannelBind : StunMethod::kCreatePermission);
}

// One request, signed as soon as there is a nonce to sign with (RFC 8489 §9.2).
void TurnClient::request(State state, StunMethod method) {
  state_ = state;
  method_ = method;
  std::array<uint8_t, 512> buffer;
  const auto id = host().dice().random().bytes<12>();
  StunBuilder builder(buffer, StunClass::kRequest, method, id);
  if (method == StunMethod::kAllocate) {
    builder.add_u32(StunAttribute::kRequestedTransport, uint32_t{17} << 24);
    if (!options_.server.address.is_v4()) {
      builder.add_u32(StunAttribute::kRequestedAddressFamily, uint32_t{2} << 24);
    }
  }
  if (method == StunMethod::kChannelBind) {
    builder.add_u32(StunAttribute::kChannelNumber, uint32_t{kChannel} << 16);
  }
  if (method == StunMethod::kChannelBind || method == StunMethod::kCreatePermission) {
    builder.add_xor_address(StunAttribute::kXorPeerAddress, *permitted_);
  }
  if (!nonce_.empty()) {
    builder.add(StunAttribute::kUsername, as_bytes(options_.username));
    builder.add(StunAttribute::kRealm, as_bytes(realm_));
    builder.add(StunAttribute::kNonce, as_bytes(nonce_));
    builder.add_integrity(
        md5(as_bytes(options_.username + ':' + realm_ + ':' + options_.password)));
  }
  const Bytes built = builder.finish();
  CHECK(!built.empty());
  request_.assign(built.begin(), built.end());
  sent_count_ = 0;
  pause_ = kFirstPause;
  send_request();
}

void TurnClient::send_request() {
  ++sent_count_;
  host().send_datagram(local_, options_.server, request_);
  set_alarm(now() + pause_);
  pause_ *= 2;
}

void TurnClient::again_in(Duration pause) {
  request_.clear();
  set_alarm(now() + pause);
}

void TurnClient::on_packet(Packet packet) {
  const bool is_ours = packet.kind == PacketKind::kDatagram && packet.destination == local_ &&
                       packet.source == options_.server;
  if (!is_ours) return;
  if (const auto data = wire::parse_channel_data(packet.payload)) {
    if (data->channel == kChannel && permitted_) take_data(*permitted_, data->data);
    return;
  }
  const auto view = StunView::parse(packet.payload);
  if (!view) return;
  if (view->message_class() == StunClass::kIndication && view->method() == StunMethod::kData) {
    const auto peer = view->find_xor_address(StunAttribute::kXorPeerAddress);
    const auto data = view->find(StunAttribute::kData);
    if (!peer || !data) return verdict_.fail(now(), "a Data indication without peer or data");
    return take_data(*peer, *data);
  }
  const bool answers = !request_.empty() && same_bytes(view->cookie_and_transaction_id(),
                                                       Bytes(request_).subspan(4, 16));
  if (answers) take_reply(*view, packet.payload);
}

void TurnClient::take_reply(const StunView& reply, Bytes bytes) {
  if (reply.message_class() == StunClass::kError) return take_error(reply);
  if (reply.message_class() != StunClass::kSuccess) return;
  const auto key = md5(as_bytes(options_.username + ':' + realm_ + ':' + options_.password));
  if (!reply.integrity_matches(key)) return verdict_.fail(now(), "a success that is not signed");
  take_success(reply, bytes);
}

void TurnClient::take_error(const StunView& reply) {
  const unsigned code = reply.error_code().value_or(0);
  const auto nonce = reply.find(StunAttribute::kNonce);
  if ((code == 401 || code == 438) && nonce) {
    const bool was_signed = !nonce_.empty();
    nonce_ = as_text(*nonce);
    if (const auto realm = reply.find(StunAttribute::kRealm)) realm_ = as_text(*realm);
    // Refused although signed: the node has another key for its nonces, so it was restarted.
    if (was_signed && code == 401) return verdict_.fail(now(), "the right password refused");
    return request(state_, method_);
  }
  // No such allocation, or no room: from the beginning, and not at once.
  relayed_.reset();
  state_ = State::kAllocating;
  again_in(kFirstPause);
}

void TurnClient::take_success(const StunView& reply, Bytes bytes) {
  switch (state_) {
    case State::kAllocating: {
      relayed_ = reply.find_xor_address(StunAttribute::kXorRelayedAddress);
      if (!relayed_) return verdict_.fail(now(), "an allocation without an address");
      mapped_.check(now(), bytes, host().seen_from(Protocol::kUdp, local_, options_.server));
      meeting_.relayed[options_.side] = *relayed_;
      return permit();
    }
    case State::kChecking: {
      const bool is_as_before = permitted_ == meeting_.relayed[1 - options_.side] &&
                                now() < permitted_at_ + kPermissionAge;
      if (!is_as_before) return permit();
      break;
    }
    case State::kPermitting: permitted_at_ = now(); break;
    case State::kCalling:
    case State::kResting: return;
  }
  state_ = State::kCalling;
  request_.clear();
  ++call_number_;
  calls_left_ = kCallsPerLook;
  call();
}

void TurnClient::call() {
  if (calls_left_-- == 0) {
    // No answer: the other may have a new address, or we none any more.
    return request(State::kChecking, StunMethod::kRefresh);
  }
  send_data(std::string(kQuestion) + std::to_string(call_number_));
  set_alarm(now() + kCallPause);
}

void TurnClient::send_data(std::string_view text) {
  std::array<uint8_t, 256> buffer;
  if (uses_channel_) {
    const auto header = wire::channel_data_header(kChannel, text.size());
    std::vector<uint8_t> message(header.begin(), header.end());
    message.insert(message.end(), text.begin(), text.end());
    return host().send_datagram(local_, options_.server, message);
  }
  const auto id = host().dice().random().bytes<12>();
  StunBuilder indication(buffer, StunClass::kIndication, StunMethod::kSend, id);
  indication.add_xor_address(StunAttribute::kXorPeerAddress, *permitted_);
  indication.add(StunAttribute::kData, as_bytes(text));
  host().send_datagram(local_, options_.server, indication.finish());
}

void TurnClient::take_data(const Endpoint& peer, Bytes data) {
  const std::string_view text = as_text(data);
  if (permitted_ && peer != *permitted_ && peer.address != permitted_->address) {
    return verdict_.fail(now(), "data from " + peer.text() + ", whom we have not permitted");
  }
  if (text.starts_with(kQuestion)) {
    // Whoever asks has a permission for us; whether we have one for him shows.
    if (permitted_ == peer) {
      send_data(std::string(kAnswer) + std::string(text.substr(kQuestion.size())));
    }
    return;
  }
  // What is neither comes from somebody who forges the address that we permitted: permissions know
  // no ports, and UDP no senders.
  const bool is_the_answer =
      state_ == State::kCalling && text == std::string(kAnswer) + std::to_string(call_number_);
  if (!is_the_answer) return;  // To an earlier call.
  ++answer_count_;
  liveness_.succeeded(id_, attempt_began_at_);
  state_ = State::kResting;
  set_alarm(now() + options_.period);
}

}  // namespace roost::sim::actors
