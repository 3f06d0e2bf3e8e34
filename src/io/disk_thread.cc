// SPDX-License-Identifier: MIT
#include "io/disk_thread.h"

#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

#include "base/check.h"
#include "io/clock.h"
#include "io/without_signals.h"

namespace roost::io {

DiskThread::DiskThread(EventLoop& loop, std::unique_ptr<node::Store> store)
    : store_(std::move(store)), event_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  CHECK(event_.is_open());
  watch_ = loop.watch_readable(event_.get(), [this] { call_back(); });
  const WithoutSignals without_signals;
  thread_ = std::thread([this] { run(); });
}

DiskThread::~DiskThread() {
  stop_thread();
}

DiskThread::Answer DiskThread::commit(node::WriteBatch batch, CommitDone done) {
  const size_t size = batch.size();
  if (!has_room_for(size)) return refuse();
  ++request_count_;
  request_bytes_ += size;
  CommitDone done_and_counted = [this, size, done = std::move(done)](const auto& result) {
    --request_count_;
    request_bytes_ -= size;
    count(result, commits_done_);
    done(result);
  };
  {
    const std::lock_guard lock(mutex_);
    commits_.push_back({std::move(batch), std::move(done_and_counted)});
  }
  wake_.notify_one();
  return Answer::kTaken;
}

DiskThread::Answer DiskThread::read_range(Bytes from, Bytes to,
                                          const node::StorePage::Limits& limits, RangeRead done) {
  if (!has_room_for(0)) return refuse();
  ++request_count_;
  RangeRead done_and_counted = [this, done = std::move(done)](const auto& result) {
    --request_count_;
    count(result, reads_done_);
    done(result);
  };
  {
    const std::lock_guard lock(mutex_);
    reads_.push_back(
        {{from.begin(), from.end()}, {to.begin(), to.end()}, limits, std::move(done_and_counted)});
  }
  wake_.notify_one();
  return Answer::kTaken;
}

DiskThread::Stats DiskThread::stats() const {
  const std::lock_guard lock(mutex_);
  return {commits_done_, reads_done_, failures_, request_count_, last_sync_, sizes_};
}

void DiskThread::write_metrics(node::MetricsWriter& out) const {
  const Stats now = stats();
  out.counter("roost_store_commits_total", "Changes that the store was given and has synced.")
      .value(now.commits);
  out.counter("roost_store_reads_total", "Reads that the store has answered.").value(now.reads);
  out.counter("roost_store_failures_total", "Commits and reads that failed, by reason.");
  for (size_t i = 0; i < now.failures.size(); ++i) {
    const auto why = static_cast<core::StoreError>(i);
    // Nobody is here to say so.
    if (why != core::StoreError::kAbsent) out.labelled("reason", label(why), now.failures[i]);
  }
  out.gauge("roost_store_waiting", "Commits and reads that wait for the disk.")
      .value(uint64_t{now.waiting});
  out.gauge("roost_store_last_sync_seconds", "How long the last batch took that was synced.")
      .value(std::chrono::duration<double>(now.last_sync).count());
  out.gauge("roost_store_disk_bytes", "What the store takes on the disk, about.")
      .value(now.sizes.disk_bytes);
  out.gauge("roost_store_memory_bytes", "What the store takes in memory, about.")
      .value(now.sizes.memory_bytes);
}

void DiskThread::finish() {
  stop_thread();
  call_back();
}

bool DiskThread::has_room_for(size_t bytes) const {
  return thread_.joinable() && request_count_ < kRequestCountMax &&
         request_bytes_ + bytes <= kRequestBytesMax;
}

DiskThread::Answer DiskThread::refuse() {
  ++failures_[static_cast<size_t>(core::StoreError::kBusy)];
  return Answer::kFull;
}

template <typename Outcome>
void DiskThread::count(const Outcome& outcome, uint64_t& successes) {
  if (outcome) {
    ++successes;
  } else {
    ++failures_[static_cast<size_t>(outcome.error().error)];
  }
}

void DiskThread::stop_thread() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void DiskThread::call_back() {
  std::vector<Finished> finished;
  {
    const std::lock_guard lock(mutex_);
    uint64_t count = 0;
    // Nothing to read is no error: finish() comes here on its own.
    (void)!read(event_.get(), &count, sizeof count);
    finished.swap(finished_);
  }
  for (const Finished& one : finished) one();
}

void DiskThread::run() {
  measure_sizes();
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return is_stopping_ || !commits_.empty() || !reads_.empty(); });
    if (commits_.empty() && reads_.empty()) return;
    std::vector<Commit> commits = std::exchange(commits_, {});
    std::vector<Read> reads = std::exchange(reads_, {});
    lock.unlock();
    carry_out(std::move(commits));
    carry_out(std::move(reads));
    measure_sizes();
    lock.lock();
  }
}

void DiskThread::carry_out(std::vector<Commit> commits) {
  for (size_t first = 0; first < commits.size();) first = commit_group(commits, first);
}

// Returns the first that is not in the group.
size_t DiskThread::commit_group(std::vector<Commit>& commits, size_t first) {
  const auto answer = [&](Commit& commit, Result<Done, node::StoreFailure> result) {
    hand_over([done = std::move(commit.done), result = std::move(result)] { done(result); });
  };
  node::WriteBatch group;
  size_t end = first;
  while (end < commits.size() && group.has_room_for(commits[end].batch)) {
    group.append(commits[end++].batch);
  }
  const MonoTime began = read_clocks().mono;
  const auto result = store_->commit(group);
  const Duration took = read_clocks().mono - began;
  if (result) {
    const std::lock_guard lock(mutex_);
    last_sync_ = took;
  }
  const bool some_may_fit =
      !result && result.error().error == node::StoreError::kFull && end > first + 1;
  for (size_t i = first; i < end; ++i) {
    // By itself, if together they were too much: it may be small, or only remove.
    answer(commits[i], some_may_fit ? store_->commit(commits[i].batch) : result);
  }
  return end;
}

void DiskThread::carry_out(std::vector<Read> reads) {
  for (Read& read : reads) {
    hand_over([done = std::move(read.done),
               page = store_->read_range(read.from, read.to, read.limits)] { done(page); });
  }
}

void DiskThread::measure_sizes() {
  const node::Store::Sizes sizes = store_->sizes();
  const std::lock_guard lock(mutex_);
  sizes_ = sizes;
}

void DiskThread::hand_over(Finished finished) {
  const std::lock_guard lock(mutex_);
  finished_.push_back(std::move(finished));
  if (finished_.size() > 1) return;  // The loop has been woken and did not come yet.
  const uint64_t one = 1;
  CHECK(write(event_.get(), &one, sizeof one) == sizeof one);
}

}  // namespace roost::io
