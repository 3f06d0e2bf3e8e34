// SPDX-License-Identifier: MIT
#include "sim/sim_disk.h"

#include <utility>

#include "base/check.h"

namespace roost::sim {
namespace {

using node::StoreError;
using node::StoreFailure;

StoreFailure damaged() {
  return {StoreError::kDamaged, "the simulated disk is damaged"};
}

}  // namespace

Duration SimDisk::start(const node::WriteBatch& batch) {
  CHECK(!is_busy());
  on_its_way_ = batch;
  const uint64_t us = batch.size() * 1'000'000 / options_.bytes_per_second;
  return options_.sync_time + Duration(static_cast<int64_t>(us));
}

Result<Done, StoreFailure> SimDisk::finish() {
  CHECK(is_busy());
  const node::WriteBatch batch = *std::exchange(on_its_way_, std::nullopt);
  if (is_damaged_) return Failure(damaged());
  if (failures_left_ > 0) {
    --failures_left_;
    in_doubt_ = batch;
    return Failure(StoreFailure{StoreError::kFailed, "the simulated disk has failed"});
  }
  auto done = content_.commit(batch);
  if (done) in_doubt_.reset();
  return done;
}

void SimDisk::cut_power(Dice& dice) {
  constexpr uint32_t kHalf = 500'000;
  for (auto* const batch : {&in_doubt_, &on_its_way_}) {
    if (!batch->has_value()) continue;
    const bool is_there = dice.happens(kHalf);
    // One that there was no room for is not there.
    if (is_there && !is_damaged_) static_cast<void>(content_.commit(**batch));
    batch->reset();
  }
}

void SimDisk::begin_anew() {
  CHECK(!is_busy());
  node::WriteBatch everything;
  everything.remove_range({}, {});
  CHECK(content_.commit(everything).has_value());
  in_doubt_.reset();
  is_damaged_ = false;
}

Result<Done, StoreFailure> SimDisk::commit(const node::WriteBatch& batch) {
  static_cast<void>(start(batch));
  return finish();
}

Result<std::optional<std::vector<uint8_t>>, StoreFailure> SimDisk::get(Bytes key) {
  if (is_damaged_) return Failure(damaged());
  return content_.get(key);
}

Result<node::StorePage, StoreFailure> SimDisk::read_range(Bytes from, Bytes to,
                                                          const node::StorePage::Limits& limits) {
  if (is_damaged_) return Failure(damaged());
  if (read_failures_left_ > 0) {
    --read_failures_left_;
    return Failure(StoreFailure{StoreError::kFailed, "the simulated disk cannot read for now"});
  }
  return content_.read_range(from, to, limits);
}

node::Store::Sizes SimDisk::sizes() {
  return {.disk_bytes = content_.sizes().memory_bytes, .memory_bytes = 0};
}

}  // namespace roost::sim
