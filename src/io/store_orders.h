// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "core/action.h"
#include "io/disk_thread.h"

namespace roost::io {

// Carries out what the node orders of its store, on the disk's thread. Each order is answered once:
// in the loop when it is done, or at once if there is no store (kAbsent) or its queue is full
// (kBusy).
class StoreOrders {
 public:
  // How an answer that comes later becomes an input.
  using Happen = std::function<void(const core::Input&)>;
  explicit StoreOrders(Happen happen) : happen_(std::move(happen)) {}

  // Null: there is no store. Must outlive the last order, and call back nobody once this is gone.
  void set_disk(DiskThread* disk) { disk_ = disk; }
  const DiskThread* disk() const { return disk_; }

  // Both copy what the order points to. What is answered at once is added to `answers`.
  void commit(const core::Commit& order, std::vector<core::Input>& answers);
  void read_range(const core::ReadRange& order, std::vector<core::Input>& answers);

 private:
  Happen happen_;
  DiskThread* disk_ = nullptr;
};

}  // namespace roost::io
