// SPDX-License-Identifier: MIT
#include "sim/actors/liar.h"

#include "base/check.h"
#include "base/cursor.h"
#include "sim/actors/transaction.h"
#include "wire/stun.h"
#include "wire/stun_builder.h"

namespace roost::sim::actors {
namespace {

using Lie = Liar::Lie;
using wire::StunAttribute;
using wire::StunClass;

// A STUN header with any type and length, and so many bytes behind it.
std::vector<uint8_t> with_header(uint16_t type, size_t length, Bytes behind, Dice& dice) {
  std::vector<uint8_t> message(wire::kStunHeaderSize + behind.size());
  const auto id = dice.random().bytes<12>();
  Writer writer(message);
  writer.u16(type);
  writer.u16(static_cast<uint16_t>(length));
  writer.u32(wire::kStunMagicCookie);
  writer.bytes(id);
  writer.bytes(behind);
  CHECK(writer.ok());
  return message;
}

// So many attributes of that type and value size.
std::vector<uint8_t> attributes(uint16_t type, size_t count, size_t value_size) {
  std::vector<uint8_t> bytes(count * (4 + value_size));
  Writer writer(bytes);
  for (size_t i = 0; i < count; ++i) {
    writer.u16(static_cast<uint16_t>(type + i));
    writer.u16(static_cast<uint16_t>(value_size));
    writer.zeros(value_size);
  }
  CHECK(writer.ok());
  return bytes;
}

std::vector<uint8_t> request_with(uint16_t type, size_t count, size_t value_size, Dice& dice) {
  const auto behind = attributes(type, count, value_size);
  return with_header(0x0001, behind.size(), behind, dice);
}

std::vector<uint8_t> any_bytes(size_t size, Dice& dice) {
  std::vector<uint8_t> bytes(size);
  dice.random().fill(bytes);
  return bytes;
}

std::vector<uint8_t> any_bytes_from(uint8_t first, size_t size, Dice& dice) {
  std::vector<uint8_t> bytes = any_bytes(size, dice);
  bytes.front() = first;
  return bytes;
}

constexpr uint16_t number(StunAttribute type) {
  return static_cast<uint16_t>(type);
}

}  // namespace

std::vector<uint8_t> tell(Lie lie, Dice& dice) {
  switch (lie) {
    case Lie::kTruncated: return with_header(0x0001, 64, attributes(0x8022, 1, 4), dice);
    case Lie::kTrailingBytes: return with_header(0x0001, 0, attributes(0x8022, 1, 4), dice);
    case Lie::kAttributeBeyondTheEnd: {
      auto behind = attributes(0x8022, 1, 4);
      store_u16(behind.data() + 2, 1000);
      return with_header(0x0001, behind.size(), behind, dice);
    }
    case Lie::kTooManyAttributes: return request_with(0x8100, 100, 0, dice);
    case Lie::kWrongFingerprint:
      return request_with(number(StunAttribute::kFingerprint), 1, 4, dice);
    case Lie::kUnknownAttributes: return request_with(0x7000, dice.between(1, 24), 0, dice);
    case Lie::kSuccessResponse: return with_header(0x0101, 0, {}, dice);
    case Lie::kErrorResponse: return with_header(0x0111, 0, {}, dice);
    case Lie::kIndication: return with_header(0x0011, 0, {}, dice);
    case Lie::kUnknownMethod: return with_header(0x0002, 0, {}, dice);
    case Lie::kResponseAddress: {
      auto request = request_with(number(StunAttribute::kResponseAddress), 1, 8, dice);
      store_u32(request.data() + 4, 1);  // RFC 3489 knows no cookie.
      return request;
    }
    case Lie::kResponsePort: return request_with(number(StunAttribute::kResponsePort), 1, 4, dice);
    case Lie::kPadding: return request_with(number(StunAttribute::kPadding), 1, 400, dice);
    case Lie::kChangeRequestOfTheWrongSize:
      return request_with(number(StunAttribute::kChangeRequest), 1, 8, dice);
    case Lie::kTurnAllocate: return with_header(0x0003, 8, attributes(0x0019, 1, 4), dice);
    case Lie::kDht: return any_bytes_from('d', 60, dice);
    case Lie::kDtls: return any_bytes_from(22, 100, dice);
    case Lie::kChannelData: return any_bytes_from(64, 40, dice);
    case Lie::kEmpty: return {};
    case Lie::kNoise: return any_bytes(dice.between(1, 500), dice);
    case Lie::kPortZero: return binding_request({}, dice);
  }
  return {};
}

Liar::Liar(Host& host, Network& network, const Options& options)
    : Actor(host), network_(network), options_(options), port_(host.next_port()) {
  CHECK(!options_.targets.empty());
  set_alarm(now());
}

void Liar::on_alarm() {
  Dice& dice = host().dice();
  const auto lie = static_cast<Lie>(dice.below(kLieCount));
  const Endpoint target = any_target();
  const auto address = host().address_towards(target.address);
  CHECK(address.has_value());
  Packet packet;
  packet.destination = target;
  packet.payload = tell(lie, dice);
  packet.source = {*address, lie == Lie::kPortZero ? uint16_t{0} : port_};
  const auto& forged = options_.forged_sources;
  if (forged.empty() || dice.below(2) == 0) {
    host().send(std::move(packet));
  } else {
    const Endpoint& other = forged[dice.below(forged.size())];
    if (other.address.is_v4() == target.address.is_v4()) packet.source = other;
    network_.inject(std::move(packet));
  }
  set_alarm(now() + options_.period);
}

Endpoint Liar::any_target() {
  Dice& dice = host().dice();
  const auto* const meetings = options_.meetings;
  if (meetings != nullptr && !meetings->empty() && dice.below(4) == 0) {
    const auto& relayed = (*meetings)[dice.below(meetings->size())].relayed[dice.below(2)];
    if (relayed) return *relayed;
  }
  return options_.targets[dice.below(options_.targets.size())];
}

void Liar::on_packet(Packet packet) {
  if (packet.destination.port == port_) ++answer_count_;
}

}  // namespace roost::sim::actors
