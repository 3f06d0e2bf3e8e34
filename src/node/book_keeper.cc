// SPDX-License-Identifier: MIT
#include "node/book_keeper.h"

namespace roost::node {
namespace {

constexpr std::string_view kBegin = "peers/tried/";
constexpr std::string_view kEnd = "peers/tried0";  // Behind all that begin so.

}  // namespace

void BookKeeper::start(const Now&, core::Outbox& out) {
  out.push(core::ReadRange{
      {core::StoreUser::kBook, ++request_number_}, as_bytes(kBegin), as_bytes(kEnd)});
}

void BookKeeper::step(const Now& now, const core::RangeRead& input) {
  if (input.failure == core::StoreError::kAbsent) return;
  keep_at_ = now.mono + kPeriod;
  if (input.failure) {
    ++stats_.failed;
    return;
  }
  has_read_ = true;
  for (const core::StoreEntry& entry : input.entries) {
    const auto list = wire::PeerListView::parse(entry.value);
    if (!list) {
      ++stats_.pages_damaged;
      continue;
    }
    list->for_each([&](Bytes bytes) {
      const auto record = wire::parse_signed_node_record(bytes);
      const bool is_taken =
          record && book_.restore(now, *record) < core::peers::BookOutcome::kUnreachable;
      ++(is_taken ? stats_.records_read : stats_.records_refused);
    });
  }
}

void BookKeeper::step(const Now& now, const core::CommitDone& input) {
  is_keeping_ = false;
  if (input.failure == core::StoreError::kAbsent) return;
  keep_at_ = now.mono + kPeriod;
  ++(input.failure ? stats_.failed : stats_.kept);
}

void BookKeeper::step(const Now& now, const core::DeadlinePassed&, core::Outbox& out) {
  if (!keep_at_ || now.mono < *keep_at_) return;
  if (!has_read_) {
    keep_at_.reset();
    return start(now, out);
  }
  keep(now, out);
}

void BookKeeper::keep_now(const Now& now, core::Outbox& out) {
  if (has_read_ && keep_at_) keep(now, out);
}

void BookKeeper::keep(const Now& now, core::Outbox& out) {
  if (book_.tried_size() == 0) {  // What was kept is better than nothing.
    keep_at_ = now.mono + kPeriod;
    return;
  }
  keep_at_.reset();
  is_keeping_ = true;
  fill_pages(now.mono);
  changes_.assign({{core::StoreChange::Kind::kRemoveRange, as_bytes(kBegin), as_bytes(kEnd)}});
  for (size_t i = 0; i < pages_.size(); ++i) {
    changes_.push_back({core::StoreChange::Kind::kPut, as_bytes(keys_[i]), pages_[i]});
  }
  out.push(core::Commit{{core::StoreUser::kBook, ++request_number_}, changes_});
}

void BookKeeper::fill_pages(MonoTime now) {
  keys_.clear();
  pages_.clear();
  std::vector<wire::MutableItem> records;
  const auto end_page = [&] {
    if (records.empty()) return;
    std::vector<uint8_t> page(wire::kPeerListSizeMax);
    page.resize(encode_peer_list(records, page).size());
    keys_.push_back(std::string(kBegin) + std::to_string(pages_.size()));
    pages_.push_back(std::move(page));
    records.clear();
  };
  book_.for_each(now, [&](const core::peers::Book::Known& known) {
    if (!known.is_tried || !known.record || pages_.size() == kPagesMax) return;
    records.push_back(*known.record);
    if (records.size() == wire::kPeerListRecordsMax) end_page();
  });
  if (pages_.size() < kPagesMax) end_page();
}

}  // namespace roost::node
