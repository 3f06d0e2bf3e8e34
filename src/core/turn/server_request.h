// SPDX-License-Identifier: MIT
#pragma once

#include <optional>

#include "core/turn/error_code.h"
#include "core/turn/server.h"
#include "wire/stun_builder.h"

namespace roost::core::turn {

inline constexpr size_t kReplySizeMax = 512;
// What a client may ask of its allocation, whoever else floods from its prefix: many candidates at
// the beginning, and little then.
inline constexpr TokenBucket::Options kRequestRate = {10, 60};

// In the order of Server::Stats::successes.
inline constexpr wire::StunMethod kMethods[] = {
    wire::StunMethod::kAllocate,    wire::StunMethod::kRefresh, wire::StunMethod::kCreatePermission,
    wire::StunMethod::kChannelBind, wire::StunMethod::kConnect, wire::StunMethod::kConnectionBind};

inline constexpr uint8_t kFamilyV4 = 1;
inline constexpr uint8_t kFamilyV6 = 2;
// The family that a one-byte family attribute names; empty where it names none of ours.
std::optional<Family> read_family(Bytes value);

// As the request was signed.
void sign(const Authenticator::Proof& proof, bool has_fingerprint, wire::StunBuilder& reply);

// A request being answered, for the sources of Server: whose credentials are right, and whose
// attributes are all known. Lives as long as the step.
struct Server::Request {
  const Now& now;
  const Flow& flow;
  const wire::StunView& view;
  const Authenticator::Proof& proof;
};

}  // namespace roost::core::turn
