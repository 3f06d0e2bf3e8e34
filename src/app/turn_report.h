// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "app/stun_uri.h"
#include "base/endpoint.h"
#include "node/turn_probe.h"

namespace roost::app {

// What a probe of a TURN server has found, for people and for programs.
struct TurnFindings {
  StunUri uri;
  Endpoint server;
  std::string username;
  std::string login_source;
  node::TurnProbe::Report report;
};

// A line per step with its time, then what follows from it all. Whole lines.
std::string turn_report_text(const TurnFindings& findings);
// One object, in one line. Fields that nothing is known of are left out.
std::string turn_report_json(const TurnFindings& findings);

}  // namespace roost::app
