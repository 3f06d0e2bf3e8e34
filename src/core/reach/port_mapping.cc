// SPDX-License-Identifier: MIT
#include "core/reach/port_mapping.h"

#include <algorithm>

#include "base/check.h"
#include "base/special_purpose.h"

namespace roost::core::reach {
namespace {

// "None yet" (RFC 6887 §5) is an address of the family, too.
IpAddress unspecified_like(const IpAddress& address) {
  return address.is_v4() ? IpAddress::v4(0) : IpAddress();
}

uint32_t seconds_of(Duration duration) {
  return static_cast<uint32_t>(std::chrono::floor<std::chrono::seconds>(duration).count());
}

wire::NatPmpOpcode nat_pmp_opcode(PortMapping::Protocol protocol) {
  return protocol == PortMapping::Protocol::kTcp ? wire::NatPmpOpcode::kMapTcp
                                                 : wire::NatPmpOpcode::kMapUdp;
}

bool are_same(const PortMapping::Gateway& a, const PortMapping::Gateway& b) {
  return a.address == b.address && a.socket == b.socket && a.local.endpoint == b.local.endpoint &&
         a.local.interface_index == b.local.interface_index;
}

}  // namespace

void PortMapping::want(MonoTime now, Protocol protocol, uint16_t port) {
  CHECK(leases_.size() < kMappingCountMax && !is_releasing_);
  Lease& lease = leases_.emplace_back();
  lease.mapping.protocol = protocol;
  lease.mapping.internal_port = port;
  lease.nonce = random_.bytes<12>();
  if (!gateway_) return;
  lease.suggested = {unspecified_like(gateway_->address), port};
  ask_anew(lease, now);
}

void PortMapping::set_gateway(MonoTime now, const std::optional<Gateway>& gateway) {
  if (is_releasing_) return;
  if (gateway && gateway_ && are_same(*gateway, *gateway_)) return;
  gateway_ = gateway;
  for (Lease& lease : leases_) {
    Lease anew;
    anew.mapping.protocol = lease.mapping.protocol;
    anew.mapping.internal_port = lease.mapping.internal_port;
    anew.nonce = random_.bytes<12>();
    if (gateway_) {
      anew.suggested = {unspecified_like(gateway_->address), anew.mapping.internal_port};
      ask_anew(anew, now);
    }
    lease = anew;
  }
  next_turn_at_ = now;
  remake_at_ = now;
  forget_protocol(now);
}

// ---- What is asked.

void PortMapping::step(MonoTime now, const DeadlinePassed&, Outbox& out) {
  if (!gateway_) return;
  if (is_releasing_) return step_release(now, out);
  for (Lease& lease : leases_) {
    expire(now, lease);
    judge(now, lease);
  }
  if (now < next_turn_at_) return;
  MonoTime due = look_.due;
  Lease* next = nullptr;
  for (Lease& lease : leases_) {
    if (lease.question.due >= due) continue;
    due = lease.question.due;
    next = &lease;
  }
  if (due > now) return;
  if (next != nullptr) {
    send_map(now, *next, out);
  } else {
    send_look(now, out);
  }
}

void PortMapping::expire(MonoTime now, Lease& lease) {
  if (lease.mapping.state != State::kGranted || now < lease.mapping.until) return;
  ++stats_.expired;
  if (lease.refusal_of_renewal) {
    lease.mapping.state = State::kRefused;
    lease.mapping.refusal = *lease.refusal_of_renewal;
    ask_anew(lease, std::max(now, lease.question.due));
    return;
  }
  const bool is_silent = lease.question.tries > 0 && heard_at_ <= lease.question.first_sent_at;
  if (is_silent) forget_protocol(now);
  ask_anew(lease, std::max(now, lease.question.sent_at + kRenewalPauseMin));
}

void PortMapping::judge(MonoTime now, Lease& lease) {
  if (now < lease.verdict_at) return;
  lease.mapping.state = State::kNoAnswer;
  lease.verdict_at = kNever;
}

void PortMapping::ask_anew(Lease& lease, MonoTime at) {
  lease.question = {.sent_at = lease.question.sent_at, .due = at};
  lease.refusal_of_renewal.reset();
  switch (lease.mapping.state) {
    case State::kGranted:
    case State::kWanted:
    case State::kAsked:
      lease.mapping.state = State::kWanted;
      lease.verdict_at = at + kVerdictTime;
      break;
    case State::kRefused:
    case State::kNoAnswer:
    case State::kReleased: break;  // Until there is something better to say.
  }
}

void PortMapping::send_map(MonoTime now, Lease& lease, Outbox& out) {
  Question& question = lease.question;
  if (lease.mapping.state == State::kGranted) {
    send_map_request(lease, kLifetime, out);
    count_try(now, question);
    question.due = renewal_at(lease);
    return;
  }
  if (protocol_ == GatewayProtocol::kNatPmp && question.tries >= kNatPmpTryCountMax &&
      heard_at_ <= question.first_sent_at) {
    forget_protocol(now);
  }
  if (lease.mapping.state == State::kWanted) lease.mapping.state = State::kAsked;
  if (lease.mapping.state == State::kRefused && question.tries == 0) {
    lease.verdict_at = now + kVerdictTime;
  }
  send_map_request(lease, kLifetime, out);
  count_try(now, question);
  question.pause = next_pause(question, protocol_ == GatewayProtocol::kNatPmp);
  question.due = now + question.pause;
}

void PortMapping::send_look(MonoTime now, Outbox& out) {
  if (protocol_ == GatewayProtocol::kPcp) {
    send(
        wire::write_pcp_announce(gateway_->local.endpoint.address, out.build(wire::kPcpHeaderSize)),
        out);
    count_try(now, look_);
    look_.due = now + kLookPause;  // It need not be answered: the renewals ask for the same.
    return;
  }
  if (protocol_ == GatewayProtocol::kNatPmp && look_.tries >= kNatPmpTryCountMax &&
      heard_at_ <= look_.first_sent_at) {
    forget_protocol(now);
    return;
  }
  send(wire::write_nat_pmp_address_request(out.build(wire::kNatPmpAddressRequestSize)), out);
  is_nat_pmp_unanswered_ = true;
  count_try(now, look_);
  look_.pause = next_pause(look_, true);
  look_.due = now + look_.pause;
}

void PortMapping::send_map_request(Lease& lease, Duration lifetime, Outbox& out) {
  const Mapping& mapping = lease.mapping;
  Endpoint suggested = lease.suggested;
  if (lifetime == Duration()) suggested = {unspecified_like(gateway_->address), 0};
  lease.is_awaited = true;
  if (protocol_ == GatewayProtocol::kNatPmp) {
    const wire::NatPmpMap map{mapping.internal_port, suggested.port, seconds_of(lifetime)};
    is_nat_pmp_unanswered_ = true;
    send(wire::write_nat_pmp_map_request(nat_pmp_opcode(mapping.protocol), map,
                                         out.build(wire::kNatPmpMapRequestSize)),
         out);
    return;
  }
  const wire::PcpMap map{lease.nonce, mapping.protocol, mapping.internal_port, suggested};
  is_pcp_unanswered_ = true;
  send(wire::write_pcp_map(gateway_->local.endpoint.address, seconds_of(lifetime), map,
                           out.build(wire::kPcpMapRequestSize)),
       out);
}

void PortMapping::send(Bytes payload, Outbox& out) {
  ++stats_.requests;
  out.push(SendDatagram{.from = gateway_->socket,
                        .local = gateway_->local,
                        .to = {gateway_->address, wire::kPcpServerPort},
                        .payload = payload});
}

void PortMapping::count_try(MonoTime now, Question& question) {
  if (question.tries == 0) question.first_sent_at = now;
  ++question.tries;
  question.sent_at = now;
  next_turn_at_ = now + kPatience;
}

Duration PortMapping::next_pause(const Question& question, bool is_nat_pmp) {
  if (is_nat_pmp) {
    return question.tries > kNatPmpTryCountMax ? kPauseMax
                                               : kNatPmpFirstPause * (1 << (question.tries - 1));
  }
  const Duration pause =
      question.tries == 1 ? kPcpFirstPause : std::min(2 * question.pause, kPauseMax);
  return pause * (900 + static_cast<int64_t>(random_.below(201))) / 1000;
}

// RFC 6887 §11.2.1: once between 1/2 and 5/8 of the lifetime, then in the last quarter, from 3/4
// on, in the last eighth, and so on.
MonoTime PortMapping::renewal_at(const Lease& lease) {
  const int64_t part = int64_t{1} << std::min(lease.question.tries + 1, 30u);
  const Duration left = lease.lifetime / part;
  const Duration spread(random_.below(static_cast<uint64_t>((left / 4).count()) + 1));
  const MonoTime at = lease.granted_at + lease.lifetime - left + spread;
  return std::max(at, lease.question.sent_at + kRenewalPauseMin);
}

// ---- What is answered.

bool PortMapping::heard(MonoTime now, const DatagramArrived& input) {
  if (!is_from_gateway(input)) {
    ++stats_.strangers;
    return false;
  }
  bool is_answer = false;
  if (const auto pcp = wire::parse_pcp_response(input.payload)) {
    is_answer = heard_pcp(now, *pcp);
  } else if (const auto nat_pmp = wire::parse_nat_pmp_response(input.payload)) {
    is_answer = heard_nat_pmp(now, *nat_pmp);
  }
  ++(is_answer ? stats_.answers : stats_.unasked);
  return is_answer;
}

// Link-local addresses are many hosts', one on each link.
bool PortMapping::is_from_gateway(const DatagramArrived& input) const {
  const Endpoint expected{gateway_ ? gateway_->address : IpAddress(), wire::kPcpServerPort};
  if (!gateway_ || input.from != expected) return false;
  const uint32_t ours = gateway_->local.interface_index;
  return ours == 0 || input.local.interface_index == 0 || input.local.interface_index == ours;
}

bool PortMapping::heard_pcp(MonoTime now, const wire::PcpResponse& response) {
  if (response.result == wire::PcpResult::kUnsupportedVersion) {
    return heard_other_version(now, response.version == wire::kPcpVersion
                                        ? GatewayProtocol::kPcp
                                        : GatewayProtocol::kNatPmp);
  }
  const bool is_announcement = response.opcode == wire::PcpOpcode::kAnnounce;
  Lease* const lease = response.map ? find(*response.map) : nullptr;
  if (lease == nullptr && (!is_announcement || protocol_ == GatewayProtocol::kNatPmp)) return false;

  believe(now);
  is_pcp_unanswered_ = false;
  switches_ = 0;
  if (protocol_ != GatewayProtocol::kPcp) {
    if (protocol_ == GatewayProtocol::kNatPmp) ask_at_once(now);
    decide(now, GatewayProtocol::kPcp);
    if (is_announcement) remake(now);
  }
  if (!epoch_.goes_on_by_pcp(now, response.epoch_seconds)) remake(now);
  if (lease == nullptr) return true;
  const Duration lifetime = std::chrono::seconds(response.lifetime_seconds);
  if (response.result == wire::PcpResult::kSuccess) {
    granted(now, *lease, response.map->external, lifetime);
  } else {
    refused(now, *lease, refusal_of(response.result),
            std::clamp(lifetime, kErrorTimeMin, kErrorTimeMax));
  }
  return true;
}

bool PortMapping::heard_nat_pmp(MonoTime now, const wire::NatPmpResponse& response) {
  if (response.result == wire::NatPmpResult::kUnsupportedVersion) {
    return heard_other_version(now, GatewayProtocol::kNatPmp);
  }
  if (!may_speak_nat_pmp() || protocol_ == GatewayProtocol::kPcp) return false;
  const bool is_address = response.opcode == wire::NatPmpOpcode::kExternalAddress;
  Lease* const lease = is_address ? nullptr : find(response);
  if (!is_address && lease == nullptr) return false;

  believe(now);
  is_nat_pmp_unanswered_ = false;
  switches_ = 0;
  if (protocol_ == GatewayProtocol::kUndecided) {
    const bool is_answer = look_.tries > 0 && now < look_.sent_at + kVerdictTime;
    decide(now, GatewayProtocol::kNatPmp);
    if (is_answer) {
      ask_at_once(now);
    } else {
      remake(now);
    }
  }
  if (response.epoch_seconds && !epoch_.goes_on_by_nat_pmp(now, *response.epoch_seconds)) {
    remake(now);
  }
  const bool is_success = response.result == wire::NatPmpResult::kSuccess;
  if (is_address) {
    set_external_address(is_success ? response.external_address : IpAddress::v4(0));
    look_ = {.due = now + (is_success ? kLookPause : kErrorTimeMin)};
  } else if (is_success) {
    const IpAddress address = nat_pmp_address_.value_or(IpAddress::v4(0));
    granted(now, *lease, {address, response.map->external_port},
            std::chrono::seconds(response.map->lifetime_seconds));
  } else {
    const Refusal refusal = refusal_of(response.result);
    refused(now, *lease, refusal, is_temporary(refusal) ? kErrorTimeMin : kErrorTimeMax);
  }
  return true;
}

// Believed only of a request in the other language that is on its way, so that nobody else has us
// change ours all the time.
bool PortMapping::heard_other_version(MonoTime now, GatewayProtocol instead) {
  bool& is_unanswered =
      instead == GatewayProtocol::kPcp ? is_nat_pmp_unanswered_ : is_pcp_unanswered_;
  if (!is_unanswered || protocol_ == instead || is_releasing_) return false;
  is_unanswered = false;
  believe(now);
  const bool is_possible = instead == GatewayProtocol::kPcp || may_speak_nat_pmp();
  if (is_possible && switches_ < kSwitchCountMax) {
    ++switches_;
    decide(now, instead);
    ask_at_once(now);
    return true;
  }
  switches_ = 0;
  if (look_.due != kNever) look_ = {.due = now + kErrorTimeMax};
  for (Lease& lease : leases_) {
    if (lease.mapping.state == State::kGranted) continue;
    refused(now, lease, Refusal::kUnsupportedVersion, kErrorTimeMax);
  }
  return true;
}

void PortMapping::believe(MonoTime now) {
  heard_at_ = now;
  next_turn_at_ = now;
}

PortMapping::Lease* PortMapping::find(const wire::PcpMap& map) {
  const auto found = std::find_if(leases_.begin(), leases_.end(), [&map](const Lease& lease) {
    return lease.nonce == map.nonce && lease.mapping.protocol == map.protocol &&
           lease.mapping.internal_port == map.internal_port;
  });
  return found == leases_.end() ? nullptr : &*found;
}

PortMapping::Lease* PortMapping::find(const wire::NatPmpResponse& response) {
  if (protocol_ != GatewayProtocol::kNatPmp) return nullptr;
  const auto found = std::find_if(leases_.begin(), leases_.end(), [&](const Lease& lease) {
    return lease.is_awaited && nat_pmp_opcode(lease.mapping.protocol) == response.opcode &&
           (!response.map || response.map->internal_port == lease.mapping.internal_port);
  });
  return found == leases_.end() ? nullptr : &*found;
}

void PortMapping::granted(MonoTime now, Lease& lease, const Endpoint& external, Duration lifetime) {
  if (is_releasing_) {
    if (lifetime == Duration()) lease.mapping.state = State::kReleased;
    return;
  }
  lease.is_awaited = false;
  if (lifetime == Duration() || external.port == 0) {  // Taken from us, or never given.
    lease.mapping.until = now;
    return refused(now, lease, Refusal::kOther, kErrorTimeMin);
  }
  ++stats_.granted;
  lease.lifetime = std::min(lifetime, kLifetimeMax);
  lease.granted_at = now;
  lease.mapping.state = State::kGranted;
  lease.mapping.external = external;
  lease.mapping.until = now + lease.lifetime;
  lease.suggested = external;
  lease.verdict_at = kNever;
  lease.refusal_of_renewal.reset();
  lease.question = {.sent_at = lease.question.sent_at};
  lease.question.due = renewal_at(lease);
}

// What was granted before is ours until it runs out.
void PortMapping::refused(MonoTime now, Lease& lease, Refusal refusal, Duration error_time) {
  lease.is_awaited = false;
  if (is_releasing_) {
    lease.mapping.state = State::kReleased;
    return;
  }
  ++stats_.refused;
  lease.question = {.sent_at = lease.question.sent_at, .due = now + error_time};
  if (lease.mapping.state == State::kGranted && now < lease.mapping.until) {
    lease.refusal_of_renewal = refusal;
    return;
  }
  lease.mapping.state = State::kRefused;
  lease.mapping.refusal = refusal;
  lease.verdict_at = kNever;
}

void PortMapping::set_external_address(const IpAddress& address) {
  nat_pmp_address_.reset();
  if (!address.is_unspecified()) nat_pmp_address_ = address;
  for (Lease& lease : leases_) {
    if (lease.mapping.state == State::kGranted) lease.mapping.external.address = address;
  }
}

std::optional<IpAddress> PortMapping::external_address() const {
  if (protocol_ == GatewayProtocol::kNatPmp) return nat_pmp_address_;
  for (const Lease& lease : leases_) {
    const IpAddress& address = lease.mapping.external.address;
    if (lease.mapping.state == State::kGranted && !address.is_unspecified()) return address;
  }
  return {};
}

bool PortMapping::is_behind_another_nat() const {
  const auto address = external_address();
  return address && !is_globally_reachable(*address);
}

// ---- Which language, and whether it is still the same gateway.

void PortMapping::decide(MonoTime now, GatewayProtocol protocol) {
  protocol_ = protocol;
  epoch_.forget();
  nat_pmp_address_.reset();
  look_ = {.due = protocol == GatewayProtocol::kNatPmp ? now : now + kLookPause};
}

void PortMapping::ask_at_once(MonoTime now) {
  for (Lease& lease : leases_) {
    if (lease.mapping.state == State::kGranted) continue;
    lease.question = {.sent_at = lease.question.sent_at, .due = now};
  }
}

void PortMapping::forget_protocol(MonoTime now) {
  decide(now, GatewayProtocol::kUndecided);
  look_.due = gateway_ && may_speak_nat_pmp() ? now + kPcpAloneTime : kNever;
  switches_ = 0;
  is_pcp_unanswered_ = false;
  is_nat_pmp_unanswered_ = false;
  ask_at_once(now);
}

void PortMapping::remake(MonoTime now) {
  if (is_releasing_ || now < remake_at_) return;  // It is about to be.
  ++stats_.restarts;
  const auto spread = static_cast<uint64_t>(kRemakeDelayMax.count());
  remake_at_ = now + Duration(random_.below(spread + 1));
  for (Lease& lease : leases_) {
    const bool is_granted = lease.mapping.state == State::kGranted;
    if (is_granted || lease.question.due > remake_at_) ask_anew(lease, remake_at_);
  }
}

// ---- The end.

void PortMapping::release(MonoTime now) {
  if (is_releasing_) return;
  is_releasing_ = true;
  for (Lease& lease : leases_) {
    const State state = lease.mapping.state;
    const bool may_be_granted = state == State::kGranted || state == State::kAsked ||
                                (state == State::kWanted && now < lease.mapping.until);
    if (!gateway_ || !may_be_granted) lease.mapping.state = State::kReleased;
    lease.question = {.due = now};
  }
}

void PortMapping::step_release(MonoTime now, Outbox& out) {
  for (Lease& lease : leases_) {
    if (lease.mapping.state == State::kReleased || now < lease.question.due) continue;
    if (lease.question.tries == kReleaseTryCountMax) {
      lease.mapping.state = State::kReleased;
      continue;
    }
    send_map_request(lease, Duration(), out);
    count_try(now, lease.question);
    lease.question.due = now + kReleasePause;
  }
}

bool PortMapping::is_released() const {
  return is_releasing_ && std::all_of(leases_.begin(), leases_.end(), [](const Lease& lease) {
           return lease.mapping.state == State::kReleased;
         });
}

std::optional<MonoTime> PortMapping::next_deadline() const {
  if (!gateway_) return {};
  MonoTime next = is_releasing_ ? kNever : std::max(look_.due, next_turn_at_);
  for (const Lease& lease : leases_) {
    if (lease.mapping.state == State::kReleased) continue;
    next = std::min(
        next, is_releasing_ ? lease.question.due : std::max(lease.question.due, next_turn_at_));
    if (is_releasing_) continue;
    next = std::min(next, lease.verdict_at);
    if (lease.mapping.state == State::kGranted) next = std::min(next, lease.mapping.until);
  }
  if (next == kNever) return {};
  return next;
}

std::string_view label(PortMapping::State state) {
  switch (state) {
    case PortMapping::State::kWanted: return "wanted";
    case PortMapping::State::kAsked: return "asked";
    case PortMapping::State::kGranted: return "granted";
    case PortMapping::State::kRefused: return "refused";
    case PortMapping::State::kNoAnswer: return "no_answer";
    case PortMapping::State::kReleased: return "released";
  }
  return "";
}

std::string_view label(PortMapping::GatewayProtocol protocol) {
  switch (protocol) {
    case PortMapping::GatewayProtocol::kUndecided: return "undecided";
    case PortMapping::GatewayProtocol::kPcp: return "pcp";
    case PortMapping::GatewayProtocol::kNatPmp: return "nat_pmp";
  }
  return "";
}

}  // namespace roost::core::reach
