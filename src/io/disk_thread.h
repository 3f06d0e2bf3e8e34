// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/time.h"
#include "io/event_loop.h"
#include "io/file_descriptor.h"
#include "node/metrics.h"
#include "node/store.h"

namespace roost::io {

// The thread that waits for the disk, so that the event loop does not.
//
//   loop: commit(), read_range()  ->  queue  ->  thread: the store  ->  results  ->  loop:
//   callbacks
//
// All commits that were asked for while the last one was being synced become one, with one sync: a
// slow disk gets larger groups, not a longer queue. They are carried out in the order in which they
// were asked for. A read sees all commits that were asked for before it, and perhaps later ones.
//
// Everything here but the thread itself belongs to the loop's thread. One mutex guards the queue,
// the results and what the thread measures; an eventfd wakes the loop.
class DiskThread {
 public:
  // Requests that were taken and not yet answered by a callback, and the bytes of their batches:
  // what a server takes in while an SD card makes it wait for a second or so.
  static constexpr size_t kRequestCountMax = 1024;
  static constexpr size_t kRequestBytesMax = 4 * node::WriteBatch::kSizeMax;

  enum class Answer : uint8_t {
    kTaken,  // The callback will be called, once.
    kFull,   // The callback is gone. So it is after finish().
  };

  // Called from the loop, never from within commit() or read_range(). They may ask for more, but
  // not destroy the DiskThread.
  using CommitDone = std::function<void(const Result<Done, node::StoreFailure>&)>;
  using RangeRead = std::function<void(const Result<node::StorePage, node::StoreFailure>&)>;

  // `loop` outlives it.
  DiskThread(EventLoop& loop, std::unique_ptr<node::Store> store);
  // Carries out what was taken, and calls nobody back any more.
  ~DiskThread();
  DiskThread(const DiskThread&) = delete;
  DiskThread& operator=(const DiskThread&) = delete;

  // What does not fit on the disk does not keep others of its group from being committed.
  [[nodiscard]] Answer commit(node::WriteBatch batch, CommitDone done);
  // As node::Store::read_range().
  [[nodiscard]] Answer read_range(Bytes from, Bytes to, const node::StorePage::Limits& limits,
                                  RangeRead done);

  struct Stats {
    uint64_t commits = 0;  // That were asked for and are durable,
    uint64_t reads = 0;    // and reads that were answered.
    std::array<uint64_t, core::kStoreErrorCount> failures{};  // Of both; kBusy was not taken.
    size_t waiting = 0;                                       // Requests that are not answered yet.
    Duration last_sync{};        // How long the last batch took that was synced; zero before it.
    node::Store::Sizes sizes{};  // As of the last batch or read.
  };
  Stats stats() const;
  void write_metrics(node::MetricsWriter& out) const;

  // Waits until all that was taken is carried out, and calls everybody back. Takes nothing more.
  void finish();

 private:
  struct Commit {
    node::WriteBatch batch;
    CommitDone done;
  };
  struct Read {
    std::vector<uint8_t> from;
    std::vector<uint8_t> to;
    node::StorePage::Limits limits;
    RangeRead done;
  };
  using Finished = std::function<void()>;

  // In the loop's thread.
  bool has_room_for(size_t bytes) const;
  Answer refuse();
  template <typename Outcome>
  void count(const Outcome& outcome, uint64_t& successes);
  void stop_thread();
  void call_back();

  // In the disk's thread.
  void run();
  void carry_out(std::vector<Commit> commits);
  size_t commit_group(std::vector<Commit>& commits, size_t first);
  void carry_out(std::vector<Read> reads);
  void hand_over(Finished finished);
  void measure_sizes();

  std::unique_ptr<node::Store> store_;  // The disk's thread uses it.

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  Duration last_sync_{};  // Guarded by mutex_, as are the next five.
  node::Store::Sizes sizes_{};
  std::vector<Commit> commits_;
  std::vector<Read> reads_;
  std::vector<Finished> finished_;
  bool is_stopping_ = false;

  size_t request_count_ = 0;  // The loop's thread only.
  size_t request_bytes_ = 0;
  uint64_t commits_done_ = 0;
  uint64_t reads_done_ = 0;
  std::array<uint64_t, core::kStoreErrorCount> failures_{};
  FileDescriptor event_;  // Readable while finished_ is not empty.
  EventLoop::Watch watch_;
  std::thread thread_;
};

}  // namespace roost::io
