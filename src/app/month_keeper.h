// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string_view>

#include "app/save_report.h"
#include "base/time.h"
#include "io/log.h"
#include "io/record_file.h"
#include "io/state_dir.h"
#include "node/budget.h"

namespace roost::app {

// Keeps the month's count of what was given away across restarts, in the state directory.
//
// What is kept runs ahead of what was sent (Budget::cover()) and is renewed before more is sent
// than it covers, so whatever ends the process, the next run never believes that it has given less
// than it has, and believes at most kAheadBytesMax too much. A clean stop leaves the exact count.
//
// Being overwritten in place (io/record_file.h) it costs a microsecond or two, and the disk sees it
// as often as the kernel likes: by default within half a minute, and within kFlushPeriod where the
// owner has told the kernel to be slower. That much a power cut may lose, less what was ahead.
//
// A disk that is full does not matter to a file that is there. Where none can be made, the node
// serves on and counts in memory, and what ends the process then ends that count too.
class MonthKeeper {
 public:
  static constexpr std::string_view kFile = "month";
  static constexpr Duration kFlushPeriod = std::chrono::minutes(10);

  // All must outlive the keeper.
  MonthKeeper(const io::StateDir& state_dir, node::Budget& budget, io::Log& log, MonoTime now);

  // Hands the budget what an earlier run had counted. A damaged file is set aside and reported.
  // Waits for the disk: the file is made anew, so that it is ours and there is room for it.
  void restore();
  // Keeps what covers more than was sent. Called whenever the budget is not covered.
  void cover();
  // Sees to the file: called every minute or so. What went wrong is tried again.
  void keep_house(MonoTime now);
  // Keeps what was sent, down to the disk: at the end.
  void save_at_stop();
  // False from an attempt that was in vain until one that was not.
  bool can_save() const { return !report_.is_failing(); }

 private:
  void open();
  void write(const node::Budget::Month& month);

  const io::StateDir& state_dir_;
  node::Budget& budget_;
  io::Log& log_;
  node::Budget::Month kept_;
  std::optional<io::RecordFile> file_;  // Empty while it cannot be made.
  MonoTime flushed_at_;
  bool is_flushed_ = true;
  SaveReport report_;
};

}  // namespace roost::app
