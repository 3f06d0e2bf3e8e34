// SPDX-License-Identifier: MIT
#pragma once

#include "base/time.h"
#include "io/log.h"
#include "io/state_dir.h"
#include "node/budget.h"

namespace roost::app {

// Keeps the month's count of what was given away across restarts, in the state directory.
//
// Looked at once a minute, and written when kSavePeriod is over or kSaveBytes more were sent. A
// kill -9 therefore loses the larger of kSaveBytes and what went out since the last look; a power
// cut may lose the file, since only the end waits for the disk. Sparing with flash.
class MonthKeeper {
 public:
  static constexpr Duration kSavePeriod = std::chrono::minutes(10);
  static constexpr uint64_t kSaveBytes = 20'000'000;

  // All must outlive the keeper.
  MonthKeeper(const io::StateDir& state_dir, node::Budget& budget, io::Log& log, MonoTime now);

  // Hands the budget what an earlier run had counted. A damaged file is set aside and reported.
  void restore();
  // Saves if it is time to. Called every minute or so.
  void save_if_due(MonoTime now);
  // Saves what is not saved yet, down to the disk: at the end.
  void save_at_stop();

 private:
  bool save(bool sync);

  const io::StateDir& state_dir_;
  node::Budget& budget_;
  io::Log& log_;
  node::Budget::Month saved_;
  MonoTime saved_at_;
  bool is_failing_ = false;  // Reported once, until it works again.
};

}  // namespace roost::app
