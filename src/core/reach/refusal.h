// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>

#include "wire/nat_pmp.h"
#include "wire/pcp.h"

namespace roost::core::reach {

// Why a gateway grants no mapping, whichever protocol it has said it in.
enum class Refusal : uint8_t {
  kNotAuthorized,
  kNoResources,
  kQuota,
  kNetworkFailure,
  kAddressMismatch,
  kCannotProvideExternal,
  kUnsupported,  // The opcode, an option, the transport protocol.
  kUnsupportedVersion,
  kMalformed,
  kOther,
};
inline constexpr size_t kRefusalCount = 10;

Refusal refusal_of(wire::PcpResult result);     // Requires that it is no success.
Refusal refusal_of(wire::NatPmpResult result);  // The same.

std::string_view label(Refusal refusal);
// For whoever owns the router: what is the matter and, where there is something, what to do.
std::string_view in_words(Refusal refusal);

// Whether it passes by itself: what RFC 6887 §7.4 calls a short lifetime error.
bool is_temporary(Refusal refusal);

}  // namespace roost::core::reach
