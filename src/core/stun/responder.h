// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "core/action.h"
#include "core/outbox.h"
#include "wire/stun.h"

namespace roost::core::stun {

// Answers STUN Binding requests (RFC 8489 §6.3, §12), NAT behaviour discovery (RFC 5780 §6) where
// the owner gave it two addresses and two ports, and clients of RFC 3489.
//
// Keeps no state about anybody: a request is answered from its own bytes. Requests are not
// authenticated, so a stranger can make it send a reply to an address of the stranger's choice;
// what an attacker gains at most is kReplyRatioMax times the bytes of the request, and packets per
// second are bounded by admission before this. It never sends to another address or port than the
// request came from, which is why RESPONSE-PORT and RFC 3489's RESPONSE-ADDRESS are refused, and it
// never pads (PADDING is refused).
class Responder {
 public:
  // Reply bytes to request bytes, for every reply. A bare 20-byte request draws 32 bytes (IPv4) or
  // 44 (IPv6). Where the discovery attributes would exceed it they are left out, OTHER-ADDRESS
  // last.
  static constexpr size_t kReplyRatioMax = 3;

  // The two addresses and two ports of one family from which discovery answers (RFC 5780 §6.1).
  struct Discovery {
    std::array<std::array<Endpoint, 2>, 2> endpoints;  // [address][port], [0][0] the primary.
    std::array<std::array<SocketId, 2>, 2> sockets;
  };

  struct Options {
    bool answers_classic = true;       // RFC 3489 requests, which carry no magic cookie.
    std::string_view software;         // SOFTWARE's value; empty leaves it out. Outlives this.
    std::vector<Discovery> discovery;  // None, or one for each family that has it.
  };

  enum class Drop : uint8_t {  // Also the label of the counter.
    kClassicRefused,           // A classic request while `answers_classic` is off.
    kNotARequest,              // A response to a question we never asked.
    kUnknownMethod,
  };
  static constexpr size_t kDropCount = 3;

  struct Stats {
    std::array<uint64_t, kTransportCount> requests{};
    uint64_t requests_classic = 0;
    uint64_t indications = 0;  // Taken, and by their nature not answered (§12.1: keep-alives).
    std::array<uint64_t, kTransportCount> successes{};
    uint64_t errors_bad_request = 0;        // 400
    uint64_t errors_unknown_attribute = 0;  // 420
    std::array<uint64_t, wire::kStunErrorCount> malformed{};
    std::array<uint64_t, kDropCount> drops{};
  };

  explicit Responder(const Options& options);

  // Answers with at most one SendDatagram or SendMessage.
  void step(const DatagramArrived& input, Outbox& out);
  void step(const MessageArrived& input, Outbox& out);

  const Stats& stats() const { return stats_; }

 private:
  struct Request;

  std::optional<wire::StunView> accept(Bytes payload);
  Bytes answer(Request& request, MutableBytes buffer);
  Bytes build_success(const Request& request, MutableBytes buffer) const;

  Options options_;
  Stats stats_;
};

std::string_view label(Responder::Drop drop);

}  // namespace roost::core::stun
