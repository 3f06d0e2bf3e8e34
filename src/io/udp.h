// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <netinet/in.h>
#include <span>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <vector>

#include "base/endpoint.h"
#include "base/result.h"
#include "core/action.h"
#include "io/file_descriptor.h"
#include "io/udp_offload.h"
#include "node/config.h"

namespace roost::io {

// One bound UDP socket of one family.
//
// Bound to a wildcard it asks the kernel which of our addresses each datagram came to, so that the
// reply leaves from there; bound to one address it need not ask, which saves a twentieth of the
// cost of a packet.
class UdpSocket {
 public:
  // The error says which address and what to do about it.
  static Result<UdpSocket, std::string> bind(const Endpoint& endpoint);
  // Takes over a socket that the service manager has bound.
  static Result<UdpSocket, std::string> adopt(FileDescriptor fd);

  int fd() const { return fd_.get(); }
  const Endpoint& local() const { return local_; }
  bool is_wildcard() const { return local_.address.is_unspecified(); }

 private:
  UdpSocket(FileDescriptor fd, const Endpoint& local) : fd_(std::move(fd)), local_(local) {}
  static Result<UdpSocket, std::string> prepare(FileDescriptor fd);

  FileDescriptor fd_;
  Endpoint local_;
};

// Room for the control messages with either family's PKTINFO, and with the size of segments.
struct PacketInfo {
  alignas(cmsghdr) char bytes[CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(int))];
};

// Reads datagrams in batches. One for all sockets: its buffers are the daemon's receive memory.
class DatagramReader {
 public:
  // More saves nothing measurable: a recvmmsg that finds 64 datagrams costs 1 % more per datagram
  // than one that finds 256.
  static constexpr size_t kBatchMax = node::kPublicSlots;
  // Room for a whole burst; the memory is touched as far as bursts reach. No codec takes a datagram
  // anywhere near that long.
  static constexpr size_t kSlotSize = node::kBurstBytes;

  DatagramReader();

  // What has arrived, of at most kBatchMax datagrams or bursts; empty when nothing has, or on an
  // error. Valid until the next call.
  std::span<const core::DatagramArrived> read(core::SocketId id, const UdpSocket& socket);

 private:
  struct Slot {
    sockaddr_storage from;
    PacketInfo control;
    iovec payload;
  };

  void arm(size_t index);

  std::unique_ptr<uint8_t[]> buffers_;
  std::array<Slot, kBatchMax> slots_;
  std::array<mmsghdr, kBatchMax> headers_;
  std::vector<core::DatagramArrived> arrived_;  // Grows to the longest batch of bursts once.
  size_t used_ = 0;  // Slots that the last read() filled: they are armed again by the next one.
};

// Collects datagrams and sends them in batches, in order; those of one size that follow each other
// to one place as one burst.
//
// What the kernel refuses is dropped and counted by reason: UDP promises nothing, and a queue of
// ours would be memory for strangers.
class DatagramWriter {
 public:
  static constexpr size_t kBatchMax = 64;  // Bursts, or single datagrams.
  enum class Drop : uint8_t { kBufferFull, kUnreachable, kForbidden, kOther };
  static constexpr size_t kDropCount = 4;

  // `sockets` by SocketId; must outlive the writer.
  explicit DatagramWriter(const std::vector<UdpSocket>& sockets);

  // The payload must stay valid until the next flush().
  void add(const core::SendDatagram& datagram);
  void flush();

  const std::array<uint64_t, kDropCount>& drops() const { return drops_; }

 private:
  struct Slot {
    sockaddr_storage to;
    PacketInfo control;
    Burst run;
    size_t first_part;  // In parts_.
  };

  bool continues_run(const core::SendDatagram& datagram, size_t size) const;
  void finish(Slot& slot, mmsghdr& header);

  const std::vector<UdpSocket>& sockets_;
  std::array<Slot, kBatchMax> slots_;
  std::array<mmsghdr, kBatchMax> headers_;
  std::vector<iovec> parts_;  // Of all slots: two for each datagram.
  size_t count_ = 0;
  core::SocketId socket_ = 0;  // That all collected datagrams leave from.
  Endpoint to_;                // Where, and from where, the run that was begun last goes.
  core::LocalEnd local_;
  bool can_segment_ = true;  // Until a device says that it cannot.
  std::array<uint64_t, kDropCount> drops_{};
};

std::string_view label(DatagramWriter::Drop drop);

}  // namespace roost::io
