// SPDX-License-Identifier: MIT
#pragma once

#include "core/turn/error_code.h"
#include "core/turn/server.h"
#include "wire/stun_builder.h"

namespace roost::core::turn {

inline constexpr size_t kReplySizeMax = 512;

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
