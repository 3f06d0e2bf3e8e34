// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "base/crypto_sign.h"
#include "base/endpoint.h"
#include "core/dht/server.h"
#include "node/config.h"

namespace roost::node {

// The options of the DHT server that this configuration makes, but for sockets and the IDs' seed.
core::dht::Server::Options dht_options(const Config& config);

// All of them. `sockets` are the UDP sockets' addresses by SocketId; the first of a family is the
// one that our own questions leave from.
core::dht::Server::Options dht_options(const Config& config, const std::vector<Endpoint>& sockets,
                                       const SigningKey& key);

}  // namespace roost::node
