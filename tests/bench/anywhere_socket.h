// SPDX-License-Identifier: MIT
#pragma once
// One UDP socket that is everybody: it sends from whatever address it is told to, and hears which
// one was written to. For a network namespace where every IPv4 address is local; elsewhere sending
// fails.

#include <array>
#include <cstddef>
#include <cstdint>
#include <netinet/in.h>
#include <span>
#include <sys/socket.h>

namespace bench {

class AnywhereSocket {
 public:
  static constexpr size_t kBatchMax = 64;
  static constexpr size_t kSizeMax = 1500;

  struct Arrived {
    uint32_t to = 0;  // The address of ours.
    std::span<const uint8_t> payload;
  };

  // To `target` goes all that is sent.
  explicit AnywhereSocket(const sockaddr_in& target) : target_(target) {}
  ~AnywhereSocket();
  AnywhereSocket(const AnywhereSocket&) = delete;
  AnywhereSocket& operator=(const AnywhereSocket&) = delete;

  // False, with errno set, when it cannot be had.
  [[nodiscard]] bool open(uint16_t port);

  // Of at most kBatchMax; valid until the next call.
  std::span<const Arrived> receive();

  // Copied, and sent when there are kBatchMax or flush() says so.
  void send(uint32_t from, std::span<const uint8_t> payload);
  void flush();
  uint64_t refused() const { return refused_; }  // By the kernel.

 private:
  struct Cell {
    std::array<uint8_t, kSizeMax> payload;
    alignas(cmsghdr) std::array<uint8_t, CMSG_SPACE(sizeof(in_pktinfo))> control;
    iovec vector;
  };

  sockaddr_in target_;
  int socket_ = -1;
  std::array<Cell, kBatchMax> in_;
  std::array<mmsghdr, kBatchMax> in_headers_{};
  std::array<Arrived, kBatchMax> arrived_;
  std::array<Cell, kBatchMax> out_;
  std::array<mmsghdr, kBatchMax> out_headers_{};
  size_t out_count_ = 0;
  uint64_t refused_ = 0;
};

}  // namespace bench
