// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "core/turn/allocation_table.h"

namespace roost::core::turn {

// The reason phrase of a STUN error code that TURN sends (RFC 8489 §14.8, RFC 8656 §19); empty for
// others.
std::string_view reason(unsigned code);

// Which code tells a client that a bound is reached: the node's own, or the user's.
unsigned code_of(AllocationTable::Full why);

}  // namespace roost::core::turn
