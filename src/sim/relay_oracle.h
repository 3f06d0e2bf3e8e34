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
  // A client's end: of a stream, or its own and our address.
  struct Client {
    Endpoint remote;
    Endpoint local;
    core::StreamId stream{};
    friend auto operator<=>(const Client&, const Client&) = default;
  };
  using TransactionId = std::array<uint8_t, 12>;
  struct Wish {  // What a request asks for, until it is granted.
    std::vector<IpAddress> permissions;
    std::optional<Endpoint> channel;
  };

  static std::optional<Client> sender_of(const core::Input& input);
  static std::optional<Client> receiver_of(const core::Action& action);
  void take_request(MonoTime at, const Client& client, Bytes message, bool is_cut);
  void take_reply(MonoTime at, const Client& client, Bytes message);
  void grant(MonoTime at, const Client& client, const Wish& wish);
  void check_sent(MonoTime at, const core::Input& input, const core::SendFromRelay& send);
  void check_data(MonoTime at, const core::Input& input, const Client& client);
  bool is_granted(MonoTime at, const Client& client, const Endpoint& peer) const;
  bool is_granted_ours(MonoTime at, const Client& client) const;
  bool is_own(const IpAddress& address) const;

  Verdict& verdict_;
  std::vector<IpAddress> own_addresses_;
  std::map<std::pair<Client, TransactionId>, Wish> wishes_;
  std::map<std::pair<Client, IpAddress>, MonoTime> permissions_;  // Until when.
  std::map<std::pair<Client, Endpoint>, MonoTime> channels_;
  std::map<core::RelayId, Client> owners_;
};

}  // namespace roost::sim
