// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/time.h"
#include "core/action.h"
#include "wire/stun_builder.h"

namespace roost::core::turn {

// What turn_server_fuzz.cc plays with, and the naive model that it holds against the server: no
// more than what a client has been told.

using std::chrono::minutes;
using std::chrono::seconds;
using Data = std::vector<uint8_t>;

// The input, byte by byte; zeros behind its end.
class Script {
 public:
  Script(const uint8_t* data, size_t size) : bytes_(data, size) {}
  bool is_over() const { return at_ >= bytes_.size(); }
  uint8_t next() { return is_over() ? 0 : bytes_[at_++]; }
  size_t below(size_t bound) { return next() % bound; }
  Data take(size_t size) {
    Data taken(size);
    for (uint8_t& byte : taken) byte = next();
    return taken;
  }

 private:
  Bytes bytes_;
  size_t at_ = 0;
};

inline Endpoint endpoint(const char* text) {
  return *Endpoint::parse(text);
}
inline const IpAddress kOurV4 = *IpAddress::parse("5.5.5.5");
inline const IpAddress kOurV6 = *IpAddress::parse("2a00:5::5");
inline const IpAddress kLoopbackV4 = *IpAddress::parse("127.0.0.1");
inline const IpAddress kExternal = *IpAddress::parse("7.7.7.7");

struct Peer {
  Endpoint endpoint;
  bool is_allowed;  // Ours are not among them: they are handed over to or not.
};
inline const std::vector<Peer> kPeers = {
    {endpoint("9.9.9.9:9000"), true},
    {endpoint("9.9.9.9:9001"), true},
    {endpoint("9.9.9.9:0"), false},
    {endpoint("8.8.4.4:8000"), true},
    {endpoint("10.0.0.1:1"), false},
    {endpoint("127.0.0.1:80"), false},
    {endpoint("5.5.5.5:22"), false},
    {endpoint("1.2.3.4:5"), false},  // Denied by the owner.
    {endpoint("[::1]:80"), false},
    {endpoint("[fe80::1]:1"), false},
    {endpoint("[2606:4700::1]:9"), true},
    {endpoint("7.7.7.7:22"), true},
    {endpoint("[64:ff9b::909:909]:9"), false},
};

inline bool is_public(const IpAddress& address) {
  return std::any_of(kPeers.begin(), kPeers.end(), [&](const Peer& peer) {
    return peer.is_allowed && peer.endpoint.address == address;
  });
}
// Besides kExternal, which is only where it is configured.
inline bool is_ours_always(const IpAddress& address) {
  return address == kOurV4 || address == kOurV6 || address == IpAddress(0, 1) ||
         address == kLoopbackV4;
}

// A message of ICE's, or what looks like one.
struct IceMessage {
  uint8_t kind;  // 0 a check, 1 its success, 2 an error.
  uint8_t id;    // Its transaction.
  std::string name;
  bool has_integrity;

  bool is_check() const {
    const size_t colon = name.find(':');
    return kind == 0 && has_integrity && name.substr(0, colon) != name.substr(colon + 1);
  }
  Data bytes() const {
    using wire::StunAttribute;
    using wire::StunClass;
    constexpr StunClass kClasses[] = {StunClass::kRequest, StunClass::kSuccess, StunClass::kError};
    Data buffer(256);
    wire::StunBuilder builder(buffer, kClasses[kind], wire::StunMethod::kBinding,
                              std::array<uint8_t, 12>{id});
    builder.add(StunAttribute::kUsername, as_bytes(name));
    if (has_integrity) builder.add_integrity(as_bytes("only the agents know"));
    const Bytes built = builder.finish();
    return {built.begin(), built.end()};
  }
  std::string receiver() const { return name.substr(0, name.find(':')); }
  std::string sender() const { return name.substr(name.find(':') + 1); }
  std::string turned_round() const { return sender() + ':' + receiver(); }
};

// What a stranger and a peer have said to each other: Consent, for one peer.
struct Agreement {
  static constexpr Duration kLasts = seconds(36);
  std::optional<uint8_t> our_id;
  std::string our_name = "none of ours", their_name;
  MonoTime asked_at = MonoTime::min() + kLasts;  // When the peer has sent its last check,
  MonoTime given_at = asked_at;                  // and when it has consented.

  // `names`: by which the client has called itself, whomever it talked to.
  bool admits_to_peer(MonoTime now, const std::optional<IceMessage>& message,
                      std::set<std::string>& names) {
    return take_from_client(now, message, names) || now - kLasts < given_at;
  }
  bool admits_to_client(MonoTime now, const std::optional<IceMessage>& message,
                        const std::set<std::string>& names) {
    return take_from_peer(now, message, names) || now - kLasts < given_at;
  }

 private:
  bool take_from_client(MonoTime now, const std::optional<IceMessage>& message,
                        std::set<std::string>& names) {
    if (!message) return false;
    if (message->kind != 0) return now - kLasts < asked_at;
    if (!message->is_check() || names.contains(message->receiver())) return false;
    names.insert(message->sender());
    our_id = message->id;
    our_name = message->turned_round();
    if (our_name == their_name) given_at = std::max(given_at, asked_at);
    return true;
  }
  bool take_from_peer(MonoTime now, const std::optional<IceMessage>& message,
                      const std::set<std::string>& names) {
    if (!message) return false;
    const bool is_ours = our_id == message->id;
    if (message->kind != 0) {
      if (is_ours && message->kind == 1 && message->has_integrity) {
        given_at = now;
        our_id.reset();
      }
      return is_ours;
    }
    if (!message->is_check() || is_ours || names.contains(message->sender())) return false;
    their_name = message->name;
    asked_at = now;
    if (our_name == their_name) given_at = now;
    return true;
  }
};

struct Client {
  Endpoint address;
  LocalEnd local;
  Transport transport = Transport::kUdp;
  StreamId stream{};
  std::string nonce;
  MonoTime nonce_since;
  Data last_allocate;

  // The model: what the replies have granted.
  struct Grant {
    std::string user;
    std::array<std::optional<Endpoint>, 2> local, advertised;  // By Family.
    MonoTime expires_at;
    std::map<IpAddress, MonoTime> permissions;
    std::map<uint16_t, std::pair<Endpoint, MonoTime>> channels;
    Payer payer = Payer::kFriend;
    std::map<Endpoint, Agreement> agreements;
    std::set<std::string> names;

    bool admits_to_peer(MonoTime now, const Endpoint& peer,
                        const std::optional<IceMessage>& message) {
      return agreements[peer].admits_to_peer(now, message, names);
    }
    bool admits_to_client(MonoTime now, const Endpoint& peer,
                          const std::optional<IceMessage>& message) {
      return agreements[peer].admits_to_client(now, message, names);
    }

    bool permits(const IpAddress& peer, MonoTime now) const {
      const auto found = permissions.find(peer);
      return found != permissions.end() && found->second > now;
    }
    std::optional<uint16_t> channel_of(const Endpoint& peer, MonoTime now) const {
      for (const auto& [number, bound] : channels) {
        if (bound.first == peer && bound.second > now) return number;
      }
      return {};
    }
  };
  std::optional<Grant> grant;
};

// Data that arrives at a client.
struct Delivery {
  size_t client;
  Endpoint from;
  std::optional<uint16_t> channel;
  Data data;
};

}  // namespace roost::core::turn
