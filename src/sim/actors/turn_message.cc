// SPDX-License-Identifier: MIT
#include "sim/actors/turn_message.h"

#include "base/check.h"
#include "base/crypto_hash.h"
#include "wire/channel_data.h"
#include "wire/stun_builder.h"

namespace roost::sim::actors {
namespace {

using wire::StunAttribute;
using wire::StunBuilder;
using wire::StunClass;
using wire::StunMethod;

constexpr size_t kSizeMax = 2048;
constexpr std::string_view kIcePassword = "a password of agents, of 24";
constexpr uint32_t kPriority = 0x6e0001ff;  // Of a peer-reflexive candidate (RFC 8445 §5.1.2.1).

// `add` puts in what is the method's own.
template <typename Add>
Message request(const TurnCredentials& credentials, StunMethod method, Dice& dice, Add add) {
  std::array<uint8_t, kSizeMax> buffer;
  const auto id = dice.random().bytes<12>();
  StunBuilder builder(buffer, StunClass::kRequest, method, id);
  add(builder);
  if (!credentials.nonce.empty()) {
    builder.add(StunAttribute::kUsername, as_bytes(credentials.username));
    builder.add(StunAttribute::kRealm, as_bytes(credentials.realm));
    builder.add(StunAttribute::kNonce, as_bytes(credentials.nonce));
    builder.add_integrity(credentials.key());
  }
  const Bytes built = builder.finish();
  CHECK(!built.empty());
  return {built.begin(), built.end()};
}

}  // namespace

std::array<uint8_t, 16> TurnCredentials::key() const {
  return md5(as_bytes(username + ':' + realm + ':' + password));
}

Message allocate_request(const TurnCredentials& credentials, const Wanted& wanted, Dice& dice) {
  return request(credentials, StunMethod::kAllocate, dice, [&](StunBuilder& builder) {
    constexpr uint32_t kV6 = uint32_t{2} << 24;
    builder.add_u32(StunAttribute::kRequestedTransport, (wanted.is_tcp ? 6u : 17u) << 24);
    if (wanted.token) return builder.add(StunAttribute::kReservationToken, *wanted.token);
    if (wanted.is_dual) {
      builder.add_u32(StunAttribute::kAdditionalAddressFamily, kV6);
    } else if (!wanted.is_v4) {
      builder.add_u32(StunAttribute::kRequestedAddressFamily, kV6);
    }
    const std::array<uint8_t, 1> even = {static_cast<uint8_t>(wanted.reserves_next ? 0x80 : 0)};
    if (wanted.is_even || wanted.reserves_next) builder.add(StunAttribute::kEvenPort, even);
  });
}

Message refresh_request(const TurnCredentials& credentials, Dice& dice) {
  return request(credentials, StunMethod::kRefresh, dice, [](StunBuilder&) {});
}

Message release_request(const TurnCredentials& credentials, Dice& dice) {
  return request(credentials, StunMethod::kRefresh, dice,
                 [](StunBuilder& builder) { builder.add_u32(StunAttribute::kLifetime, 0); });
}

Message permission_request(const TurnCredentials& credentials, const Endpoint& peer, Dice& dice) {
  return request(credentials, StunMethod::kCreatePermission, dice, [&](StunBuilder& builder) {
    builder.add_xor_address(StunAttribute::kXorPeerAddress, peer);
  });
}

Message channel_request(const TurnCredentials& credentials, uint16_t channel, const Endpoint& peer,
                        Dice& dice) {
  return request(credentials, StunMethod::kChannelBind, dice, [&](StunBuilder& builder) {
    builder.add_u32(StunAttribute::kChannelNumber, uint32_t{channel} << 16);
    builder.add_xor_address(StunAttribute::kXorPeerAddress, peer);
  });
}

Message connect_request(const TurnCredentials& credentials, const Endpoint& peer, Dice& dice) {
  return request(credentials, StunMethod::kConnect, dice, [&](StunBuilder& builder) {
    builder.add_xor_address(StunAttribute::kXorPeerAddress, peer);
  });
}

Message bind_request(const TurnCredentials& credentials, uint32_t number, Dice& dice) {
  return request(credentials, StunMethod::kConnectionBind, dice, [&](StunBuilder& builder) {
    builder.add_u32(StunAttribute::kConnectionId, number);
  });
}

Message send_indication(const Endpoint& peer, Bytes data, Dice& dice) {
  std::array<uint8_t, kSizeMax> buffer;
  const auto id = dice.random().bytes<12>();
  StunBuilder builder(buffer, StunClass::kIndication, StunMethod::kSend, id);
  builder.add_xor_address(StunAttribute::kXorPeerAddress, peer);
  builder.add(StunAttribute::kData, data);
  const Bytes built = builder.finish();
  CHECK(!built.empty());
  return {built.begin(), built.end()};
}

Message channel_data(uint16_t channel, Bytes data) {
  const auto header = wire::channel_data_header(channel, data.size());
  Message message(header.begin(), header.end());
  message.insert(message.end(), data.begin(), data.end());
  return message;
}

Message ice_check(std::string_view username, Dice& dice) {
  std::array<uint8_t, 256> buffer;
  const auto id = dice.random().bytes<12>();
  StunBuilder builder(buffer, StunClass::kRequest, StunMethod::kBinding, id);
  builder.add(StunAttribute::kUsername, as_bytes(username));
  builder.add_u32(StunAttribute{0x0024}, kPriority);
  builder.add_integrity(as_bytes(kIcePassword));
  builder.add_fingerprint();
  const Bytes built = builder.finish();
  CHECK(!built.empty());
  return {built.begin(), built.end()};
}

Message ice_answer(const wire::StunView& check, const Endpoint& from) {
  std::array<uint8_t, 256> buffer;
  StunBuilder builder(buffer, StunClass::kSuccess, check);
  builder.add_xor_address(StunAttribute::kXorMappedAddress, from);
  builder.add_integrity(as_bytes(kIcePassword));
  builder.add_fingerprint();
  const Bytes built = builder.finish();
  CHECK(!built.empty());
  return {built.begin(), built.end()};
}

bool has_ice_integrity(const wire::StunView& message) {
  return message.integrity_matches(as_bytes(kIcePassword));
}

}  // namespace roost::sim::actors
