// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "wire/stun.h"

namespace roost::core::turn {

// Attributes of requests, as tests write them down.

using std::chrono::minutes;
using std::chrono::seconds;
using wire::StunAttribute;
using wire::StunClass;
using wire::StunMethod;
using wire::StunView;
using Data = std::vector<uint8_t>;

inline Endpoint endpoint(std::string_view text) {
  const auto parsed = Endpoint::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed.value_or(Endpoint());
}
inline IpAddress ip(std::string_view text) {
  const auto parsed = IpAddress::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed.value_or(IpAddress());
}
inline Data data_of(std::string_view text) {
  return {text.begin(), text.end()};
}

struct Attribute {
  StunAttribute type;
  std::variant<Data, Endpoint> value;  // An endpoint is written XORed.
};
using Attributes = std::vector<Attribute>;

inline Attribute raw(StunAttribute type, Data value = {}) {
  return {type, std::move(value)};
}
inline Attribute number(StunAttribute type, uint32_t value) {
  Data bytes(4);
  store_u32(bytes.data(), value);
  return {type, bytes};
}
inline Attribute udp() {
  return number(StunAttribute::kRequestedTransport, 17u << 24);
}
inline Attribute tcp() {
  return number(StunAttribute::kRequestedTransport, 6u << 24);
}
inline Attribute connection_id(uint32_t value) {
  return number(StunAttribute::kConnectionId, value);
}
inline Attribute lifetime(uint32_t value) {
  return number(StunAttribute::kLifetime, value);
}
inline Attribute family(uint8_t value) {
  return raw(StunAttribute::kRequestedAddressFamily, {value, 0, 0, 0});
}
inline Attribute additional(uint8_t value) {
  return raw(StunAttribute::kAdditionalAddressFamily, {value, 0, 0, 0});
}
inline Attribute even_port(bool reserves_next) {
  return raw(StunAttribute::kEvenPort, {static_cast<uint8_t>(reserves_next ? 0x80 : 0)});
}
inline Attribute peer(const Endpoint& endpoint) {
  return {StunAttribute::kXorPeerAddress, endpoint};
}
inline Attribute channel(uint16_t value) {
  return number(StunAttribute::kChannelNumber, uint32_t{value} << 16);
}
inline Attribute data(std::string_view text) {
  return raw(StunAttribute::kData, data_of(text));
}

}  // namespace roost::core::turn
