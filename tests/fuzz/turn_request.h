// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "base/crypto_hash.h"
#include "turn_model.h"
#include "turn_owner.h"
#include "wire/stun_builder.h"

namespace roost::core::turn {

// The requests of turn_server_fuzz.cc, and those who make them: over UDP, TCP and TLS, of one
// prefix and of others.
inline std::vector<Client> make_clients() {
  constexpr const char* kAddresses[] = {"192.0.2.1:1000",     "192.0.2.1:1001", "203.0.113.1:1000",
                                        "[2001:db8::1]:1000", "192.0.2.2:1000", "203.0.113.2:1000"};
  std::vector<Client> clients;
  for (size_t i = 0; i < std::size(kAddresses); ++i) {
    Client client;
    client.address = endpoint(kAddresses[i]);
    client.local.endpoint = {client.address.address.is_v4() ? kOurV4 : kOurV6, 3478};
    if (i >= 4) {
      client.transport = i == 4 ? Transport::kTcp : Transport::kTls;
      client.stream = StreamId{i};
    }
    clients.push_back(client);
  }
  return clients;
}

struct Ask {
  size_t client;
  std::string user;
  bool is_right;    // The server has every reason to believe it,
  bool is_vouched;  // or at least knows the user.
  Data bytes;
};

// Of some client, as some user, in which something may be wrong.
template <typename AddAttributes>
Ask make_request(Script& script, const std::vector<Client>& clients, const Owner& owner,
                 const Now& now, uint64_t transaction, wire::StunMethod method,
                 AddAttributes add_attributes) {
  using wire::StunAttribute;
  const size_t number = script.below(clients.size());
  const Client& client = clients[number];
  // 0..9 right, then one thing wrong.
  const size_t manner = script.below(16);
  const std::string user(Owner::kUsers[manner % owner.user_count()]);
  auto [name, password] = Owner::credentials(user);
  const bool is_vouched = owner.vouches_for(user, *now.wall);
  std::string nonce = client.nonce;
  if (manner == 10) password = "wrong";
  if (manner == 11) nonce = clients[(number + 1) % clients.size()].nonce;
  if (manner == 12) nonce += "A";
  const bool is_fresh = now.mono - client.nonce_since < minutes(60);
  const bool is_right = manner < 10 && !client.nonce.empty() && is_fresh && is_vouched;
  const bool uses_sha256 = manner == 2 || manner == 3;

  Data buffer(2048);
  std::array<uint8_t, 12> id{};
  store_u64(id.data() + 4, transaction);
  wire::StunBuilder builder(buffer, wire::StunClass::kRequest, method, id);
  add_attributes(builder, number);
  if (manner != 13) {
    builder.add(StunAttribute::kUsername, as_bytes(name));
    if (manner != 14) builder.add(StunAttribute::kRealm, as_bytes("roost"));
    builder.add(StunAttribute::kNonce, as_bytes(nonce));
    const Md5Digest key = md5(as_bytes(name + ":roost:" + password));
    if (uses_sha256) {
      builder.add_integrity_sha256(key);
    } else if (manner != 15) {
      builder.add_integrity(key);
    }
  }
  if (script.below(4) == 0) builder.add_fingerprint();
  const Bytes message = builder.finish();
  return {number, user, is_right, is_vouched, {message.begin(), message.end()}};
}

}  // namespace roost::core::turn
