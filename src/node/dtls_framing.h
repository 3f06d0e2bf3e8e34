// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include "base/bytes.h"

namespace roost::node {

// Which datagrams of DTLS the shell may hand to its library, without knowing the protocol.

// By its first byte (RFC 7983).
bool is_dtls(Bytes datagram);

// Whether it is a ClientHello in the clear: it is for the node, which answers to cookies, even
// where there is an association already. Forged ones must not touch that.
bool begins_association(Bytes datagram);

// While an association's handshake goes on, its client has only to send a ClientKeyExchange and a
// ChangeCipherSpec, and behind them, protected by the new keys, its Finished. A library that has to
// cope with every order and every fragment keeps what it does not understand yet: OpenSSL up to 100
// records of 17 KB for the next epoch, and ten messages of whatever length they claim. So it is
// given what it can use at once, and nothing else.
//
// How many bytes at the front of the datagram it can use: whole records in the clear, or (once it
// has the client's keys) one record of the first epoch behind them.
size_t usable_in_handshake(Bytes datagram, bool has_keys);

// Largest body of a ClientKeyExchange that is let through: a point on P-256 takes 66 bytes.
inline constexpr size_t kKeyExchangeSizeMax = 256;
// Largest record that may hold a Finished: 24 bytes, and 24 more for the cipher.
inline constexpr size_t kFinishedRecordSizeMax = 64;

}  // namespace roost::node
