// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/time.h"
#include "core/action.h"
#include "io/acceptor.h"
#include "io/deadline_sweep.h"
#include "io/deferred_call.h"
#include "io/event_loop.h"
#include "io/file_descriptor.h"
#include "io/public_stream.h"
#include "io/slot_table.h"
#include "io/stream_stats.h"
#include "io/tls.h"
#include "node/metrics.h"

namespace roost::io {

// TCP on the one public port: STUN messages, TLS and HTTP, told apart by the first byte.
//
// Turns what happens into inputs of the node and carries out the actions that concern streams. Each
// stream that was opened and not refused at once is closed exactly once. Inputs are delivered from
// the event loop only, never from inside send(), reply() or refuse(): those are called while the
// node's actions are being carried out.
//
// Takes from the heap what its connections need, when they need it: at most `stream_count_max`
// times what PublicStream says.
class StreamServer final : private PublicStream::Host {
 public:
  struct Options {
    PublicStream::Limits limits;
    uint32_t stream_count_max = 512;          // donate.connections.
    Duration tick = std::chrono::seconds(1);  // How late a deadline may be kept.
  };
  using Deliver = std::function<void(const core::Input&)>;

  // What the kernel may hold of our output for one peer; it counts its own overhead and so doubles
  // it. Half a megabyte a second at 100 ms, and no more of the kernel's memory for one that stops
  // reading than for ten that read.
  static constexpr int kSendBufferBytes = 64 * 1024;

  // `loop` and `tls` outlive the server.
  StreamServer(EventLoop& loop, const TlsContext& tls, const Options& options, Deliver deliver);
  ~StreamServer() override;

  // Accepts connections on a socket that listens, from now on.
  void listen(FileDescriptor listener);

  // Actions. Those for a stream or request that is gone are ignored.
  void send(const core::SendMessage& message);
  void reply(const core::HttpReply& reply);
  // Null if it is no more.
  PublicStream* find(core::StreamId stream) const;
  // Of a stream that is being opened, or of any other.
  void refuse(const core::RefuseStream& refusal);

  // Closes the listeners, then all streams, and reports the ends. Not from inside a delivery.
  void stop();

  size_t stream_count() const { return streams_.size(); }
  const StreamStats& stream_stats() const { return stats_; }
  void write_metrics(node::MetricsWriter& out) const;

 private:
  void deliver(const core::Input& input) override { deliver_(input); }
  core::RequestId next_request(core::StreamId stream) override;
  TlsSession new_tls_session(int fd) override { return tls_.new_session(fd); }
  StreamStats& stats() override { return stats_; }
  void on_stream_sent(core::Transport transport, uint64_t bytes) override;
  void on_stream_changed(PublicStream& stream) override;
  void on_stream_ended(PublicStream& stream) override;

  void on_accept(FileDescriptor fd, const Endpoint& from);
  void settle();
  void report_sent();

  EventLoop& loop_;
  const TlsContext& tls_;
  Options options_;
  Deliver deliver_;
  StreamStats stats_;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  DeadlineSweep deadlines_;
  DeferredCall settle_;
  SlotTable<PublicStream> streams_;
  std::vector<core::StreamId> ended_;                         // To be reported and destroyed.
  std::array<uint64_t, core::kTransportCount> sent_bytes_{};  // To be reported.
  core::StreamId opening_{};
  bool is_refused_ = false;
  uint64_t request_serial_ = 1;
};

}  // namespace roost::io
