// SPDX-License-Identifier: MIT
#include "sim/actors/turn_client.h"

#include <algorithm>
#include <string_view>

#include "base/check.h"
#include "wire/channel_data.h"

namespace roost::sim::actors {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::StunAttribute;
using wire::StunClass;
using wire::StunMethod;
using wire::StunView;

constexpr uint16_t kChannel = 0x4001;
constexpr Duration kFirstPause = milliseconds(500);
constexpr unsigned kRequestsMax = 5;   // 0, 0.5, 1.5, 3.5, 7.5 s; given up after 15.5 s.
constexpr unsigned kCallsPerLook = 5;  // Then the other's address is looked up again.
constexpr Duration kCallPause = seconds(1);
// From the question for credentials until it is asked again, and after a refusal, or the end of a
// stream.
constexpr Duration kFetchPatience = seconds(10);
constexpr Duration kRefusedPause = seconds(2);
constexpr Duration kPermissionAge = std::chrono::minutes(4);  // Renewed before it lapses.
constexpr Duration kCheckAge = seconds(5);  // Consent is asked for again (RFC 7675 §5.1).
constexpr std::string_view kQuestion = "are you there? ";
constexpr std::string_view kAnswer = "here I am: ";
// What ICE agents call each other, by side.
constexpr std::string_view kNames[] = {"left", "right"};

}  // namespace

TurnClient::TurnClient(Host& host, const Options& options, Meeting& meeting,
                       LivenessOracle& liveness, MappedAddressOracle& mapped, Verdict& verdict)
    : Actor(host),
      options_(options),
      meeting_(meeting),
      liveness_(liveness),
      mapped_(mapped),
      verdict_(verdict),
      id_(liveness.add_client(options.name)),
      has_password_(!options.password.empty()),
      credentials_{options.username, options.password},
      fetch_(host, options.server, options.token),
      line_(host, {options.server, options.transport, options.segment_bytes}),
      redeemer_(host, {options.server, options.transport, options.segment_bytes}, verdict),
      // So that what is said is of every size.
      call_number_(host.dice().below(2000)) {
  set_alarm(now() + host.dice().between(Duration(), options_.period));
}

void TurnClient::on_alarm() {
  redeemer_.poll();
  if (state_ == State::kResting) return begin_attempt();
  if (now() >= attempt_began_at_ + kPatience) {
    liveness_.failed(id_, attempt_began_at_, now());
    relayed_.reset();
    return begin_attempt();
  }
  if (state_ == State::kFetching) return fetch();
  if (state_ == State::kRenewing) return request(State::kChecking, StunMethod::kRefresh);
  if (state_ == State::kCalling) return call();
  if (request_.empty()) return relayed_ ? permit() : begin_anew();
  if (sent_count_ < kRequestsMax) return send_request();
  begin_anew();  // Nobody there: perhaps what is between us has forgotten us.
}

void TurnClient::begin_attempt() {
  attempt_began_at_ = now();
  if (relayed_ && !has_password_ && host().dice().below(4) == 0) return renew();
  if (relayed_) return request(State::kChecking, StunMethod::kRefresh);
  begin_anew();
}

void TurnClient::begin_anew() {
  if (credentials_.password.empty()) return fetch();
  allocate();
}

void TurnClient::fetch() {
  state_ = State::kFetching;
  request_.clear();
  line_.close();
  meeting_.relayed[options_.side].reset();
  relayed_.reset();
  fetch_.begin();
  set_alarm(now() + kFetchPatience);
}

void TurnClient::renew() {
  state_ = State::kRenewing;
  request_.clear();
  fetch_.begin();
  set_alarm(now() + kRefusedPause);
}

void TurnClient::take_credentials(CredentialFetch::Result result) {
  if (state_ == State::kRenewing && result == CredentialFetch::Result::kGiven) {
    credentials_.username = fetch_.credentials().username;
    credentials_.password = fetch_.credentials().password;
    return request(State::kChecking, StunMethod::kRefresh);
  }
  if (state_ != State::kFetching) return;
  if (result == CredentialFetch::Result::kRefused) set_alarm(now() + kRefusedPause);
  if (result != CredentialFetch::Result::kGiven) return;
  credentials_ = {fetch_.credentials().username, fetch_.credentials().password};
  allocate();
}

void TurnClient::allocate() {
  line_.open();
  meeting_.relayed[options_.side].reset();
  relayed_.reset();
  permitted_.reset();
  credentials_.nonce.clear();
  request(State::kAllocating, StunMethod::kAllocate);
}

void TurnClient::permit() {
  const auto& other = meeting_.relayed[1 - options_.side];
  if (!other) {
    state_ = State::kPermitting;
    request_.clear();
    return set_alarm(now() + kFirstPause);
  }
  if (permitted_ != other) forget_check();
  permitted_ = *other;
  uses_channel_ = host().dice().below(2) == 0;
  request(State::kPermitting,
          uses_channel_ ? StunMethod::kChannelBind : StunMethod::kCreatePermission);
}

// One request, signed as soon as there is a nonce to sign with (RFC 8489 §9.2).
void TurnClient::request(State state, StunMethod method) {
  state_ = state;
  method_ = method;
  request_ = build_request(method);
  sent_count_ = 0;
  pause_ = kFirstPause;
  send_request();
}

Message TurnClient::build_request(StunMethod method) {
  Dice& dice = host().dice();
  if (method == StunMethod::kAllocate) {
    const Wanted wanted{.is_v4 = options_.server.address.is_v4(),
                        .is_dual = options_.shape == Shape::kDual,
                        .is_even = options_.shape == Shape::kEvenPort,
                        .reserves_next = options_.shape == Shape::kReservesNext};
    return allocate_request(credentials_, wanted, dice);
  }
  if (method == StunMethod::kRefresh) return refresh_request(credentials_, dice);
  if (method == StunMethod::kCreatePermission) {
    return permission_request(credentials_, *permitted_, dice);
  }
  CHECK(method == StunMethod::kChannelBind);
  return channel_request(credentials_, kChannel, *permitted_, dice);
}

// On a stream it is sent once (RFC 8489 §6.2.2), and waited for as long.
void TurnClient::send_request() {
  ++sent_count_;
  if (sent_count_ == 1 || !line_.is_stream()) line_.send(request_);
  set_alarm(now() + pause_);
  pause_ *= 2;
}

void TurnClient::again_in(Duration pause) {
  request_.clear();
  set_alarm(now() + pause);
}

void TurnClient::on_packet(Packet packet) {
  const auto fetched = fetch_.take(packet);
  if (fetched != CredentialFetch::Result::kNotOurs) return take_credentials(fetched);
  if (redeemer_.take(packet) || !line_.take(packet)) return;
  while (true) {
    switch (line_.next()) {
      case TurnLine::Found::kNothing: return;
      case TurnLine::Found::kMessage: take_message(line_.message()); break;
      case TurnLine::Found::kBroken:
        line_.close();
        return verdict_.fail(now(), "what comes on a stream are no messages");
      case TurnLine::Found::kEnd:
        // Our allocation has ended with the stream (RFC 8656 §3.1).
        relayed_.reset();
        meeting_.relayed[options_.side].reset();
        if (state_ != State::kResting) {
          state_ = State::kAllocating;
          again_in(kRefusedPause);
        }
        return;
    }
  }
}

void TurnClient::take_message(Bytes message) {
  if (const auto data = wire::parse_channel_data(message)) {
    if (data->channel == kChannel && permitted_) take_data(*permitted_, data->data);
    return;
  }
  const auto view = StunView::parse(message);
  if (!view) return;
  if (view->message_class() == StunClass::kIndication && view->method() == StunMethod::kData) {
    const auto peer = view->find_xor_address(StunAttribute::kXorPeerAddress);
    const auto data = view->find(StunAttribute::kData);
    if (!peer || !data) return verdict_.fail(now(), "a Data indication without peer or data");
    return take_data(*peer, *data);
  }
  const bool answers = !request_.empty() && same_bytes(view->cookie_and_transaction_id(),
                                                       Bytes(request_).subspan(4, 16));
  if (answers) take_reply(*view, message);
}

void TurnClient::take_reply(const StunView& reply, Bytes bytes) {
  if (reply.message_class() == StunClass::kError) return take_error(reply);
  if (reply.message_class() != StunClass::kSuccess) return;
  if (!reply.integrity_matches(credentials_.key()))
    return verdict_.fail(now(), "a success that is not signed");
  take_success(reply, bytes);
}

void TurnClient::take_error(const StunView& reply) {
  const unsigned code = reply.error_code().value_or(0);
  const auto nonce = reply.find(StunAttribute::kNonce);
  const bool was_signed = !credentials_.nonce.empty();
  const bool is_refused = code == 401 && was_signed;
  if (is_refused && has_password_) return verdict_.fail(now(), "the right password refused");
  // The nonce may be stale, or the node was restarted and has another key for its nonces.
  if ((code == 401 || code == 438) && nonce && !is_refused) {
    credentials_.nonce = as_text(*nonce);
    if (const auto realm = reply.find(StunAttribute::kRealm)) credentials_.realm = as_text(*realm);
    return request(state_, method_);
  }
  // What was given has expired or was revoked: ask for more.
  if (is_refused) credentials_ = {};
  // No such allocation, or no room: from the beginning, and not at once.
  relayed_.reset();
  state_ = State::kAllocating;
  again_in(kFirstPause);
}

void TurnClient::take_success(const StunView& reply, Bytes bytes) {
  switch (state_) {
    case State::kAllocating: return take_allocation(reply, bytes);
    case State::kChecking: {
      const bool is_as_before = permitted_ == meeting_.relayed[1 - options_.side] &&
                                now() < permitted_at_ + kPermissionAge;
      if (!is_as_before) return permit();
      break;
    }
    case State::kPermitting: permitted_at_ = now(); break;
    case State::kFetching:
    case State::kRenewing:
    case State::kCalling:
    case State::kResting: return;
  }
  state_ = State::kCalling;
  request_.clear();
  ++call_number_;
  calls_left_ = kCallsPerLook;
  if (is_checked_ && now() >= checked_at_ + kCheckAge) forget_check();
  call();
}

void TurnClient::take_allocation(const StunView& reply, Bytes bytes) {
  size_t count = 0;
  reply.for_each_attribute([&](const StunView::Attribute& attribute) {
    if (attribute.type != StunAttribute::kXorRelayedAddress) return;
    ++count;
    const auto address = reply.read_xor_address(attribute.value);
    const bool is_v4 = options_.server.address.is_v4();
    if (address && address->address.is_v4() == is_v4) relayed_ = address;
  });
  if (count == 0) return verdict_.fail(now(), "an allocation without an address");
  ++allocation_count_;
  mapped_.check(now(), bytes, line_.seen_as());
  if (!relayed_) return again_in(kFirstPause);  // The second family was not to be had.
  forget_check();
  meeting_.relayed[options_.side] = *relayed_;
  const auto& other = meeting_.tokens[1 - options_.side];
  if (options_.shape == Shape::kReservesNext) {
    use_token(reply);
  } else if (other) {
    redeemer_.begin_with_other(credentials_, *other);
  }
  permit();
}

void TurnClient::use_token(const StunView& reply) {
  const auto value = reply.find(StunAttribute::kReservationToken);
  if (!value || value->size() != 8) return;
  ReservationToken token;
  std::copy(value->begin(), value->end(), token.begin());
  meeting_.tokens[options_.side] = token;
  const Endpoint above{relayed_->address, static_cast<uint16_t>(relayed_->port + 1)};
  redeemer_.begin(credentials_, {token, above, meeting_.tokens[1 - options_.side]});
}

void TurnClient::call() {
  if (calls_left_-- == 0) {
    // No answer: the other may have a new address, or we none any more.
    return request(State::kChecking, StunMethod::kRefresh);
  }
  if (meeting_.is_of_agents && !is_checked_) {
    send_check();
  } else {
    send_data(as_bytes(std::string(kQuestion) + std::to_string(call_number_)));
  }
  set_alarm(now() + kCallPause);
}

// The same again until it is answered.
void TurnClient::send_check() {
  if (check_.empty()) {
    std::string name(kNames[1 - options_.side]);
    name.append(":").append(kNames[options_.side]);
    check_ = ice_check(name, host().dice());
  }
  check_sent_at_ = now();
  send_data(check_);
}

void TurnClient::forget_check() {
  is_checked_ = false;
  check_.clear();
}

void TurnClient::send_data(Bytes data) {
  if (uses_channel_) return line_.send(channel_data(kChannel, data));
  line_.send(send_indication(*permitted_, data, host().dice()));
}

void TurnClient::take_data(const Endpoint& peer, Bytes data) {
  const std::string_view text = as_text(data);
  if (permitted_ && peer != *permitted_ && peer.address != permitted_->address) {
    return verdict_.fail(now(), "data from " + peer.text() + ", whom we have not permitted");
  }
  if (const auto check = StunView::parse(data)) {
    if (permitted_ == peer) take_check(*check);
    return;
  }
  if (text.starts_with(kQuestion)) {
    // Whoever asks has a permission for us; whether we have one for him shows.
    if (permitted_ == peer) {
      send_data(as_bytes(std::string(kAnswer) + std::string(text.substr(kQuestion.size()))));
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

// A connectivity check of the other's, or his answer to ours. Who is checked checks in turn
// (RFC 8445 §7.3.1.4), so that both know soon.
void TurnClient::take_check(const StunView& message) {
  if (message.method() != StunMethod::kBinding || !has_ice_integrity(message)) return;
  if (message.message_class() == StunClass::kRequest) {
    std::string ours(kNames[options_.side]);
    ours.append(":").append(kNames[1 - options_.side]);
    const auto name = message.find(StunAttribute::kUsername);
    if (!name || as_text(*name) != ours) return;
    send_data(ice_answer(message, *permitted_));
    const bool is_on_its_way = !check_.empty() && now() < check_sent_at_ + kFirstPause;
    if (!is_checked_ && !is_on_its_way) send_check();
    return;
  }
  const bool answers =
      message.message_class() == StunClass::kSuccess && !check_.empty() &&
      same_bytes(message.cookie_and_transaction_id(), Bytes(check_).subspan(4, 16));
  if (!answers || is_checked_) return;
  is_checked_ = true;
  checked_at_ = now();
  if (state_ == State::kCalling) call();
}

}  // namespace roost::sim::actors
