// SPDX-License-Identifier: MIT
#include "sim/client_message.h"

#include <algorithm>

#include "base/check.h"

namespace roost::sim {
namespace {

constexpr uint16_t kUsername = 0x0006;

// Calls `visit(type, value)` for each attribute until that says true.
template <typename Visit>
void for_each_attribute(Bytes message, Visit visit) {
  for (size_t at = 20; at + 4 <= message.size();) {
    const uint16_t type = load_u16(message.data() + at);
    const size_t size = load_u16(message.data() + at + 2);
    if (at + 4 + size > message.size() || visit(type, message.subspan(at + 4, size))) return;
    at += 4 + (size + 3) / 4 * 4;
  }
}

// RFC 8489 §14.2.
std::optional<Endpoint> xor_endpoint(Bytes message, Bytes value) {
  if (value.size() != 8 && value.size() != 20) return {};
  std::array<uint8_t, 20> plain{};
  std::copy(value.begin(), value.end(), plain.begin());
  for (size_t i = 2; i < value.size(); ++i) plain[i] ^= message[i < 4 ? i + 2 : i];
  const uint16_t port = load_u16(plain.data() + 2);
  if (value.size() == 8) return Endpoint{IpAddress::v4(load_u32(plain.data() + 4)), port};
  return Endpoint{IpAddress(load_u64(plain.data() + 4), load_u64(plain.data() + 12)), port};
}

}  // namespace

std::optional<ClientMessage> ClientMessage::of(const core::Input& input) {
  if (const auto* const datagram = std::get_if<core::DatagramArrived>(&input)) {
    return ClientMessage{{datagram->from, datagram->local.endpoint, {}}, datagram->payload};
  }
  if (const auto* const message = std::get_if<core::MessageArrived>(&input)) {
    return ClientMessage{{{}, {}, message->stream}, message->payload};
  }
  return {};
}

std::optional<ClientMessage> ClientMessage::of(const core::Action& action) {
  if (const auto* const datagram = std::get_if<core::SendDatagram>(&action)) {
    return ClientMessage{{datagram->to, datagram->local.endpoint, {}}, datagram->payload};
  }
  if (const auto* const message = std::get_if<core::SendMessage>(&action)) {
    return ClientMessage{{{}, {}, message->stream}, message->payload};
  }
  return {};
}

TransactionId ClientMessage::transaction_id() const {
  CHECK(bytes.size() >= 20);
  TransactionId id;
  std::copy_n(bytes.begin() + 8, id.size(), id.begin());
  return id;
}

std::optional<Bytes> ClientMessage::attribute(uint16_t wanted) const {
  std::optional<Bytes> found;
  for_each_attribute(bytes, [&](uint16_t type, Bytes value) {
    if (type == wanted) found = value;
    return found.has_value();
  });
  return found;
}

std::optional<uint32_t> ClientMessage::number(uint16_t type) const {
  const auto value = attribute(type);
  if (!value || value->size() != 4) return {};
  return load_u32(value->data());
}

std::vector<Endpoint> ClientMessage::endpoints(uint16_t wanted) const {
  std::vector<Endpoint> found;
  for_each_attribute(bytes, [&](uint16_t type, Bytes value) {
    const auto endpoint = type == wanted ? xor_endpoint(bytes, value) : std::nullopt;
    if (endpoint) found.push_back(*endpoint);
    return false;
  });
  return found;
}

std::string ClientMessage::user() const {
  const auto name = attribute(kUsername).value_or(Bytes());
  return {name.begin(), name.end()};
}

}  // namespace roost::sim
