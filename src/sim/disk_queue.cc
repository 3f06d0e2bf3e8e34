// SPDX-License-Identifier: MIT
#include "sim/disk_queue.h"

#include <utility>

#include "base/check.h"

namespace roost::sim {

bool DiskQueue::add(const core::Commit& order) {
  if (requests_.size() >= kRequestCountMax) return false;
  Commit commit{order.id, {}};
  for (const core::StoreChange& change : order.changes) commit.batch.add(change);
  requests_.emplace_back(std::move(commit));
  return true;
}

bool DiskQueue::add(const core::ReadRange& order) {
  if (requests_.size() >= kRequestCountMax) return false;
  requests_.emplace_back(Read{order.id,
                              {order.from.begin(), order.from.end()},
                              {order.to.begin(), order.to.end()},
                              {order.count_max, order.size_max}});
  return true;
}

std::optional<Duration> DiskQueue::begin() {
  if (has_begun_ || requests_.empty()) return {};
  has_begun_ = true;
  return std::visit([this](const auto& request) { return begin(request); }, requests_.front());
}

void DiskQueue::finish(const std::function<void(const core::Input&)>& tell) {
  CHECK(has_begun_);
  has_begun_ = false;
  const auto request = std::move(requests_.front());
  requests_.pop_front();
  std::visit([&](const auto& one) { finish(one, tell); }, request);
}

void DiskQueue::finish(const Commit& commit, const std::function<void(const core::Input&)>& tell) {
  const auto result = disk_.finish();
  core::CommitDone done{commit.id, {}};
  if (!result) done.failure = result.error().error;
  tell(done);
}

void DiskQueue::finish(const Read& read, const std::function<void(const core::Input&)>& tell) {
  const auto page = disk_.read_range(read.from, read.to, read.limits);
  if (!page) return tell(core::RangeRead{read.id, {}, false, page.error().error});
  const std::vector<core::StoreEntry> entries = page->entries();
  tell(core::RangeRead{read.id, entries, page->is_last(), {}});
}

void DiskQueue::cut_power(Dice& dice) {
  requests_.clear();
  has_begun_ = false;
  disk_.cut_power(dice);
}

}  // namespace roost::sim
