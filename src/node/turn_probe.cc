// SPDX-License-Identifier: MIT
#include "node/turn_probe.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/special_purpose.h"
#include "wire/channel_data.h"
#include "wire/stun.h"

namespace roost::node {

using Answer = TurnSession::Answer;
using Outcome = Answer::Outcome;
using Method = TurnSession::Method;
using std::chrono::milliseconds;

namespace {

// The peer asks twice for its address (after 500 ms again): not worth waiting longer for, since the
// client's address will do where no UDP reaches the server.
constexpr Duration kPeerBindingTimeout = milliseconds(1200);
// Knocks: the first may be lost, or come before the permission is in force everywhere.
constexpr Duration kKnockPause = milliseconds(250);
constexpr unsigned kKnockCountMax = 6;
constexpr size_t kKnockSize = 16;
// Some servers clear away what was given back a second later.
constexpr Duration kGonePause = milliseconds(600);
constexpr unsigned kGoneCountMax = 5;
// Packets that wait to be sent back: more than a train has under way.
constexpr size_t kQueueMax = 64;

constexpr uint16_t kDirectChannel = wire::kChannelNumberMin;
constexpr uint16_t kSecondChannel = wire::kChannelNumberMin + 1;

size_t index(TurnProbe::Line line) {
  return static_cast<size_t>(line);
}

Answer success(Duration took) {
  Answer answer;
  answer.outcome = Outcome::kSuccess;
  answer.took = took;
  return answer;
}

}  // namespace

TurnProbe::TurnProbe(const Options& options, Random& random, MonoTime now)
    : options_(options),
      random_(random),
      started_at_(now),
      step_began_at_(now),
      sessions_{TurnSession({options.is_reliable, options.timeout}, options.login, random),
                TurnSession({false, std::min(options.timeout, kPeerBindingTimeout)}, {}, random),
                TurnSession({options.is_reliable, options.timeout}, options.login, random)},
      knock_(kKnockSize) {
  random_.fill(knock_);
  begin(now, Step::kBinding);
}

// ---- Steps.

TurnSession& TurnProbe::session_of(Line line) {
  return sessions_[index(line)];
}

TurnProbe::Line TurnProbe::line_of(Step step) const {
  switch (step) {
    case Step::kPeerBinding:
    case Step::kKnock: return Line::kPeer;
    case Step::kSecondAllocate:
    case Step::kSecondChannelBack: return Line::kSecond;
    case Step::kBinding:
    case Step::kAllocate:
    case Step::kPermission:
    case Step::kChannel:
    case Step::kSecondPermission:
    case Step::kSecondChannel:
    case Step::kEcho:
    case Step::kRelease:
    case Step::kGone: break;
  }
  return Line::kClient;
}

void TurnProbe::begin(MonoTime now, Step step) {
  step_ = step;
  step_began_at_ = now;
  const Line line = line_of(step);
  TurnSession& session = session_of(line);
  TurnSession::Request request;
  switch (step) {
    case Step::kBinding:
    case Step::kPeerBinding: request.method = Method::kBinding; break;
    case Step::kAllocate:
    case Step::kSecondAllocate:
      request.method = Method::kAllocate;
      // The family by which we reach the server: the peer is of the same machine.
      request.wants_v6 = !options_.server.address.is_v4();
      break;
    case Step::kPermission:
    case Step::kSecondPermission:
      request.method = Method::kCreatePermission;
      request.peer = *report_.peer;
      break;
    case Step::kChannel:
    case Step::kSecondChannel:
      request.method = Method::kChannelBind;
      request.channel = step == Step::kChannel ? kDirectChannel : kSecondChannel;
      request.peer = *report_.peer;
      break;
    case Step::kSecondChannelBack:
      request.method = Method::kChannelBind;
      request.channel = kSecondChannel;
      request.peer = *report_.relayed;
      break;
    case Step::kRelease: request.method = Method::kRefresh; break;
    case Step::kGone:
      // A Refresh would bring back what a server has not cleared away yet.
      request.method = Method::kCreatePermission;
      request.peer = *report_.peer;
      break;
    case Step::kKnock:
      knock_count_ = 0;
      knocks_at_ = now;
      return end_if_lost(now, "the connection is gone");
    case Step::kEcho:
      train_.emplace(options_.echo_count, random_, now);
      return end_if_lost(now, "the connection is gone");
  }
  session.start(now, request);
  if (is_lost_[index(line)]) session.give_up(now, Outcome::kLost, "the connection is gone");
  if (step == Step::kRelease && session_of(Line::kSecond).relayed() &&
      !is_lost_[index(Line::kSecond)]) {
    session_of(Line::kSecond).start(now, request);
  }
}

// To the request that the step consists of.
const std::optional<Answer>& TurnProbe::answer_to_step() const {
  static const std::optional<Answer> kNone;
  if (step_ == Step::kKnock || step_ == Step::kEcho) return kNone;
  if (asks_again_at_ != MonoTime::max()) return kNone;
  // The second allocation is given back at the same time as the first.
  if (step_ == Step::kRelease && sessions_[index(Line::kSecond)].is_waiting()) return kNone;
  return sessions_[index(line_of(step_))].answer();
}

void TurnProbe::end(MonoTime now, Answer answer) {
  if (phase_ == Phase::kCleanUp) {
    report_.is_gone = answer.outcome == Outcome::kSuccess;
    phase_ = Phase::kOver;
    return;
  }
  record(answer);
  const bool has_succeeded = answer.outcome == Outcome::kSuccess;
  const bool is_forbidden = answer.error_code == 403;
  const TurnSession& client = session_of(Line::kClient);
  if (is_lost_[index(Line::kClient)] && !has_succeeded && step_ != Step::kGone) return fail(now);
  switch (step_) {
    case Step::kBinding: report_.mapped = client.mapped(); return begin(now, Step::kAllocate);
    case Step::kAllocate:
      report_.realm = client.credential().realm();
      report_.uses_sha256 = client.credential().uses_sha256();
      report_.software = client.software();
      if (!has_succeeded) return fail(now);
      report_.mapped = client.mapped();
      report_.relayed = client.relayed();
      report_.lifetime_seconds = client.lifetime_seconds();
      return begin(now, Step::kPeerBinding);
    case Step::kPeerBinding:
      report_.peer = session_of(Line::kPeer).mapped();
      // Most likely it leaves by the same NAT.
      if (!report_.peer) report_.peer = report_.mapped;
      if (is_lost_[index(Line::kPeer)] || !report_.peer) return divert(now);
      return begin(now, Step::kPermission);
    case Step::kPermission:
      if (has_succeeded) return begin(now, Step::kKnock);
      return is_forbidden ? divert(now) : fail(now);
    case Step::kKnock: return has_succeeded ? begin(now, Step::kChannel) : divert(now);
    case Step::kChannel:
      if (has_succeeded) return begin(now, Step::kEcho);
      return is_forbidden ? divert(now) : fail(now);
    case Step::kSecondAllocate:
      if (!has_succeeded) return fail(now);
      report_.peer = session_of(Line::kSecond).relayed();
      return begin(now, Step::kSecondPermission);
    case Step::kSecondPermission:
      return has_succeeded ? begin(now, Step::kSecondChannel) : fail(now);
    case Step::kSecondChannel:
      return has_succeeded ? begin(now, Step::kSecondChannelBack) : fail(now);
    case Step::kSecondChannelBack: return has_succeeded ? begin(now, Step::kEcho) : fail(now);
    case Step::kEcho:
      if (!has_succeeded) return report_.diverted ? fail(now) : divert(now);
      report_.way = report_.diverted ? Way::kRelayToRelay : Way::kDirect;
      report_.is_reached_from_outside = report_.way == Way::kDirect &&
                                        is_globally_reachable(report_.peer->address) &&
                                        report_.peer->address != options_.server.address &&
                                        report_.peer->address != report_.relayed->address;
      return begin(now, Step::kRelease);
    case Step::kRelease: return has_succeeded ? begin(now, Step::kGone) : fail(now);
    case Step::kGone:
      // What was granted before is refused: by the RFC with 437; coturn says 400. A server may also
      // close the connection with what it was for.
      report_.is_gone = (answer.outcome == Outcome::kRefused &&
                         (answer.error_code == 437 || answer.error_code == 400)) ||
                        (answer.outcome == Outcome::kLost && options_.is_reliable);
      if (!report_.is_gone) report_.failed = report_.steps.size() - 1;
      phase_ = Phase::kOver;
      return;
  }
}

void TurnProbe::record(const Answer& answer) {
  report_.steps.push_back({step_, answer});
  if (!train_) return;
  report_.echo = train_->result();
  train_.reset();
}

void TurnProbe::divert(MonoTime now) {
  report_.diverted = report_.steps.size() - 1;
  begin(now, Step::kSecondAllocate);
}

void TurnProbe::fail(MonoTime now) {
  report_.failed = report_.steps.size() - 1;
  clean_up(now);
}

void TurnProbe::clean_up(MonoTime now) {
  phase_ = Phase::kCleanUp;
  asks_again_at_ = MonoTime::max();
  for (const Line line : {Line::kPeer, Line::kSecond, Line::kClient}) {
    session_of(line).give_up(now, Outcome::kTimedOut, "");
  }
  const bool has_one = session_of(Line::kClient).relayed() && !is_lost_[index(Line::kClient)];
  // The release was what failed: again would be the same.
  if (!has_one || step_ == Step::kRelease) {
    phase_ = Phase::kOver;
    return;
  }
  begin(now, Step::kRelease);
}

// ---- Time.

std::optional<TurnProbe::Outgoing> TurnProbe::poll(MonoTime now) {
  if (phase_ == Phase::kSteps && now >= started_at_ + kStepsDurationMax) {
    Answer answer;
    answer.took = now - step_began_at_;
    answer.reason = "the time for all of it is used up";
    record(answer);
    fail(now);
  }
  if (now >= started_at_ + kDurationMax) phase_ = Phase::kOver;
  if (phase_ == Phase::kOver) return {};

  for (const Line line : {Line::kClient, Line::kPeer, Line::kSecond}) {
    if (const auto request = session_of(line).poll(now)) {
      return Outgoing{line, options_.server, *request};
    }
  }
  if (!queue_.empty()) {
    const Line line = queue_.front().line;
    const Endpoint to = queue_.front().to;
    outgoing_ = std::move(queue_.front().bytes);
    queue_.pop_front();
    return Outgoing{line, to, outgoing_};
  }
  if (step_ == Step::kKnock) return poll_knock(now);
  if (step_ == Step::kEcho) return poll_echo(now);
  if (now >= asks_again_at_) {
    asks_again_at_ = MonoTime::max();
    const MonoTime began_at = step_began_at_;
    begin(now, step_);
    step_began_at_ = began_at;
    return poll(now);
  }
  std::optional<Answer> answer = answer_to_step();
  if (!answer) return {};
  if (step_ == Step::kGone) {
    answer->took = now - step_began_at_;
    answer->request_count = ++gone_count_;
    if (answer->outcome == Outcome::kSuccess && gone_count_ < kGoneCountMax) {
      asks_again_at_ = now + kGonePause;
      return {};
    }
  }
  end(now, *answer);
  return poll(now);  // The next step may have something to send at once.
}

std::optional<TurnProbe::Outgoing> TurnProbe::poll_knock(MonoTime now) {
  if (now < knocks_at_) return {};
  if (knock_count_ == kKnockCountMax) {
    Answer answer;
    answer.took = now - step_began_at_;
    answer.request_count = knock_count_;
    end(now, std::move(answer));
    return poll(now);
  }
  ++knock_count_;
  knocks_at_ = now + kKnockPause;
  return Outgoing{Line::kPeer, *report_.relayed, knock_};
}

std::optional<TurnProbe::Outgoing> TurnProbe::poll_echo(MonoTime now) {
  if (const auto packet = train_->poll(now)) {
    queue_by_channel(Line::kClient, report_.diverted ? kSecondChannel : kDirectChannel, *packet);
    return poll(now);
  }
  if (!train_->is_over(now)) return {};
  Answer answer = success(now - step_began_at_);
  answer.request_count = train_->result().sent;
  if (train_->result().returned == 0) answer.outcome = Outcome::kTimedOut;
  end(now, std::move(answer));
  return poll(now);
}

std::optional<MonoTime> TurnProbe::next_deadline() const {
  if (phase_ == Phase::kOver) return {};
  if (!queue_.empty()) return step_began_at_;
  MonoTime next = started_at_ + (phase_ == Phase::kSteps ? kStepsDurationMax : kDurationMax);
  for (const TurnSession& session : sessions_) {
    if (const auto deadline = session.next_deadline()) next = std::min(next, *deadline);
  }
  if (step_ == Step::kKnock) return std::min(next, knocks_at_);
  if (step_ == Step::kEcho) return std::min(next, train_->next_deadline());
  return answer_to_step() ? step_began_at_ : std::min(next, asks_again_at_);
}

// ---- What comes in.

void TurnProbe::take(MonoTime now, Line line, const Endpoint& from, Bytes message) {
  if (phase_ == Phase::kOver || message.empty()) return;
  if (line == Line::kPeer && report_.relayed && from == *report_.relayed) {
    if (train_ && train_->take_there(message) && queue_.size() < kQueueMax) {
      queue_.push_back({Line::kPeer, from, {message.begin(), message.end()}});
    }
    return;
  }
  if (line == Line::kPeer && from != options_.server) return;
  if (line != Line::kPeer) {
    if (const auto data = wire::parse_channel_data(message);
        data && wire::is_channel_number(data->channel)) {
      return take_relayed(now, line, nullptr, data->channel, data->data);
    }
    const auto view = wire::StunView::parse(message);
    if (view && !view->is_classic() && view->method() == wire::StunMethod::kData &&
        view->message_class() == wire::StunClass::kIndication) {
      const auto peer = view->find_xor_address(wire::StunAttribute::kXorPeerAddress);
      const auto data = view->find(wire::StunAttribute::kData);
      if (peer && data) take_relayed(now, line, &*peer, 0, *data);
      return;
    }
  }
  session_of(line).take(now, message);
}

// From the relay: in a Data indication, then with the peer's address, or by a channel.
void TurnProbe::take_relayed(MonoTime now, Line line, const Endpoint* peer, uint16_t channel,
                             Bytes data) {
  if (step_ == Step::kKnock && line == Line::kClient && peer != nullptr) {
    if (!same_bytes(data, knock_)) return;
    report_.peer = *peer;
    Answer answer = success(now - step_began_at_);
    answer.request_count = knock_count_;
    return end(now, std::move(answer));
  }
  if (step_ != Step::kEcho || peer != nullptr) return;
  if (line == Line::kSecond) {
    if (channel == kSecondChannel && train_->take_there(data)) {
      queue_by_channel(Line::kSecond, kSecondChannel, data);
    }
    return;
  }
  if (channel == (report_.diverted ? kSecondChannel : kDirectChannel)) train_->take_back(now, data);
}

void TurnProbe::queue_by_channel(Line line, uint16_t channel, Bytes data) {
  if (queue_.size() >= kQueueMax) return;
  const auto header = wire::channel_data_header(channel, data.size());
  std::vector<uint8_t> bytes(header.begin(), header.end());
  bytes.insert(bytes.end(), data.begin(), data.end());
  queue_.push_back({line, options_.server, std::move(bytes)});
}

void TurnProbe::lose(MonoTime now, Line line, std::string why) {
  is_lost_[index(line)] = true;
  session_of(line).give_up(now, Outcome::kLost, why);
  end_if_lost(now, why);
}

// A knock or an echo whose way is gone.
void TurnProbe::end_if_lost(MonoTime now, const std::string& why) {
  if (phase_ != Phase::kSteps || (step_ != Step::kKnock && step_ != Step::kEcho)) return;
  const Line other = step_ == Step::kEcho && report_.diverted ? Line::kSecond : Line::kPeer;
  if (!is_lost_[index(Line::kClient)] && !is_lost_[index(other)]) return;
  Answer answer;
  answer.outcome = Outcome::kLost;
  answer.reason = why;
  answer.took = now - step_began_at_;
  end(now, std::move(answer));
}

std::string_view label(TurnProbe::Step step) {
  switch (step) {
    case TurnProbe::Step::kBinding: return "binding";
    case TurnProbe::Step::kAllocate: return "allocate";
    case TurnProbe::Step::kPeerBinding: return "peer binding";
    case TurnProbe::Step::kPermission: return "permission";
    case TurnProbe::Step::kKnock: return "knock";
    case TurnProbe::Step::kChannel: return "channel";
    case TurnProbe::Step::kSecondAllocate: return "second allocate";
    case TurnProbe::Step::kSecondPermission: return "second permission";
    case TurnProbe::Step::kSecondChannel: return "second channel";
    case TurnProbe::Step::kSecondChannelBack: return "second channel back";
    case TurnProbe::Step::kEcho: return "echo";
    case TurnProbe::Step::kRelease: return "release";
    case TurnProbe::Step::kGone: return "gone";
  }
  CHECK(false);
}

}  // namespace roost::node
