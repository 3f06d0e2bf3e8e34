// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "core/outbox.h"
#include "io/disk_thread.h"
#include "io/dtls_server.h"
#include "io/event_loop.h"
#include "io/gather.h"
#include "io/log.h"
#include "io/loop_histogram.h"
#include "io/peer_connections.h"
#include "io/relay_sockets.h"
#include "io/store_orders.h"
#include "io/stream_server.h"
#include "io/udp.h"
#include "node/metrics.h"
#include "node/node.h"

namespace roost::io {

// The bridge between the kernel and the node: what happens becomes inputs, actions are carried out.
//
// Owns the UDP sockets and the timer of the node's deadlines; drives the stream server and the DTLS
// server. Everything runs on the one thread of the event loop. A batch of datagrams is stepped
// through the node under one reading of the clocks, then its replies leave as one batch.
class Driver {
 public:
  // All must outlive the driver; `sockets` are those that the node was made with, by SocketId.
  Driver(EventLoop& loop, node::Node& node, std::vector<UdpSocket> sockets, Log& log,
         RelaySockets& relays);

  // Where SendMessage, RefuseStream and HttpReply go; must outlive the driver's last turn.
  void set_streams(StreamServer* streams) { streams_ = streams; }
  // The same of DTLS associations, whose datagrams go through the sockets here. Without one,
  // clients of DTLS wait in vain.
  void set_dtls(DtlsServer* dtls) { dtls_ = dtls; }
  // What is added to it leaves with the next batch.
  DatagramWriter& writer() { return writer_; }

  // Is called before actions are carried out that the count on disk does not cover any more
  // (node/budget.h): about every 20 MB. Must not step the node.
  void set_keep_count(std::function<void()> keep) { keep_count_ = std::move(keep); }

  // Where orders about TCP with peers go; the same holds. Without them relayed addresses of TCP are
  // refused.
  void set_peers(PeerConnections* peers) { peers_ = peers; }

  // Looks up the names of `[dht] bootstrap` and calls back with what they are, from the loop and
  // never at once. Without one nothing is found.
  using NamesCallback = std::function<void(std::span<const Endpoint>)>;
  using Resolver = std::function<void(NamesCallback)>;
  void set_resolver(Resolver resolver) { resolver_ = std::move(resolver); }

  // What the node wants to keep goes there; must outlive the driver's last turn. Without it the
  // node is told that there is no store.
  void set_disk(DiskThread* disk) { store_.set_disk(disk); }
  // Null where there is none.
  const DiskThread* disk() const { return store_.disk(); }

  // Begins to read the sockets.
  void start();

  // One turn of the crank: an input that is not a datagram.
  void turn(const core::Input& input);
  // All that is due at once, where one step ends only some of it: what a change of the
  // configuration ends is over when this returns, and not with the next packet.
  void end_what_is_due();

  // The process is about to end: what the node keeps from time to time is kept now, while it goes
  // on serving. `then` is called, from the loop, when that is done or the time is over.
  void keep_now(Duration within, std::function<void()> then);

  void write_metrics(node::MetricsWriter& out) const;

 private:
  // A busy socket is read this many batches before the others have their turn.
  static constexpr int kBatchesPerWakeUpMax = 4;

  void on_readable(core::SocketId id);
  void on_relayed(std::span<const core::RelayDatagramArrived> arrived);
  void take(const Now& now, const core::DatagramArrived& datagram);
  void step(const Now& now, const core::Input& input);
  void gather();
  void carry_out(const Now& now);
  void carry_out_batch();
  void open(const core::OpenRelay& order);
  void resolve_names();
  void arm_timer(MonoTime now);
  void look_whether_kept();

  EventLoop& loop_;
  node::Node& node_;
  std::vector<UdpSocket> sockets_;
  Log& log_;
  DatagramReader reader_;
  DatagramWriter writer_;
  core::Outbox outbox_;
  RelaySockets& relays_;
  StoreOrders store_;
  std::vector<core::Input> answers_;  // To orders of the batch that is being carried out.
  StreamServer* streams_ = nullptr;
  std::function<void()> keep_count_;
  Resolver resolver_;
  DtlsServer* dtls_ = nullptr;
  PeerConnections* peers_ = nullptr;
  std::vector<EventLoop::Watch> watches_;
  EventLoop::Watch timer_;
  std::optional<MonoTime> timer_set_for_;
  EventLoop::Watch keep_timer_;
  std::function<void()> when_kept_;  // Empty unless that is waited for.
  LoopHistogram turns_;
  Gather gather_;
  uint64_t relayed_before_ = 0;  // Packets, when the last pass over the sockets ended.
};

}  // namespace roost::io
