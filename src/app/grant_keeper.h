// SPDX-License-Identifier: MIT
#pragma once

#include <map>

#include "base/time.h"
#include "io/directory_watch.h"
#include "io/driver.h"
#include "io/event_loop.h"
#include "io/log.h"
#include "io/state_dir.h"
#include "node/node.h"

namespace roost::app {

// Brings what `roost grant` has written to the node, at the start and whenever it changes, and
// keeps what each grant has relayed, as often as the month's count at most: a kill -9 forgets up to
// kSavePeriod of it, in favour of the grant's holder.
class GrantKeeper {
 public:
  static constexpr Duration kSavePeriod = std::chrono::minutes(10);
  static constexpr uint64_t kSaveBytes = 20'000'000;

  // All must outlive the keeper.
  GrantKeeper(io::EventLoop& loop, const io::StateDir& state_dir, node::Node& node,
              io::Driver& driver, io::Log& log, MonoTime now);

  // Reads the file and hands it over. A damaged one changes nothing and is reported.
  void load();
  // Called every minute or so.
  void save_if_due(MonoTime now);
  void save_at_stop();

 private:
  using Used = std::map<uint64_t, uint64_t>;

  Used used() const;
  void save(const Used& used, bool sync);

  const io::StateDir& state_dir_;
  node::Node& node_;
  io::Driver& driver_;
  io::Log& log_;
  io::DirectoryWatch watch_;
  size_t count_ = 0;  // That are in force.
  Used saved_;
  MonoTime saved_at_;
};

}  // namespace roost::app
