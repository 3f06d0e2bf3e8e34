// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "base/endpoint.h"
#include "base/time.h"
#include "core/action.h"
#include "sim/client_message.h"
#include "sim/verdict.h"

namespace roost::sim {

// Ports in pairs, and addresses in pairs (RFC 8656 §7.2), judged from the messages, with a decoder
// of its own:
//
//   - who asks for an even port is told one, and of the socket that was opened for it;
//   - who asks for the next one as well is told a token that nobody else has, while it is kept;
//   - a token is redeemed for the address it came with and the port above, once, by the user who
//     was told it, and not later than kReservationTime after the socket was there;
//   - a socket that is kept for nobody any more is closed when that time is over;
//   - who asks for a second family is told an address of each, or of IPv4 and why there is no
//   other;
//     both are closed in the same step.
class ReservationOracle {
 public:
  static constexpr Duration kReservationTime = std::chrono::seconds(30);

  explicit ReservationOracle(Verdict& verdict) : verdict_(verdict) {}

  // One step: what went in, and what came out; `is_cut` when the donation did not cover all of it:
  // then a token may have been redeemed and the client not told.
  void check(MonoTime at, const core::Input& input, std::span<const core::Action> actions,
             bool is_cut);
  // The node is gone, and all that it has kept for anybody.
  void forget();

  size_t reservation_count() const { return reserved_.size(); }

 private:
  using Token = std::array<uint8_t, 8>;
  struct Wish {  // Of an Allocate.
    std::string user;
    bool is_even = false;
    bool reserves = false;
    bool is_dual = false;
    std::optional<Token> token;
  };
  struct Reserved {  // A socket.
    std::string user;
    std::optional<Endpoint> local;
    MonoTime until = MonoTime::max();
    std::optional<Token> token;  // Once somebody was told.
    // Whose Allocate has redeemed it, and was not answered.
    std::optional<ClientEnd> redeemer;
  };
  using WishKey = std::pair<ClientEnd, TransactionId>;

  void take_request(const ClientMessage& request, bool is_cut);
  void open(const ClientMessage& request, const core::OpenRelay& order);
  void take_opened(MonoTime at, const core::RelayOpened& input);
  void close_all(MonoTime at, const core::Input& input, std::span<const core::Action> actions);
  void take_reply(MonoTime at, const ClientMessage& reply);
  void check_even(MonoTime at, const ClientMessage& reply, const Wish& wish);
  void check_token(MonoTime at, const ClientMessage& reply, const Wish& wish);
  void check_redeemed(MonoTime at, const ClientMessage& reply, const Wish& wish);
  void check_dual(MonoTime at, const ClientMessage& reply);

  Verdict& verdict_;
  std::map<WishKey, Wish> wishes_;
  std::set<WishKey> redeemed_;  // Whose answer may come again.
  std::map<core::RelayId, Reserved> reserved_;
  std::map<ClientEnd, core::RelayId> next_of_;  // What was reserved with the client's own.
  std::map<core::RelayId, ClientEnd> duals_;
  std::map<ClientEnd, Endpoint> even_;  // The socket that was opened for it.
  std::map<core::RelayId, ClientEnd> opening_even_;
};

}  // namespace roost::sim
