// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/bounded_map.h"
#include "base/random.h"
#include "base/time.h"
#include "core/action.h"
#include "io/deadline_sweep.h"
#include "io/deferred_call.h"
#include "io/dtls_association.h"
#include "io/dtls_stats.h"
#include "io/event_loop.h"
#include "io/slot_table.h"
#include "io/tls.h"
#include "io/udp.h"
#include "node/metrics.h"

namespace roost::io {

// DTLS on the one public UDP port (RFC 7350), behind the sockets that the driver reads.
//
// To the node an association is a stream that carries datagrams: it is announced (StreamOpened),
// may be refused, and its end is reported once. It begins with a ClientHello that the node has
// taken a cookie from; whatever else comes from strangers is no business of the server's. A client
// that begins anew from the same address and port takes the place of its old association, once it
// has proved its address again; a copy of the ClientHello that began the association does nothing.
//
// As in StreamServer, inputs are delivered from the event loop only, or handed out where a call
// says so. Takes from the heap what its associations need, when they need it.
class DtlsServer final : private DtlsAssociation::Host {
 public:
  struct Options {
    DtlsAssociation::Limits limits;
    uint32_t association_count_max = 512;  // donate.connections.
    // How late a deadline may be kept, retransmissions among them.
    Duration tick = std::chrono::milliseconds(250);
  };
  using Deliver = std::function<void(const core::Input&)>;

  // Largest datagram that is taken from a client: twice the largest message.
  static constexpr size_t kDatagramSizeMax = 4096;
  // For what is decrypted or encrypted in one batch; a full buffer makes two batches of it.
  static constexpr size_t kInputBytes = node::kDtlsBufferBytes / 2;
  static constexpr size_t kOutputBytes = node::kDtlsBufferBytes / 2;

  // `loop`, `tls` and `writer` outlive the server; `random` is asked during construction only.
  DtlsServer(EventLoop& loop, const TlsContext& tls, DatagramWriter& writer, Random& random,
             const Options& options, Deliver deliver);
  ~DtlsServer() override;

  // Whether the number is of an association, and not of a stream of StreamServer's, which counts
  // from 1.
  static bool owns(core::StreamId stream) {
    return (static_cast<uint64_t>(stream) & kAssociationBit) != 0;
  }

  // What the association that the datagram belongs to has brought; empty if it belongs to none, or
  // begins one: then it is the node's. Requires has_room(); valid until clear_input().
  std::optional<std::span<const core::MessageArrived>> take(MonoTime now,
                                                            const core::DatagramArrived& datagram);
  // Whether the node knows of it as a stream that has not ended.
  bool has(core::StreamId stream) const { return associations_.find(number_of(stream)) != nullptr; }
  bool has_room() const { return input_used_ + kDatagramSizeMax <= kInputBytes; }
  // What take() handed out is not needed any more.
  void clear_input() { input_used_ = 0; }

  // Actions. Those for an association that is gone are ignored. What they make ready to be sent
  // goes to the writer, which is flushed at the latest when the event loop is back.
  //
  // Appends what the node has to be told next.
  void accept(const core::AcceptDtls& order, std::vector<core::Input>& answers);
  // Begins the handshakes of those that were told and not refused.
  void begin_accepted(MonoTime now);
  void send(const core::SendMessage& message);
  void refuse(const core::RefuseStream& refusal);

  // Ends all associations and reports that. Not from inside a delivery.
  void stop();

  const DtlsStats& dtls_stats() const { return stats_; }
  void write_metrics(node::MetricsWriter& out) const { stats_.write_metrics(out); }

 private:
  static constexpr uint64_t kAssociationBit = uint64_t{1} << 63;
  using Key = std::array<uint8_t, 38>;
  struct KeyBytes {
    Bytes operator()(const Key& key) const { return key; }
  };
  using Slots = BoundedMap<Key, uint32_t, KeyBytes>;

  static Key key_of(const DtlsPath& path);
  static uint64_t number_of(core::StreamId stream) {
    return static_cast<uint64_t>(stream) & ~kAssociationBit;
  }
  DtlsAssociation* find(const DtlsPath& path) const;

  DtlsStats& stats() override { return stats_; }
  void on_datagram(const DtlsPath& path, Bytes datagram) override;
  void on_ended(DtlsAssociation& association) override;

  void keep_deadline(const DtlsAssociation& association);
  void erase(const DtlsAssociation& association);
  void settle();
  void report_sent();
  void flush();
  void drop(DtlsDrop why) { ++stats_.dropped[static_cast<size_t>(why)]; }

  const TlsContext& tls_;
  DatagramWriter& writer_;
  Options options_;
  Deliver deliver_;
  DtlsStats stats_;
  DeadlineSweep deadlines_;
  DeferredCall settle_;
  Slots by_path_;
  SlotTable<DtlsAssociation> associations_;
  std::vector<core::StreamId> accepted_;  // To be begun.
  std::vector<core::StreamId> ended_;     // To be reported and destroyed.
  std::unique_ptr<uint8_t[]> input_;
  size_t input_used_ = 0;
  std::vector<core::MessageArrived> messages_;
  std::unique_ptr<uint8_t[]> output_;
  size_t output_used_ = 0;
  core::StreamBytesSent sent_{core::Transport::kDtls, 0, 0};  // To be reported.
};

}  // namespace roost::io
