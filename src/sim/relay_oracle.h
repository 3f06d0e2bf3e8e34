// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/endpoint.h"
#include "base/time.h"
#include "core/action.h"
#include "sim/client_message.h"
#include "sim/verdict.h"

namespace roost::sim {

// Nothing is relayed without a permission, judged from the messages alone, with a decoder of its
// own (RFC 8656 §9, §10, §11, §12):
//
//   - a relayed address is opened in answer to an Allocate only, and belongs to who sent it;
//   - a datagram leaves a relayed address only in the step that its owner's data caused, and to a
//     peer that the owner was granted within five minutes (or ten, by a channel), on the Internet
//     and not of this machine;
//   - data reaches a client only from a peer that it was granted, or from another client of this
//     node that was granted our address, as it was too.
class RelayOracle {
 public:
  RelayOracle(Verdict& verdict, std::vector<IpAddress> own_addresses)
      : verdict_(verdict), own_addresses_(std::move(own_addresses)) {}

  // One step: what went in, and what came out; `is_cut` when the donation did not cover all of it:
  // then a request may have been granted and the client not told.
  void check(MonoTime at, const core::Input& input, std::span<const core::Action> actions,
             bool is_cut);
  // The node is gone, and all allocations with it.
  void forget();

 private:
  struct Wish {  // What a request asks for, until it is granted.
    std::vector<IpAddress> permissions;
    std::optional<Endpoint> channel;
  };

  void take_request(MonoTime at, const ClientMessage& request, bool is_cut);
  void take_reply(MonoTime at, const ClientMessage& reply);
  void hand_over(const ClientMessage& reply);
  void grant(MonoTime at, const ClientEnd& client, const Wish& wish);
  void check_sent(MonoTime at, const core::Input& input, const core::SendFromRelay& send);
  void check_data(MonoTime at, const core::Input& input, const ClientEnd& client);
  bool is_granted(MonoTime at, const ClientEnd& client, const Endpoint& peer) const;
  bool is_granted_ours(MonoTime at, const ClientEnd& client) const;
  bool is_own(const IpAddress& address) const;

  Verdict& verdict_;
  std::vector<IpAddress> own_addresses_;
  std::map<std::pair<ClientEnd, TransactionId>, Wish> wishes_;
  std::map<std::pair<ClientEnd, IpAddress>, MonoTime> permissions_;  // Until when.
  std::map<std::pair<ClientEnd, Endpoint>, MonoTime> channels_;
  std::map<core::RelayId, ClientEnd> owners_;
  // Of the port above an even one: belongs to who reserved it, until it is told to somebody.
  std::map<core::RelayId, Endpoint> reserved_;
};

}  // namespace roost::sim
