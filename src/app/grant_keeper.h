// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <map>

#include "app/save_report.h"
#include "base/time.h"
#include "io/directory_watch.h"
#include "io/event_loop.h"
#include "io/log.h"
#include "io/state_dir.h"
#include "node/node.h"

namespace roost::app {

// Brings what `roost grant` has written to the node, at the start and whenever it changes, and
// keeps what each grant has relayed, as often as the month's count at most: a kill -9 forgets up to
// kSavePeriod of it, in favour of the grant's holder.
//
// The two are in files of their own, each written by one side alone, so neither can undo what the
// other has done. While nothing can be saved the counts go on in memory.
class GrantKeeper {
 public:
  static constexpr Duration kSavePeriod = std::chrono::minutes(10);
  static constexpr uint64_t kSaveBytes = 20'000'000;

  // All must outlive the keeper. `changed` is called when the node was given its grants: whoever
  // holds something of one that is revoked ends with the node's deadline, which is now.
  GrantKeeper(io::EventLoop& loop, const io::StateDir& state_dir, node::Node& node, io::Log& log,
              MonoTime now, std::function<void()> changed);

  // Reads the file and hands it over. One that is damaged or cannot be read changes nothing and is
  // reported. One that is gone revokes all; what they have relayed is kept for when it comes back.
  void load(const Now& now);
  // Called every minute or so. What went wrong is tried again.
  void keep_house(const Now& now);
  void save_at_stop();
  // False from an attempt that was in vain until one that was not.
  bool can_save() const { return !report_.is_failing(); }

 private:
  using Used = std::map<uint64_t, uint64_t>;

  void restore();
  void count();
  bool is_saved() const;
  bool has_lost_its_file() const;  // Somebody has removed it.
  void save(bool sync);

  const io::StateDir& state_dir_;
  node::Node& node_;
  io::Log& log_;
  std::function<void()> changed_;
  io::DirectoryWatch watch_;
  size_t in_force_ = 0;      // How many.
  bool is_readable_ = true;  // The file, the last time.
  Used used_;                // Of those in the last file that there was.
  Used saved_;
  MonoTime saved_at_;
  SaveReport report_;
};

}  // namespace roost::app
