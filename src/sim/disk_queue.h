// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <variant>
#include <vector>

#include "base/time.h"
#include "core/action.h"
#include "node/store_page.h"
#include "node/write_batch.h"
#include "sim/dice.h"
#include "sim/sim_disk.h"

namespace roost::sim {

// What a simulated node has asked of its disk and waits for, as io/disk_thread in the daemon: one
// thing after the other, each in its time. The owner has a clock, and says when that time is over:
//
//   add() ... begin() --the time that it returns--> finish(), begin() --> finish() ...
class DiskQueue {
 public:
  static constexpr size_t kRequestCountMax = 1024;  // As of io::DiskThread.
  static constexpr Duration kReadTime = std::chrono::milliseconds(1);

  // `disk` must outlive it, and be used by nobody else while anything waits.
  explicit DiskQueue(SimDisk& disk) : disk_(disk) {}

  // Copies what the order points to. False if the queue is full.
  [[nodiscard]] bool add(const core::Commit& order);
  [[nodiscard]] bool add(const core::ReadRange& order);

  // Begins with what comes first, and says how long it takes; empty if there is nothing, or
  // something has begun already.
  std::optional<Duration> begin();
  // Takes off the queue what has begun, and tells the answer, whose views are valid meanwhile. From
  // there on more may be added.
  void finish(const std::function<void(const core::Input&)>& tell);

  // All that waits is gone, and what has begun is decided.
  void cut_power(Dice& dice);

  size_t count() const { return requests_.size(); }

 private:
  struct Commit {
    core::StoreRequestId id{};
    node::WriteBatch batch{};
  };
  struct Read {
    core::StoreRequestId id{};
    std::vector<uint8_t> from{};
    std::vector<uint8_t> to{};
    node::StorePage::Limits limits{};
  };

  Duration begin(const Commit& commit) { return disk_.start(commit.batch); }
  Duration begin(const Read&) { return kReadTime; }
  void finish(const Commit& commit, const std::function<void(const core::Input&)>& tell);
  void finish(const Read& read, const std::function<void(const core::Input&)>& tell);

  SimDisk& disk_;
  std::deque<std::variant<Commit, Read>> requests_;
  bool has_begun_ = false;
};

}  // namespace roost::sim
