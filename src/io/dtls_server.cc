// SPDX-License-Identifier: MIT
#include "io/dtls_server.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/cursor.h"
#include "node/dtls_framing.h"

namespace roost::io {

DtlsServer::DtlsServer(EventLoop& loop, const TlsContext& tls, DatagramWriter& writer,
                       Random& random, const Options& options, Deliver deliver)
    : tls_(tls),
      writer_(writer),
      options_(options),
      deliver_(std::move(deliver)),
      deadlines_(loop, options.association_count_max, options.tick,
                 [this](uint32_t slot, MonoTime now) {
                   DtlsAssociation* const association = associations_.at_slot(slot);
                   if (association == nullptr) return;
                   association->on_deadline(now);
                   keep_deadline(*association);
                 }),
      settle_(loop, [this] { settle(); }),
      by_path_(options.association_count_max, random.bytes<16>()),
      associations_(options.association_count_max),
      input_(std::make_unique_for_overwrite<uint8_t[]>(kInputBytes)),
      output_(std::make_unique_for_overwrite<uint8_t[]>(kOutputBytes)) {
  static_assert(Slots::bytes_for(1) <= 2 * node::kAssociationIndexBytes);
}

DtlsServer::~DtlsServer() = default;

DtlsServer::Key DtlsServer::key_of(const DtlsPath& path) {
  Key key;
  Writer writer(key);
  for (const Endpoint& end : {path.from, path.local.endpoint}) {
    writer.u64(end.address.high());
    writer.u64(end.address.low());
    writer.u16(end.port);
  }
  writer.u16(path.at);
  CHECK(writer.ok() && writer.left() == 0);
  return key;
}

DtlsAssociation* DtlsServer::find(const DtlsPath& path) const {
  const uint32_t* const slot = by_path_.find(key_of(path));
  return slot == nullptr ? nullptr : associations_.at_slot(*slot);
}

std::optional<std::span<const core::MessageArrived>> DtlsServer::take(
    MonoTime now, const core::DatagramArrived& datagram) {
  CHECK(has_room());
  DtlsAssociation* const association = find({datagram.at, datagram.local, datagram.from});
  if (association == nullptr || node::begins_association(datagram.payload)) return {};
  messages_.clear();
  if (datagram.payload.size() > kDatagramSizeMax) {
    drop(DtlsDrop::kTooLong);
    return messages_;
  }
  association->take(datagram.payload, now);
  // All of them together are shorter than the datagram.
  while (const auto message =
             association->read({input_.get() + input_used_, kInputBytes - input_used_}, now)) {
    input_used_ += message->size();
    messages_.push_back(
        {association->id(), core::Transport::kDtls, datagram.local, datagram.from, *message});
  }
  keep_deadline(*association);
  return messages_;
}

void DtlsServer::accept(const core::AcceptDtls& order, std::vector<core::Input>& answers) {
  if (DtlsAssociation* const old = find({order.at, order.local, order.from})) {
    const bool is_the_same =
        old->state() != DtlsState::kEnded && old->hello_digest() == order.hello_digest;
    // The node must hear of one before it hears of the next.
    if (is_the_same || old->state() == DtlsState::kOpening) return drop(DtlsDrop::kRepeatedHello);
    old->close(DtlsEnd::kReplaced);
    answers.push_back(core::StreamClosed{old->id(), old->path().from});
    erase(*old);
  }
  if (associations_.is_full()) return drop(DtlsDrop::kTableFull);
  const uint64_t number = associations_.reserve();
  const core::StreamId id{number | kAssociationBit};
  associations_.put(number,
                    std::make_unique<DtlsAssociation>(static_cast<DtlsAssociation::Host&>(*this),
                                                      options_.limits, id, order));
  const bool has_room = by_path_.find_or_insert(key_of({order.at, order.local, order.from}),
                                                associations_.slot_of(number)) != nullptr;
  CHECK(has_room);  // As many as there are slots.
  accepted_.push_back(id);
  answers.push_back(core::StreamOpened{id, order.from});
}

void DtlsServer::begin_accepted(MonoTime now) {
  for (const core::StreamId id : accepted_) {
    DtlsAssociation* const association = associations_.find(number_of(id));
    if (association == nullptr) continue;  // Refused.
    association->begin(tls_.new_dtls_session(), now);
    keep_deadline(*association);
  }
  accepted_.clear();
}

void DtlsServer::send(const core::SendMessage& message) {
  DtlsAssociation* const association = associations_.find(number_of(message.stream));
  if (association == nullptr) return;
  if (message.granted_lifetime) association->keep(*message.granted_lifetime);
  association->send(message.payload);
  keep_deadline(*association);
}

void DtlsServer::refuse(const core::RefuseStream& refusal) {
  DtlsAssociation* const association = associations_.find(number_of(refusal.stream));
  if (association == nullptr) return;
  if (association->state() != DtlsState::kOpening) return association->close(DtlsEnd::kRefused);
  // Nobody else has heard of it.
  ++stats_.ended[static_cast<size_t>(DtlsEnd::kRefused)];
  erase(*association);
}

void DtlsServer::on_datagram(const DtlsPath& path, Bytes datagram) {
  CHECK(datagram.size() <= kOutputBytes);
  if (output_used_ + datagram.size() > kOutputBytes) flush();
  uint8_t* const at = output_.get() + output_used_;
  std::copy(datagram.begin(), datagram.end(), at);
  output_used_ += datagram.size();
  writer_.add({path.at, path.local, path.from, {at, datagram.size()}});
  sent_.bytes += datagram.size();
  ++sent_.datagrams;
  settle_.schedule();
}

void DtlsServer::on_ended(DtlsAssociation& association) {
  ended_.push_back(association.id());
  settle_.schedule();
}

void DtlsServer::keep_deadline(const DtlsAssociation& association) {
  deadlines_.set(associations_.slot_of(number_of(association.id())), association.deadline());
}

void DtlsServer::erase(const DtlsAssociation& association) {
  const uint64_t number = number_of(association.id());
  deadlines_.set(associations_.slot_of(number), {});
  by_path_.erase(key_of(association.path()));
  associations_.erase(number);
}

void DtlsServer::flush() {
  writer_.flush();
  output_used_ = 0;
}

// Tells the node what has happened while it could not be told, until nothing is left to tell.
void DtlsServer::settle() {
  flush();
  report_sent();
  while (!ended_.empty()) {
    const core::StreamId id = ended_.back();
    ended_.pop_back();
    const DtlsAssociation* const association = associations_.find(number_of(id));
    if (association == nullptr) continue;  // Replaced, and reported then.
    const Endpoint from = association->path().from;
    erase(*association);
    deliver_(core::StreamClosed{id, from});
    report_sent();
  }
}

void DtlsServer::report_sent() {
  if (sent_.datagrams == 0) return;
  deliver_(std::exchange(sent_, {core::Transport::kDtls, 0, 0}));
}

void DtlsServer::stop() {
  associations_.for_each(
      [](DtlsAssociation& association) { association.close(DtlsEnd::kStopped); });
  settle();
}

}  // namespace roost::io
