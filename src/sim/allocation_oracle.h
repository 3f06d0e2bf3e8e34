// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/endpoint.h"
#include "base/time.h"
#include "core/action.h"
#include "node/config.h"
#include "node/grants.h"
#include "sim/client_message.h"
#include "sim/verdict.h"

namespace roost::sim {

// What an allocation may do is bounded by who vouches for it, judged from the messages and from
// what the owner has decided, with a decoder of its own:
//
//   - it is made for a grant that is in force, a stranger while strangers are served, or a named
//     user; with credentials that have not expired; within the bounds on allocations in all, of
//     strangers, of one user and of one prefix;
//   - once its grant is revoked, or strangers are not served any more, it ends with the deadline
//     that is due then, and an allocation of a stream with its stream;
//   - nothing is relayed on it for longer than its client was told, its credentials are valid, or
//     strangers' sessions last; nor on the account of another class of people;
//   - it relays no more bytes than its class allows, all those that were made with a stranger's
//     credentials no more than a stranger may, and all those of a grant no more than that;
//   - between a stranger's relayed address and a peer nothing passes but ICE's checks, and answers
//     to them, unless the peer has, within kConsentLasts, answered one of the client's, or sent one
//     with the same names. Who sends back what he got has said nothing.
class AllocationOracle {
 public:
  static constexpr uint64_t kHeaderBytes = 28;  // IPv4 and UDP.
  // One deadline ends so many at least.
  static constexpr size_t kEndedByADeadlineMin = 16;
  static constexpr size_t kCheckBytesMax = 548;
  // RFC 7675's 30 seconds, and the longest time between two checks.
  static constexpr Duration kConsentLasts = std::chrono::seconds(36);

  AllocationOracle(Verdict& verdict, const node::Config::Relay& bounds)
      : verdict_(verdict), bounds_(bounds) {}

  void set_bounds(const node::Config::Relay& bounds);
  void set_grants(const std::vector<core::turn::Grant>& grants);
  // One step: what went in, and what came out; `is_cut` when the donation did not cover all of it:
  // then a request may have been granted and the client not told.
  void check(const Now& now, const core::Input& input, std::span<const core::Action> actions,
             bool is_cut);
  // The node is gone, and all allocations with it.
  void forget();

  size_t allocation_count() const { return allocations_.size(); }

 private:
  struct User {  // As the user name says.
    enum class Kind : uint8_t { kNamed, kGrant, kStranger };
    Kind kind = Kind::kNamed;
    std::string account;
    std::string name;
    uint64_t grant = 0;
    std::optional<int64_t> expires_at;  // UNIX time.
  };
  struct Grant {
    core::Payer payer;
    uint64_t bytes_max;
    uint64_t bytes = 0;
  };
  struct Peer {                                           // Of a stranger's allocation.
    std::set<TransactionId> checks;                       // The client's.
    std::set<std::pair<std::string, std::string>> names;  // Of those.
    // Of the peer's checks, and when the last of those names came.
    std::map<std::pair<std::string, std::string>, MonoTime> their_names;
    std::set<std::vector<uint8_t>> sent;
    MonoTime checked_until;
    MonoTime consents_until;
    void consent(MonoTime at) { consents_until = std::max(consents_until, at + kConsentLasts); }
  };
  struct Allocation {
    User user;
    core::Payer payer = core::Payer::kFriend;
    uint64_t prefix = 0;
    std::set<core::RelayId> relays;
    std::optional<Endpoint> reserved{};  // Once it is bound; of a reserved socket only.
    MonoTime session_until = MonoTime::max();
    MonoTime credentials_until = MonoTime::max();
    MonoTime told_until = MonoTime::max();
    uint64_t bytes = 0;
    std::optional<size_t> deadlines_left;  // Once nobody vouches for it.
    std::map<Endpoint, Peer> peers;
    MonoTime until() const { return std::min({session_until, credentials_until, told_until}); }
  };
  struct Wish {
    User user;
    MonoTime credentials_until = MonoTime::max();
  };
  struct IceMessage;

  static User user_of(const ClientMessage& message);
  static std::optional<IceMessage> read_ice(Bytes message);

  // A reserved socket counts as an allocation of nobody.
  static ClientEnd nobody(core::RelayId relay);

  bool is_vouched_for(const User& user) const;
  void note_who_is_vouched_for();
  void look_at_clocks(const Now& now);
  void take_request(const Now& now, const ClientMessage& request, bool is_cut);
  void take_reply(const Now& now, const ClientMessage& reply);
  void open(const Now& now, const core::Input& input, const ClientMessage& request,
            const core::OpenRelay& order);
  void set_user(MonoTime at, Allocation& allocation, const User& user);
  void redeem(MonoTime at, const ClientMessage& reply, const Wish& wish);
  void check_bounds(MonoTime at, const Allocation& made);
  void close(core::RelayId relay);
  void check_to_peer(MonoTime at, const core::SendFromRelay& send);
  void check_to_client(const Now& now, const core::Input& input, core::Payer payer,
                       const ClientMessage& message);
  void check_relayed(MonoTime at, Allocation& allocation, core::Payer payer, uint64_t bytes);
  void check_forwarded(MonoTime at, const core::ForwardPeerData& forward);
  void hear(MonoTime at, const core::RelayDatagramArrived& input);
  void check_ends(MonoTime at, const core::Input& input);
  Allocation* find(core::RelayId relay);

  Verdict& verdict_;
  node::Config::Relay bounds_;
  std::map<uint64_t, Grant> grants_;
  std::map<std::string, uint64_t> stranger_bytes_;  // By the credentials' name.
  std::optional<WallTime> wall_;                    // Of the last step: which may jump.
  MonoTime mono_;
  std::map<ClientEnd, Allocation> allocations_;
  std::map<core::RelayId, ClientEnd> owners_;
  std::map<core::PeerConnectionId, core::RelayId> connections_;  // Of TCP, with peers.
  std::map<std::pair<ClientEnd, TransactionId>, Wish> wishes_;
};

}  // namespace roost::sim
