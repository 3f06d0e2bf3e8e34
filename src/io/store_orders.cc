// SPDX-License-Identifier: MIT
#include "io/store_orders.h"

namespace roost::io {
namespace {

using core::CommitDone;
using core::RangeRead;
using core::StoreError;

}  // namespace

void StoreOrders::commit(const core::Commit& order, std::vector<core::Input>& answers) {
  if (disk_ == nullptr) {
    answers.push_back(CommitDone{order.id, StoreError::kAbsent});
    return;
  }
  node::WriteBatch batch;
  for (const core::StoreChange& change : order.changes) batch.add(change);
  const auto done = [this, id = order.id](const auto& result) {
    if (result) return happen_(CommitDone{id, {}});
    happen_(CommitDone{id, result.error().error});
  };
  if (disk_->commit(std::move(batch), done) == DiskThread::Answer::kTaken) return;
  answers.push_back(CommitDone{order.id, StoreError::kBusy});
}

void StoreOrders::read_range(const core::ReadRange& order, std::vector<core::Input>& answers) {
  if (disk_ == nullptr) {
    answers.push_back(RangeRead{order.id, {}, false, StoreError::kAbsent});
    return;
  }
  const auto read = [this, id = order.id](const auto& page) {
    if (!page) return happen_(RangeRead{id, {}, false, page.error().error});
    const std::vector<core::StoreEntry> entries = page->entries();
    happen_(RangeRead{id, entries, page->is_last(), {}});
  };
  const node::StorePage::Limits limits{order.count_max, order.size_max};
  if (disk_->read_range(order.from, order.to, limits, read) == DiskThread::Answer::kTaken) return;
  answers.push_back(RangeRead{order.id, {}, false, StoreError::kBusy});
}

}  // namespace roost::io
