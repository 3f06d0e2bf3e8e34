// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <span>
#include <utility>

#include "base/endpoint.h"
#include "base/time.h"
#include "core/action.h"
#include "sim/dtls_record.h"
#include "sim/packet.h"
#include "sim/verdict.h"

namespace roost::sim {

// Whoever has not shown that he receives at his address is sent less than he has sent, and begins
// no association (RFC 6347 §4.2.1). Of all nodes, judged from what went in and came out of them and
// from what the network has carried:
//
//   - a datagram of DTLS is answered by a HelloVerifyRequest that is shorter, or not at all;
//   - an association is begun for a ClientHello that came in in that step, once its cookie has
//     reached the address and port that it came from, by a datagram from the address and port that
//     it came to, in answer to the same ClientHello without a cookie, kCookieTimeMax ago at most,
//     and in the same life of the node.
class CookieOracle {
 public:
  static constexpr Duration kCookieTimeMax = std::chrono::seconds(60);

  explicit CookieOracle(Verdict& verdict) : verdict_(verdict) {}

  // One step of a node. All times are those of the world.
  void check(MonoTime at, const core::Input& input, std::span<const core::Action> actions);
  // The datagram has come to its address, whatever a NAT there makes of it.
  void reached(const Packet& datagram);
  // The node at that address is gone, and its secrets with it.
  void forget(const IpAddress& node);

  uint64_t proved_count() const { return proved_count_; }
  size_t cookie_count() const { return given_.size(); }

 private:
  using Cookie = std::array<uint8_t, 8>;
  struct Given {
    Endpoint from;  // The node's.
    Endpoint to;
    HelloRandom hello{};
    MonoTime at{};
    bool has_arrived = false;
  };

  void check_answer(MonoTime at, const core::DatagramArrived& hello,
                    const core::SendDatagram& answer);
  void check_accepted(MonoTime at, const core::DatagramArrived* hello,
                      const core::AcceptDtls& order);
  static Cookie cookie_of(const DtlsRecord& record);

  Verdict& verdict_;
  std::map<Cookie, Given> given_;
  std::deque<std::pair<MonoTime, Cookie>> order_;  // Of those in given_, and when to forget them.
  uint64_t proved_count_ = 0;
};

}  // namespace roost::sim
