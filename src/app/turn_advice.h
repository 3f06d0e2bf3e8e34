// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>

#include "app/stun_uri.h"
#include "node/turn_probe.h"

namespace roost::app {

// What an operator can make of a step of the probe that did not succeed: what happened, why most
// likely, and what to do about it. Whole sentences without a full stop.
struct TurnAdvice {
  std::string what;
  std::string cause;
  std::string remedy;
};

// Of the step at that index of the report.
TurnAdvice advice_for(const node::TurnProbe::Report& report, size_t index,
                      StunUri::Transport transport);

}  // namespace roost::app
