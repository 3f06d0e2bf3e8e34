// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <netinet/in.h>
#include <span>
#include <sys/socket.h>
#include <vector>

#include "base/random.h"
#include "core/action.h"
#include "io/event_loop.h"
#include "io/file_descriptor.h"
#include "io/udp_offload.h"
#include "node/config.h"
#include "node/metrics.h"

namespace roost::io {

// The sockets behind relayed transport addresses: opened, read and written for the node.
//
// They hang on one epoll descriptor of their own, which the event loop watches: no timer, no event
// and no heap block per socket. A ready socket is read once per wake-up, with one system call for
// all that it holds; what is left makes it ready again. What several sockets hold is brought
// together, so that what it causes leaves together.
class RelaySockets {
 public:
  struct Options {
    uint32_t count_max = 1024;  // Numbers of RelayId are below it (its low 32 bits).
    uint16_t port_min = 49152;
    uint16_t port_max = 65535;
  };
  struct Callbacks {
    // Datagrams of some sockets, those of each in the order in which they came; valid during the
    // call.
    std::function<void(std::span<const core::RelayDatagramArrived>)> arrived;
    std::function<void(const core::RelayErrorArrived&)> failed;
  };

  enum class Drop : uint8_t { kBufferFull, kUnreachable, kForbidden, kTooLong, kOther };
  static constexpr size_t kDropCount = 5;

  static constexpr size_t kBatchMax = node::kRelaySlots;  // Datagrams or bursts.
  static constexpr size_t kSlotSize = node::kBurstBytes;  // For a whole burst.
  // Where fewer are left, what has been read is handed on first.
  static constexpr size_t kFreeSlotsMin = 8;
  // Sockets read per wake-up, so that the public port has its turn.
  static constexpr int kSocketsPerWakeUpMax = 64;
  // About 180 large packets, which is a burst that the line behind could not hold either. The
  // kernel takes the memory only while datagrams wait.
  static constexpr int kReceiveBufferBytes = 256 * 1024;
  // ICMP errors read per wake-up of a socket; whoever can send them could flood us with them.
  static constexpr int kErrorsPerWakeUpMax = 8;
  // Ports that are tried for one socket. With half of the range in use, one in 2^32 fails.
  static constexpr int kPortTriesMax = 32;

  // `random` must outlive the sockets, `loop` too.
  RelaySockets(EventLoop& loop, Random& random, const Options& options);

  // Reads from now on.
  void start(Callbacks callbacks);

  // Carries out the order; the answers are appended: one, or one for each of two sockets.
  void open(const core::OpenRelay& order, std::vector<core::Input>& answers);
  void close(const core::CloseRelay& order);
  // Those of one size that follow each other to one place go out as one burst. The payload must
  // stay valid until flush().
  void send(const core::SendFromRelay& order);
  void flush();

  size_t open_count() const { return open_count_; }
  void write_metrics(node::MetricsWriter& out) const;

 private:
  struct Socket {
    FileDescriptor fd;
    core::RelayId relay{};
    Endpoint local;
    bool is_dont_fragment = false;
  };
  struct Slot {
    sockaddr_storage from;
    iovec payload;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  };

  static size_t index_of(core::RelayId relay) {
    return static_cast<uint32_t>(static_cast<uint64_t>(relay));
  }
  FileDescriptor bind(const Endpoint& endpoint);
  bool adopt(core::RelayId relay, const Endpoint& local, FileDescriptor fd);
  void send_run();
  bool is_port_free(const IpAddress& address, uint16_t port) const;
  void on_ready();
  void read(size_t index);
  void hand_on();
  void arm(size_t slot);
  void read_errors(size_t index);

  EventLoop& loop_;
  Random& random_;
  Options options_;
  Callbacks callbacks_;
  FileDescriptor epoll_;
  EventLoop::Watch watch_;
  std::vector<Socket> sockets_;
  std::array<std::vector<bool>, 2> used_ports_;  // By family: IPv4, IPv6.
  size_t open_count_ = 0;
  std::unique_ptr<uint8_t[]> buffers_;
  std::array<Slot, kBatchMax> slots_;
  std::array<mmsghdr, kBatchMax> headers_;
  size_t used_slots_ = 0;  // That hold what is in arrived_.
  std::vector<core::RelayDatagramArrived> arrived_;
  // What send() has collected: all from one socket to one place.
  core::RelayId run_relay_{};
  Endpoint run_to_;
  bool run_is_dont_fragment_ = false;
  Burst run_;
  std::vector<iovec> run_parts_;
  bool can_segment_ = true;  // Until a device says that it cannot.
  std::array<uint64_t, kDropCount> drops_{};
};

std::string_view label(RelaySockets::Drop drop);

}  // namespace roost::io
