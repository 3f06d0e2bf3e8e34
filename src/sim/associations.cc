// SPDX-License-Identifier: MIT
#include "sim/associations.h"

#include <algorithm>

namespace roost::sim {
namespace {

constexpr Duration kRepeatsFirst = std::chrono::seconds(1);  // RFC 6347 §4.2.4.1; then doubled.

}  // namespace

bool Associations::take(const Packet& datagram, std::optional<core::MessageArrived>& message) {
  const Path path{datagram.destination, datagram.source};
  const auto found = associations_.find(path);
  if (found == associations_.end() || datagram.payload.empty()) return false;
  const bool is_dtls = datagram.payload[0] >= 20 && datagram.payload[0] <= 63;  // RFC 7983.
  if (!is_dtls) return false;
  const auto record = DtlsRecord::read(datagram.payload);
  if (record && record->part == DtlsPart::kClientHello) return false;
  if (record) take_record(path, found->second, *record, message);
  return true;
}

void Associations::take_record(const Path& path, Association& association, const DtlsRecord& record,
                               std::optional<core::MessageArrived>& message) {
  if (association.state == State::kOpening || record.key != association.key) return;
  if (!association.taken.take(record.sequence)) return;
  switch (record.part) {
    case DtlsPart::kClientHello:
    case DtlsPart::kHelloVerifyRequest:
    case DtlsPart::kCertificate:
    case DtlsPart::kFinished: return;
    case DtlsPart::kKeyExchange:
      if (association.state == State::kHandshake) {
        association.state = State::kOpen;
        association.last_message_at = host_.now();
        wake(association);
      }
      return send(path, association, DtlsPart::kFinished);  // The first one may be lost.
    case DtlsPart::kMessage:
      if (association.state != State::kOpen) return;
      association.last_message_at = host_.now();
      message = {
          association.id, core::Transport::kDtls, {path.first, 0}, path.second, record.payload};
      return;
    case DtlsPart::kCloseNotify: return end(association.id);
  }
}

void Associations::accept(const core::AcceptDtls& order) {
  const Path path{order.local.endpoint, order.from};
  if (const auto old = associations_.find(path); old != associations_.end()) {
    const Association& association = old->second;
    // The node must hear of one before it hears of the next.
    if (association.hello_digest == order.hello_digest) return;
    if (association.state == State::kOpening) return;
    end(association.id);
  }
  Association association;
  association.id = shell_.next_stream();
  association.hello_digest = order.hello_digest;
  keys_.emplace(association.id, path);
  accepted_.push_back(association.id);
  shell_.owe(core::StreamOpened{association.id, order.from});
  associations_.emplace(path, association);
}

void Associations::begin_accepted() {
  for (const core::StreamId id : accepted_) {
    Association* const association = find(id);
    if (association == nullptr) continue;  // Refused.
    association->state = State::kHandshake;
    association->key = host_.dice().random().bytes<std::tuple_size_v<DtlsKey>>();
    association->began_at = host_.now();
    association->repeats_after = kRepeatsFirst;
    send(keys_.at(id), *association, DtlsPart::kCertificate);
    wake(*association);
  }
  accepted_.clear();
}

bool Associations::send(const core::SendMessage& message) {
  Association* const association = find(message.stream);
  if (association == nullptr) return false;
  if (message.granted_lifetime) {
    association->kept_until = association->last_message_at + *message.granted_lifetime;
    wake(*association);
  }
  if (association->state != State::kOpen) return false;
  association->has_answered = true;
  send(keys_.at(message.stream), *association, DtlsPart::kMessage, message.payload);
  return true;
}

void Associations::refuse(core::StreamId stream) {
  const auto key = keys_.find(stream);
  if (key == keys_.end()) return;
  Association& association = associations_.at(key->second);
  if (association.state != State::kOpening) {
    send(key->second, association, DtlsPart::kCloseNotify);
    return end(stream);
  }
  // Nobody else has heard of it.
  associations_.erase(key->second);
  keys_.erase(key);
}

void Associations::on_wake_up(core::StreamId stream) {
  Association* const association = find(stream);
  if (association == nullptr) return;
  const bool is_over = host_.now() >= end_of(*association);
  const bool shakes_hands = association->state == State::kHandshake;
  if (is_over) {
    if (!shakes_hands) send(keys_.at(stream), *association, DtlsPart::kCloseNotify);
    return end(stream);
  }
  if (shakes_hands && host_.now() >= association->began_at + association->repeats_after) {
    association->repeats_after = 2 * association->repeats_after + kRepeatsFirst;
    send(keys_.at(stream), *association, DtlsPart::kCertificate);
  }
  wake(*association);
}

void Associations::clear() {
  associations_.clear();
  keys_.clear();
  accepted_.clear();
}

Associations::Association* Associations::find(core::StreamId stream) {
  const auto key = keys_.find(stream);
  return key == keys_.end() ? nullptr : &associations_.at(key->second);
}

void Associations::send(const Path& path, Association& association, DtlsPart part, Bytes payload) {
  const auto record = dtls_record(part, association.sent_count++, association.key, payload);
  shell_.send_record(path.first, path.second, record);
}

void Associations::end(core::StreamId stream) {
  const auto key = keys_.find(stream);
  shell_.owe(core::StreamClosed{stream, key->second.second});
  associations_.erase(key->second);
  keys_.erase(key);
}

MonoTime Associations::end_of(const Association& association) {
  if (association.state != State::kOpen) return association.began_at + kHandshakeTimeMax;
  if (!association.has_answered) return association.last_message_at + kSilentTimeMax;
  return std::max(association.last_message_at, association.kept_until) + kIdleTimeMax;
}

void Associations::wake(Association& association) {
  MonoTime when = end_of(association);
  if (association.state == State::kHandshake) {
    when = std::min(when, association.began_at + association.repeats_after);
  }
  if (association.wakes_at > host_.now() && association.wakes_at <= when) return;
  association.wakes_at = when;
  shell_.wake_association(when, association.id);
}

}  // namespace roost::sim
