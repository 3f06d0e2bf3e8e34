// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "sim/dice.h"
#include "wire/stun.h"

namespace roost::sim::actors {

// What clients of relays and ICE agents say (RFC 8656, RFC 8445 §7), as bytes.

using Message = std::vector<uint8_t>;
using ReservationToken = std::array<uint8_t, 8>;

// Of the long-term mechanism (RFC 8489 §9.2); nothing is signed while there is no nonce.
struct TurnCredentials {
  std::string username;
  std::string password;
  std::string realm{};
  std::string nonce{};

  std::array<uint8_t, 16> key() const;
};

// What an Allocate asks for (RFC 8656 §7.1).
struct Wanted {
  bool is_v4 = true;
  bool is_tcp = false;   // RFC 6062.
  bool is_dual = false;  // An IPv6 address in addition.
  bool is_even = false;
  bool reserves_next = false;               // The port above is kept for who shows the token.
  std::optional<ReservationToken> token{};  // Then nothing else counts.
};
Message allocate_request(const TurnCredentials& credentials, const Wanted& wanted, Dice& dice);
Message refresh_request(const TurnCredentials& credentials, Dice& dice);
// Gives the allocation up.
Message release_request(const TurnCredentials& credentials, Dice& dice);
Message permission_request(const TurnCredentials& credentials, const Endpoint& peer, Dice& dice);
Message channel_request(const TurnCredentials& credentials, uint16_t channel, const Endpoint& peer,
                        Dice& dice);

// RFC 6062 §4.3, §4.4.
Message connect_request(const TurnCredentials& credentials, const Endpoint& peer, Dice& dice);
Message bind_request(const TurnCredentials& credentials, uint32_t number, Dice& dice);

Message send_indication(const Endpoint& peer, Bytes data, Dice& dice);
// Without padding.
Message channel_data(uint16_t channel, Bytes data);

// A connectivity check, whose user name is "theirs:ours", and what answers it.
Message ice_check(std::string_view username, Dice& dice);
Message ice_answer(const wire::StunView& check, const Endpoint& from);
// Whether who sent it knows the password of the agents in this world.
bool has_ice_integrity(const wire::StunView& message);

}  // namespace roost::sim::actors
