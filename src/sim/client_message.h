// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "core/action.h"

namespace roost::sim {

// A client's end: of a stream, or its own and our address.
struct ClientEnd {
  Endpoint remote;
  Endpoint local;
  core::StreamId stream{};
  friend auto operator<=>(const ClientEnd&, const ClientEnd&) = default;
};

using TransactionId = std::array<uint8_t, 12>;

// What a client has said, or is told, as the oracles read it: byte by byte from RFC 8489 §14, since
// they share no decoder with what they judge. A view of the input or action.
struct ClientMessage {
  // Of STUN's methods (RFC 8656 §17, RFC 6062 §6.1), by the type of a request.
  static constexpr uint16_t kAllocate = 0x0003;
  static constexpr uint16_t kRefresh = 0x0004;
  static constexpr uint16_t kSendIndication = 0x0016;
  static constexpr uint16_t kCreatePermission = 0x0008;
  static constexpr uint16_t kChannelBind = 0x0009;
  static constexpr uint16_t kConnect = 0x000a;
  static constexpr uint16_t kConnectionBind = 0x000b;
  static constexpr uint16_t kConnectionAttempt = 0x001c;  // An indication.
  static constexpr uint16_t kSuccess = 0x0100;            // On top of a request's type.
  static constexpr uint16_t kError = 0x0110;

  ClientEnd client;
  Bytes bytes;

  // Nothing where the input came from no client, or the action goes to none.
  static std::optional<ClientMessage> of(const core::Input& input);
  static std::optional<ClientMessage> of(const core::Action& action);

  // 0 where it is too short for STUN, and of ChannelData whatever it says.
  uint16_t type() const { return bytes.size() < 20 ? uint16_t{0} : load_u16(bytes.data()); }
  // Requires a type.
  TransactionId transaction_id() const;
  // The first attribute of that type.
  std::optional<Bytes> attribute(uint16_t type) const;
  // The four bytes of it, as a number.
  std::optional<uint32_t> number(uint16_t type) const;
  // Those of an attribute that holds one by XOR, in their order.
  std::vector<Endpoint> endpoints(uint16_t type) const;
  std::string user() const;  // Empty if it names none.
};

}  // namespace roost::sim
