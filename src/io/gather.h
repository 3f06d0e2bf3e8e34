// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "base/time.h"

namespace roost::io {

// Decides when the loop had better wait a moment for more packets to come.
//
// At the rates that real nodes see, waking up costs more than what it wakes up for. A nap after a
// pass over all sockets that relayed little lets the next one find many packets, at the price of no
// more than its length; but only while so many are relayed that several are to be expected in it: a
// call by itself never waits, and who has no allocation causes no nap.
class Gather {
 public:
  // What makes a nap worth it, and what a pass has to relay to need none.
  static constexpr uint64_t kExpectedMin = 4;
  static constexpr uint64_t kEnough = 8;
  // What waking up takes anyway, and what comes meanwhile needs no nap: so naps get shorter with
  // the rate faster than packets get denser, and end where every pass finds enough by itself.
  static constexpr Duration kWakeUp = std::chrono::microseconds(40);
  // Over which the rate is measured.
  static constexpr Duration kWindow = std::chrono::milliseconds(20);

  // `nap_max` 0: never.
  explicit Gather(Duration nap_max) : nap_max_(nap_max) {}
  void set_nap_max(Duration nap_max) { nap_max_ = nap_max; }

  // After a pass that has relayed so many packets, more than none: how long to nap before the next.
  Duration after(MonoTime now, uint64_t packets);

 private:
  Duration nap_max_;
  MonoTime window_began_at_{};
  uint64_t in_window_ = 0;
  uint64_t in_last_window_ = 0;
};

}  // namespace roost::io
