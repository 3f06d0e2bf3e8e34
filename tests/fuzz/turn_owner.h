// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/turn/minter.h"
#include "core/turn/server.h"
#include "turn_model.h"

namespace roost::core::turn {

// The owner of the server that turn_server_fuzz.cc plays with, who sets its bounds, gives and
// revokes grants, and may send strangers away; and what he knows of whom.
class Owner {
 public:
  static constexpr std::string_view kUsers[] = {"alice", "bob", "grant 1", "grant 2", "stranger"};

  // What is bounded is drawn by bits, so that each bound is met and missed.
  explicit Owner(uint8_t bits) : bits_(bits) {}

  bool is_limited() const { return (bits_ & 12) != 0; }
  bool has_external() const { return (bits_ & 2) != 0; }
  // Whether there are holders of grants, and strangers, too.
  bool has_minted() const { return (bits_ & 32) != 0; }
  bool wants_consent() const { return (bits_ & 64) != 0; }
  // With the credentials that all strangers have.
  std::optional<uint64_t> stranger_bytes_max() const {
    return (bits_ & 4) != 0 ? std::optional<uint64_t>(2500) : std::nullopt;
  }
  size_t user_count() const { return has_minted() ? std::size(kUsers) : 2; }

  Server::Options options() const {
    Server::Options options;
    options.authenticator.users = {{"alice", "a"}, {"bob", "b"}};
    options.addresses.relay = {kOurV4};
    if ((bits_ & 1) == 0) options.addresses.relay.push_back(kOurV6);
    if (has_external()) options.addresses.external = {kExternal};
    options.addresses.own = {kOurV4, kOurV6, *IpAddress::parse("127.0.0.1"), {0, 1}};
    options.table = {.allocations = 6,
                     .allocations_per_user = {0, 4, 4, 4},
                     .allocations_per_prefix = 3,
                     .permissions_per_allocation = 4,
                     .channels_per_allocation = 3};
    if ((bits_ & 4) != 0) {
      options.forwarder.bytes_per_allocation = {0, 2000, 2000, 0};
      options.forwarder.stranger_bytes_per_period = *stranger_bytes_max();
    }
    if ((bits_ & 8) != 0) options.forwarder.share.allocation_bytes_per_second = {0, 300, 300, 300};
    if ((bits_ & 16) != 0) options.forwarder.share.bytes_per_second = 1000;
    options.forwarder.share.percent = {0, 50, 30, 20};
    options.peers = PeerPolicy({}, {*Prefix::parse("1.2.3.0/24")});
    if (!has_minted()) return options;
    options.authenticator.shared_secret = "of a site";  // What a nonce says depends on it.
    options.authenticator.mint_secret = kMintSecret;
    options.authenticator.serves_strangers = serves_strangers_;
    options.table.allocations_per_class = {0, 6, 5, 3};
    options.forwarder.strangers_need_consent = wants_consent();
    if ((bits_ & 128) != 0) {
      options.session_max[static_cast<size_t>(Payer::kStranger)] = seconds(900);
    }
    return options;
  }

  void change_strangers() { serves_strangers_ = !serves_strangers_; }
  // Other grants, until another time, in another class, or none.
  std::vector<Grant> change_grants(Script& script, WallTime now) {
    const uint8_t shape = script.next();
    std::vector<Grant> grants;
    for (unsigned i = 0; i < 2; ++i) {
      if ((shape >> i & 1) == 0) continue;
      Grant grant;
      grant.id = '1' + i;
      grant.payer = (shape >> i & 4) != 0 ? Payer::kFriendOfFriend : Payer::kFriend;
      if ((shape & 16) != 0) grant.expires_at = now + seconds(script.next() * 8);
      if ((bits_ & 4) != 0) grant.bytes_max = 3000;
      grants.push_back(grant);
    }
    grants_ = grants;
    return grants;
  }

  static Minter::Credentials credentials(std::string_view user) {
    if (is_named(user)) return {std::string(user), std::string(1, user[0])};
    return Minter(kMintSecret).mint(kExpiry, {!is_of_grant(user), id_of(user)}, 1);
  }
  // Whether a request of the user's is to be believed.
  bool vouches_for(std::string_view user, WallTime now) const {
    if (is_named(user)) return true;
    if (now >= kExpiry) return false;
    if (!is_of_grant(user)) return serves_strangers_;
    const Grant* const grant = find(user);
    return grant != nullptr && (!grant->expires_at || *grant->expires_at > now);
  }
  Payer payer_of(std::string_view user) const {
    if (is_named(user)) return Payer::kFriend;
    if (!is_of_grant(user)) return Payer::kStranger;
    const Grant* const grant = find(user);
    return grant == nullptr ? Payer::kService : grant->payer;
  }

 private:
  static constexpr Minter::Secret kMintSecret{42};
  static constexpr WallTime kExpiry = kWallTimeMin + minutes(50);  // Of all that is minted.

  static bool is_named(std::string_view user) { return user == kUsers[0] || user == kUsers[1]; }
  static bool is_of_grant(std::string_view user) { return user.starts_with("grant"); }
  static uint64_t id_of(std::string_view user) { return static_cast<uint8_t>(user.back()); }
  const Grant* find(std::string_view user) const {
    const auto found = std::find_if(grants_.begin(), grants_.end(),
                                    [&](const Grant& grant) { return grant.id == id_of(user); });
    return found == grants_.end() ? nullptr : &*found;
  }

  uint8_t bits_;
  bool serves_strangers_ = true;
  std::vector<Grant> grants_;
};

}  // namespace roost::core::turn
