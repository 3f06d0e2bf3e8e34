// SPDX-License-Identifier: MIT
#pragma once

#include "core/turn/grants.h"

namespace roost::node {

// What the shell brings in with Node::set_grants().
using Grant = core::turn::Grant;
using Grants = core::turn::Grants;

}  // namespace roost::node
