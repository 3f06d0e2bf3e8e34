// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"
#include "node/memory_store.h"
#include "node/store.h"
#include "node/write_batch.h"
#include "sim/dice.h"

namespace roost::sim {

// A disk of a simulated node, which outlives the node's process: it takes its time, fills up,
// breaks, and loses power.
//
// A commit has two moments. start() hands the batch to the disk and says when it will be synced;
// finish() is that later moment, at which it is acknowledged. What power is cut in between is on
// the disk or is not, as the dice fall, but never in part. commit() of node::Store is both at once.
class SimDisk final : public node::Store {
 public:
  struct Options {
    uint64_t size_max = 64 * 1024 * 1024;
    Duration sync_time = std::chrono::milliseconds(5);  // As an SD card; an SSD takes a tenth.
    uint64_t bytes_per_second = 10'000'000;             // Requires more than 0.
  };

  explicit SimDisk(const Options& options) : options_(options), content_(options.size_max) {}

  // How long the disk will be busy with it. Requires that nothing is on its way.
  [[nodiscard]] Duration start(const node::WriteBatch& batch);
  // What came of it. Requires a batch on its way.
  Result<Done, node::StoreFailure> finish();
  bool is_busy() const { return on_its_way_.has_value(); }

  // The process is gone with all that it had not handed over, and what was on its way is decided.
  void cut_power(Dice& dice);

  // From now on. A disk that has less room than it holds takes nothing more.
  void set_size_max(uint64_t size_max) { content_.set_size_max(size_max); }
  void set_sync_time(Duration sync_time) { options_.sync_time = sync_time; }
  // So many of the next commits fail. Whether the last of them is there after all is decided by the
  // next loss of power, unless another one has succeeded since.
  void fail_next(uint32_t count) { failures_left_ = count; }
  // So many of the next reads fail, of what is there all the same.
  void fail_next_reads(uint32_t count) { read_failures_left_ = count; }
  // Nothing can be read or written any more, until it is set aside and begun anew.
  void damage() { is_damaged_ = true; }
  void begin_anew();

  Result<Done, node::StoreFailure> commit(const node::WriteBatch& batch) override;
  Result<std::optional<std::vector<uint8_t>>, node::StoreFailure> get(Bytes key) override;
  Result<node::StorePage, node::StoreFailure> read_range(
      Bytes from, Bytes to, const node::StorePage::Limits& limits) override;
  Sizes sizes() override;

 private:
  Options options_;
  node::MemoryStore content_;  // What is synced.
  std::optional<node::WriteBatch> on_its_way_;
  std::optional<node::WriteBatch> in_doubt_;
  uint32_t failures_left_ = 0;
  uint32_t read_failures_left_ = 0;
  bool is_damaged_ = false;
};

}  // namespace roost::sim
