// SPDX-License-Identifier: MIT
#include "sim/actors/stream_relay_client.h"

#include <array>
#include <iterator>
#include <utility>

#include "base/check.h"

namespace roost::sim::actors {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::StunAttribute;
using wire::StunClass;
using wire::StunMethod;
using wire::StunView;

constexpr Duration kTick = milliseconds(500);
constexpr Duration kRestMax = seconds(8);
constexpr Duration kRefreshPeriod = seconds(5);  // A stream must not be silent for long.
constexpr Duration kRetryPause = seconds(2);
constexpr Duration kFetchPatience = seconds(10);
constexpr Duration kStatePatience = seconds(10);   // With one that does not answer.
constexpr Duration kDareTime = milliseconds(600);  // For others to try a number.
constexpr Duration kHoardTime = seconds(4);
constexpr Duration kInvitationTime = seconds(6);
constexpr uint16_t kHoardCount = 24;  // More than one allocation may have, some of which fail.
constexpr uint64_t kBytesMax = 20'000;
constexpr uint8_t kTlsHandshake = 22;

}  // namespace

StreamRelayClient::StreamRelayClient(Host& host, const Options& options, DataPeer& peer,
                                     DataPeer& intruder, NoticeBoard& board,
                                     TransferOracle& transfers, LivenessOracle& liveness,
                                     Verdict& verdict)
    : Actor(host),
      options_(options),
      peer_(peer),
      intruder_(intruder),
      board_(board),
      transfers_(transfers),
      liveness_(liveness),
      verdict_(verdict),
      id_(liveness.add_client(options.name)),
      credentials_{options.username, options.password},
      fetch_(host, options.server, options.token),
      control_(host,
               {options.server, options.is_tls ? core::Transport::kTls : core::Transport::kTcp}),
      dare_line_(host, {options.server, core::Transport::kTcp}) {
  rest();
}

// ---- Attempts.

void StreamRelayClient::rest() {
  state_ = State::kResting;
  second_connect_.clear();
  withdraw_invitation();
  drop_data();
  state_since_ = now() + host().dice().between(seconds(1), kRestMax);
  set_alarm(now() + kTick);
}

// Whether this attempt must succeed in a healed world.
bool StreamRelayClient::is_owed() const {
  const bool is_served = manner_ == DataPeer::Manner::kHonest || manner_ == DataPeer::Manner::kSlow;
  return is_served && dare_ < Dare::kNoBind;
}

void StreamRelayClient::begin_attempt() {
  Dice& dice = host().dice();
  began_at_ = now();
  // No two that are owed nothing follow each other.
  const bool is_plain = dice.below(2) == 0 || !std::exchange(has_succeeded_, false);
  const uint64_t manner = dice.below(DataPeer::kMannerCount);
  const uint64_t dare = dice.below(kDareCount);
  way_ = choose_way();
  const bool is_slow = dice.below(2) == 0;
  manner_ = is_plain ? (is_slow ? DataPeer::Manner::kSlow : DataPeer::Manner::kHonest)
                     : static_cast<DataPeer::Manner>(manner);
  dare_ = is_plain ? Dare::kNone : static_cast<Dare>(dare);
  if (way_ != Way::kConnects) manner_ = DataPeer::Manner::kHonest;
  if (is_with_other()) dare_ = Dare::kNone;
  start();
}

StreamRelayClient::Way StreamRelayClient::choose_way() {
  Dice& dice = host().dice();
  const uint64_t drawn = dice.below(6);
  const auto& invitation = board_.invitation;
  if (invitation && invitation->host != id_ && invitation->server == options_.server) {
    other_ = invitation->relayed;
    board_.invitation.reset();
    return Way::kVisits;
  }
  if (drawn > 1) return Way::kConnects;
  return drawn == 0 ? Way::kAwaitsPeer : Way::kInvites;
}

// To whom it connects, or by whom it is connected to. Requires relayed_.
Endpoint StreamRelayClient::peer() {
  switch (way_) {
    case Way::kVisits: return other_;
    case Way::kInvites: return *relayed_;  // The other's has the same address.
    case Way::kConnects:
      if (dare_ == Dare::kConnectHere) return one_of_here();
      break;
    case Way::kAwaitsPeer: break;
  }
  return peer_.endpoint(relayed_->address.is_v4(), manner_);
}

Endpoint StreamRelayClient::one_of_here() {
  const Endpoint all[] = {*relayed_, options_.server, board_.relayed.value_or(*relayed_)};
  return all[host().dice().below(std::size(all))];
}

void StreamRelayClient::start() {
  if (!relayed_) return begin_anew();
  if (dare_ == Dare::kHoard) return hoard();
  Dice& dice = host().dice();
  const Endpoint to = peer();
  if (is_called()) {
    return request(State::kPermitting, permission_request(credentials_, to, dice));
  }
  request(State::kConnecting, connect_request(credentials_, to, dice));
  if (dare_ != Dare::kConnectTwice) return;
  second_connect_ = connect_request(credentials_, to, dice);
  control_.send(second_connect_);
}

void StreamRelayClient::begin_anew() {
  drop_data();
  relayed_.reset();
  if (credentials_.password.empty()) return fetch();
  control_.open();
  credentials_.nonce.clear();
  request(State::kAllocating,
          allocate_request(credentials_, {.is_v4 = options_.server.address.is_v4(), .is_tcp = true},
                           host().dice()));
}

void StreamRelayClient::fetch() {
  control_.close();
  request_.clear();
  state_ = State::kFetching;
  state_since_ = now();
  fetch_.begin();
}

// From where it stands, and not at once.
void StreamRelayClient::retry() {
  withdraw_invitation();
  drop_data();
  request_.clear();
  if (!is_owed()) return rest();
  state_ = State::kRetrying;
  state_since_ = now();
}

void StreamRelayClient::on_alarm() {
  set_alarm(now() + kTick);
  if (state_ == State::kResting) {
    if (now() >= state_since_) return begin_attempt();
    dare_foreign();
    return keep_alive();
  }
  if (now() >= began_at_ + kPatience) {
    if (is_owed()) liveness_.failed(id_, began_at_, now());
    relayed_.reset();
    control_.close();
    return rest();
  }
  switch (state_) {
    case State::kResting: return;
    case State::kFetching:
      if (now() >= state_since_ + kFetchPatience) fetch();
      return;
    case State::kRetrying:
      if (now() >= state_since_ + kRetryPause) start();
      return;
    case State::kAllocating:
    case State::kConnecting:
    case State::kPermitting:
      // What is owed nothing waits for the server to give up.
      if (is_owed() && now() >= state_since_ + kStatePatience) {
        // Nobody there: perhaps what is between us has forgotten us.
        relayed_.reset();
        return retry();
      }
      break;
    case State::kAwaiting:
      if (way_ == Way::kInvites) {
        // Who has taken the invitation comes.
        if (has_invited() && now() >= state_since_ + kInvitationTime) return await_peer();
      } else if (is_owed() && now() >= state_since_ + kStatePatience) {
        return retry();
      }
      break;
    case State::kHoarding:
      if (now() >= state_since_ + kHoardTime) return end_hoarding();
      break;
    case State::kBinding:
      if (now() >= state_since_ + kStatePatience) return retry();
      if (!data_ && now() >= state_since_ + kDareTime) bind();
      break;
    case State::kTalking: talk(); break;
  }
  keep_alive();
}

void StreamRelayClient::keep_alive() {
  const bool is_due = relayed_ && now() >= said_at_ + kRefreshPeriod;
  if (!is_due) return;
  said_at_ = now();
  control_.send(refresh_request(credentials_, host().dice()));
}

// ---- The control connection.

void StreamRelayClient::request(State state, Message message) {
  state_ = state;
  state_since_ = now();
  said_at_ = now();
  request_ = std::move(message);
  control_.send(request_);
}

void StreamRelayClient::on_packet(Packet packet) {
  switch (fetch_.take(packet)) {
    case CredentialFetch::Result::kNotOurs: break;
    case CredentialFetch::Result::kPending: return;
    case CredentialFetch::Result::kRefused:
      if (state_ == State::kFetching) state_since_ = now() - kFetchPatience + kRetryPause;
      return;
    case CredentialFetch::Result::kGiven:
      if (state_ != State::kFetching) return;
      credentials_ = {fetch_.credentials().username, fetch_.credentials().password};
      return begin_anew();
  }
  if (data_ && packet.destination == data_->local() && packet.source == data_->remote()) {
    return take_data_segment(packet);
  }
  if (dare_line_.take(packet)) {
    const auto found = dare_line_.next();
    if (found == TurnLine::Found::kMessage) take_dare(dare_line_.message());
    return;
  }
  if (!control_.take(packet)) return;
  while (true) {
    switch (control_.next()) {
      case TurnLine::Found::kNothing: return;
      case TurnLine::Found::kMessage: take_control(control_.message()); break;
      case TurnLine::Found::kBroken:
        control_.close();
        return verdict_.fail(now(), "what comes on a control connection are no messages");
      case TurnLine::Found::kEnd:
        // All that was connected by it has ended with it.
        relayed_.reset();
        if (state_ != State::kResting && state_ != State::kFetching) retry();
        return;
    }
  }
}

void StreamRelayClient::take_control(Bytes message) {
  const auto view = StunView::parse(message);
  if (!view) return;
  const auto number = view->find_u32(StunAttribute::kConnectionId);
  if (view->method() == StunMethod::kConnectionAttempt) {
    const auto peer = view->find_xor_address(StunAttribute::kXorPeerAddress);
    const auto invited = peer_.endpoint(options_.server.address.is_v4(), DataPeer::Manner::kHonest);
    const bool is_other = peer && relayed_ && peer->address == relayed_->address;
    if (!number || !peer || (peer->address != invited.address && !is_other)) {
      return verdict_.fail(now(), "a connection attempt of somebody who is not permitted");
    }
    if (state_ == State::kAwaiting && is_other == (way_ == Way::kInvites)) take_number(*number);
    return;
  }
  if (view->method() == StunMethod::kConnectionBind) {
    if (view->message_class() == StunClass::kSuccess) {
      verdict_.fail(now(), "bound on the connection of the allocation");
    }
    ++refused_dare_count_;
    return;
  }
  const auto answers = [&](const Message& request) {
    return !request.empty() &&
           same_bytes(view->cookie_and_transaction_id(), Bytes(request).subspan(4, 16));
  };
  if (answers(second_connect_)) return take_second_reply(*view);
  const bool is_refused = view->error_code() == 508u;
  if (state_ == State::kHoarding && is_refused) ++refused_dare_count_;
  if (!answers(request_)) return;
  if (view->message_class() == StunClass::kError) return take_error(*view);
  if (view->message_class() == StunClass::kSuccess) take_reply(*view);
}

void StreamRelayClient::take_reply(const StunView& reply) {
  if (!reply.integrity_matches(credentials_.key())) {
    return verdict_.fail(now(), "a success that is not signed");
  }
  request_.clear();
  switch (state_) {
    case State::kAllocating:
      relayed_ = reply.find_xor_address(StunAttribute::kXorRelayedAddress);
      if (!relayed_) return verdict_.fail(now(), "an allocation without an address");
      board_.relayed = relayed_;
      return start();
    case State::kConnecting: {
      const auto number = reply.find_u32(StunAttribute::kConnectionId);
      if (!number) return verdict_.fail(now(), "a connection without a number");
      return take_number(*number);
    }
    case State::kPermitting:
      state_ = State::kAwaiting;
      state_since_ = now();
      intruder_.call(*relayed_);
      return way_ == Way::kInvites ? invite() : peer_.call(*relayed_);
    case State::kResting:
    case State::kFetching:
    case State::kAwaiting:
    case State::kBinding:
    case State::kTalking:
    case State::kHoarding:
    case State::kRetrying: return;
  }
}

// Where the first Connect has failed at once, the second is the one that connects.
void StreamRelayClient::take_second_reply(const StunView& reply) {
  second_connect_.clear();
  if (reply.message_class() != StunClass::kSuccess) return;
  const bool is_wanted = state_ == State::kConnecting || state_ == State::kRetrying;
  const auto number = reply.find_u32(StunAttribute::kConnectionId);
  if (!is_wanted || !number) return;
  request_.clear();
  take_number(*number);
}

// The request that was refused for its nonce only.
Message StreamRelayClient::build_again() {
  Dice& dice = host().dice();
  const bool is_v4 = options_.server.address.is_v4();
  if (state_ == State::kAllocating) {
    return allocate_request(credentials_, {.is_v4 = is_v4, .is_tcp = true}, dice);
  }
  if (state_ == State::kPermitting) return permission_request(credentials_, peer(), dice);
  CHECK(state_ == State::kConnecting);
  return connect_request(credentials_, peer(), dice);
}

void StreamRelayClient::take_error(const StunView& reply) {
  const unsigned code = reply.error_code().value_or(0);
  const auto nonce = reply.find(StunAttribute::kNonce);
  const bool was_signed = !credentials_.nonce.empty();
  const bool is_refused = code == 401 && was_signed;
  if ((code == 401 || code == 438) && nonce && !is_refused) {
    credentials_.nonce = as_text(*nonce);
    if (const auto realm = reply.find(StunAttribute::kRealm)) credentials_.realm = as_text(*realm);
    return request(state_, build_again());
  }
  if (is_refused && options_.password.empty()) credentials_ = {};
  if (dare_ == Dare::kConnectHere && code == 403) ++refused_dare_count_;
  // Who has invited it lost patience and gave up that address: to the peer instead.
  if (way_ == Way::kVisits && code == 403) way_ = Way::kConnects;
  // Of a Connect: the peer does not want to, or there is no room. Else it has no allocation.
  if (state_ != State::kConnecting || code == 437) relayed_.reset();
  retry();
}

// ---- Another client of the same server.

void StreamRelayClient::invite() {
  if (board_.invitation) return await_peer();
  board_.invitation = {id_, options_.server, *relayed_};
}

bool StreamRelayClient::has_invited() const {
  return board_.invitation && board_.invitation->host == id_;
}

void StreamRelayClient::withdraw_invitation() {
  if (has_invited()) board_.invitation.reset();
}

// Nobody has come, or somebody else waits already.
void StreamRelayClient::await_peer() {
  withdraw_invitation();
  way_ = Way::kAwaitsPeer;
  start();
}

void StreamRelayClient::take_number(uint32_t number) {
  withdraw_invitation();
  number_ = number;
  board_.number = number;
  board_.owner = id_;
  state_ = State::kBinding;
  state_since_ = now();
  switch (dare_) {
    case Dare::kBindWrong: return dare_bind(number ^ 1u << host().dice().below(32));
    case Dare::kBindOnControl:
      return control_.send(bind_request(credentials_, number, host().dice()));
    case Dare::kNoBind: return rest();
    case Dare::kNone:
    case Dare::kConnectTwice:
    case Dare::kBindTwice:
    case Dare::kVanish:
    case Dare::kDie:
    case Dare::kHoard:
    case Dare::kConnectHere: break;
  }
  // What others may do with the number in the meantime.
  if (host().dice().below(2) == 0) bind();
}

// ---- The data connection.

void StreamRelayClient::bind() {
  const auto address = host().address_towards(options_.server.address);
  CHECK(address.has_value());
  data_.emplace(Endpoint{*address, host().next_port()}, options_.server);
  received_.clear();
  data_->send(host(), PacketKind::kOpen);
}

void StreamRelayClient::send_bind() {
  bind_ = bind_request(credentials_, number_, host().dice());
  data_->send(host(), PacketKind::kData, bind_);
}

void StreamRelayClient::take_data_segment(const Packet& packet) {
  if (data_->early_count() == Connection::kEarlyMax) return retry();
  data_->add(packet);
  while (data_) {
    const auto segment = data_->next();
    if (!segment) break;
    if (segment->kind == PacketKind::kOpen) {
      constexpr std::array<uint8_t, 1> kTls = {kTlsHandshake};
      if (options_.is_tls) data_->send(host(), PacketKind::kData, kTls);
      send_bind();
    } else if (segment->kind == PacketKind::kData && transfer_) {
      transfer_->take(segment->payload);
    } else if (segment->kind == PacketKind::kData) {
      received_.insert(received_.end(), segment->payload.begin(), segment->payload.end());
      take_bind_reply();
    } else if (segment->kind == PacketKind::kEnd) {
      if (!transfer_ || Connection::is_reset(*segment)) return retry();
      transfer_->take_end();
    }
  }
  if (transfer_) talk();
}

void StreamRelayClient::take_bind_reply() {
  if (received_.size() < 20) return;
  const size_t size = size_t{20} + load_u16(received_.data() + 2);
  if (received_.size() < size) return;
  const auto view = StunView::parse(Bytes(received_).first(size));
  const bool answers =
      view && same_bytes(view->cookie_and_transaction_id(), Bytes(bind_).subspan(4, 16));
  if (!answers) {
    verdict_.fail(now(), "what comes on a data connection first is no answer");
    return retry();
  }
  if (view->message_class() != StunClass::kSuccess) {
    const auto nonce = view->find(StunAttribute::kNonce);
    const bool is_stale = view->error_code() == 438u && nonce;
    if (is_stale) credentials_.nonce = as_text(*nonce);
    received_.clear();
    return is_stale ? send_bind() : retry();
  }
  state_ = State::kTalking;
  state_since_ = now();
  transfer_.emplace(transfers_, is_called() ? 1 : 0, host().dice().below(kBytesMax));
  transfer_->take(Bytes(received_).subspan(size));
  received_.clear();
  if (dare_ == Dare::kBindTwice) dare_bind(number_);
}

void StreamRelayClient::talk() {
  if (dare_ == Dare::kVanish && transfer_->heard_bytes() > 0) return retry();
  if (dare_ == Dare::kDie && transfer_->heard_bytes() > 0) {
    data_.reset();
    transfer_.reset();
    relayed_.reset();
    control_.forget();
    return rest();
  }
  transfer_->pump(host(), *data_);
  if (!transfer_->is_over()) return;
  ++transfer_count_;
  if (is_with_other()) ++visit_count_;
  has_succeeded_ = true;
  if (is_owed()) liveness_.succeeded(id_, began_at_);
  data_.reset();
  transfer_.reset();
  rest();
}

void StreamRelayClient::drop_data() {
  if (transfer_) transfer_->break_off();
  if (data_) data_->reset(host());
  data_.reset();
  transfer_.reset();
}

// ---- What must not work.

// Whoever has a token is another user than all others.
void StreamRelayClient::dare_foreign() {
  const bool is_foreign = board_.number && board_.owner != id_;
  if (!is_foreign || !relayed_ || options_.token.empty()) return;
  dare_bind(*board_.number);
  board_.number.reset();
}

void StreamRelayClient::dare_bind(uint32_t number) {
  dare_line_.open();
  dare_line_.send(bind_request(credentials_, number, host().dice()));
}

// Some of the ports answer; nobody listens at most of them.
void StreamRelayClient::hoard() {
  state_ = State::kHoarding;
  state_since_ = now();
  Endpoint peer = peer_.endpoint(relayed_->address.is_v4(), DataPeer::Manner::kHonest);
  for (uint16_t i = 0; i < kHoardCount; ++i, ++peer.port) {
    control_.send(connect_request(credentials_, peer, host().dice()));
  }
}

// With all that it has got, so that the next attempt has room.
void StreamRelayClient::end_hoarding() {
  relayed_.reset();
  control_.close();
  rest();
}

void StreamRelayClient::take_dare(Bytes message) {
  const auto view = StunView::parse(message);
  if (view && view->message_class() == StunClass::kSuccess) {
    verdict_.fail(now(), "a connection bound that cannot be");
  }
  ++refused_dare_count_;
  dare_line_.close();
}

}  // namespace roost::sim::actors
