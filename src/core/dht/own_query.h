// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>

#include "core/action.h"
#include "core/outbox.h"
#include "wire/krpc.h"

namespace roost::core::dht {

// Where our own node of a family is: what its questions leave from, and under which ID.
struct Home {
  SocketId socket{};
  LocalEnd local{};  // Unspecified: the kernel chooses.
  wire::NodeId id{};
};

// How all our messages say whose they are, as in BEP 20: two letters for the program, and two bytes
// of its version.
inline constexpr std::array<uint8_t, 4> kVersion = {'R', 'O', 0, 1};

// Appends a question of ours, of kKrpcSizeMax bytes at most. The ID in `query` is filled in.
void send_query(const Home& home, bool is_read_only, Bytes transaction_id, wire::KrpcQuery query,
                const Endpoint& to, Outbox& out, Grade grade = Grade::kCommitted);

}  // namespace roost::core::dht
