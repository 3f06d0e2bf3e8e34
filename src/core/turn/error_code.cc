// SPDX-License-Identifier: MIT
#include "core/turn/error_code.h"

namespace roost::core::turn {

std::string_view reason(unsigned code) {
  switch (code) {
    case 400: return "Bad Request";
    case 401: return "Unauthenticated";
    case 403: return "Forbidden";
    case 420: return "Unknown Attribute";
    case 437: return "Allocation Mismatch";
    case 438: return "Stale Nonce";
    case 440: return "Address Family not Supported";
    case 441: return "Wrong Credentials";
    case 442: return "Unsupported Transport Protocol";
    case 443: return "Peer Address Family Mismatch";
    case 446: return "Connection Already Exists";
    case 447: return "Connection Timeout or Failure";
    case 486: return "Allocation Quota Reached";
    case 508: return "Insufficient Capacity";
    default: return "";  // Not an enum: a number of the RFC's, of which we send these.
  }
}

unsigned code_of(AllocationTable::Full why) {
  const bool is_ours =
      why == AllocationTable::Full::kAllocations || why == AllocationTable::Full::kClass;
  return is_ours ? 508 : 486;
}

}  // namespace roost::core::turn
