// SPDX-License-Identifier: MIT
#pragma once

#include <map>
#include <set>
#include <span>

#include "base/address.h"
#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/time.h"
#include "core/action.h"
#include "sim/verdict.h"

namespace roost::sim {

// Whether it is the question that one node asks of another of ours: a Binding request (RFC 8489 §5)
// of a header alone.
bool is_bare_binding_request(Bytes payload);

// What a node owes those of whom it has only been told that they are supernodes: an address that
// has not answered a bare Binding request gets one an hour, and its prefix (/24, /48) one a minute.
//
// What else may be sent there is ReplyOracle's and DhtOracle's.
class FinderOracle {
 public:
  static constexpr Duration kAddressRest = std::chrono::hours(1);
  static constexpr Duration kPrefixRest = std::chrono::minutes(1);

  explicit FinderOracle(Verdict& verdict) : verdict_(verdict) {}

  // One step: what went in, and what came out.
  void check(MonoTime at, const core::Input& input, std::span<const core::Action> actions);
  // The node is gone, and remembers no longer whom it has asked.
  void forget();

  uint64_t asked() const { return asked_; }

 private:
  void check_asked(MonoTime at, const Endpoint& to);

  Verdict& verdict_;
  std::map<IpAddress, MonoTime> asked_at_;
  std::map<Prefix, MonoTime> prefix_asked_at_;
  std::set<Endpoint> proven_;
  uint64_t asked_ = 0;
};

}  // namespace roost::sim
