// SPDX-License-Identifier: MIT
#include "anywhere_socket.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <unistd.h>

namespace bench {
namespace {

// So that the generator is not what loses datagrams. Namespaces are for root, who may have it.
constexpr int kBufferBytes = 4 * 1024 * 1024;

}  // namespace

AnywhereSocket::~AnywhereSocket() {
  if (socket_ >= 0) close(socket_);
}

bool AnywhereSocket::open(uint16_t port) {
  socket_ = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket_ < 0) return false;
  const int on = 1;
  setsockopt(socket_, SOL_SOCKET, SO_RCVBUFFORCE, &kBufferBytes, sizeof kBufferBytes);
  if (setsockopt(socket_, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) != 0) return false;
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_port = htons(port);
  return bind(socket_, reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0;
}

std::span<const AnywhereSocket::Arrived> AnywhereSocket::receive() {
  for (size_t i = 0; i < kBatchMax; ++i) {
    Cell& cell = in_[i];
    cell.vector = {cell.payload.data(), cell.payload.size()};
    msghdr& header = in_headers_[i].msg_hdr;
    header = {};
    header.msg_iov = &cell.vector;
    header.msg_iovlen = 1;
    header.msg_control = cell.control.data();
    header.msg_controllen = cell.control.size();
  }
  const int count = recvmmsg(socket_, in_headers_.data(), kBatchMax, MSG_DONTWAIT, nullptr);
  for (int i = 0; i < count; ++i) {
    const auto at = static_cast<size_t>(i);
    arrived_[at] = {0, {in_[at].payload.data(), in_headers_[at].msg_len}};
    const cmsghdr* const control = CMSG_FIRSTHDR(&in_headers_[at].msg_hdr);
    if (control == nullptr || control->cmsg_type != IP_PKTINFO) continue;
    in_pktinfo info;
    std::memcpy(&info, CMSG_DATA(control), sizeof info);
    arrived_[at].to = ntohl(info.ipi_addr.s_addr);
  }
  return std::span(arrived_).first(static_cast<size_t>(std::max(count, 0)));
}

void AnywhereSocket::send(uint32_t from, std::span<const uint8_t> payload) {
  Cell& cell = out_[out_count_];
  std::memcpy(cell.payload.data(), payload.data(), payload.size());
  cell.vector = {cell.payload.data(), payload.size()};
  msghdr& header = out_headers_[out_count_].msg_hdr;
  header = {};
  header.msg_name = &target_;
  header.msg_namelen = sizeof target_;
  header.msg_iov = &cell.vector;
  header.msg_iovlen = 1;
  header.msg_control = cell.control.data();
  header.msg_controllen = cell.control.size();
  cmsghdr* const control = CMSG_FIRSTHDR(&header);
  control->cmsg_level = IPPROTO_IP;
  control->cmsg_type = IP_PKTINFO;
  control->cmsg_len = CMSG_LEN(sizeof(in_pktinfo));
  in_pktinfo source{};
  source.ipi_spec_dst.s_addr = htonl(from);
  std::memcpy(CMSG_DATA(control), &source, sizeof source);
  if (++out_count_ == kBatchMax) flush();
}

void AnywhereSocket::flush() {
  for (size_t done = 0; done < out_count_;) {
    const int sent = sendmmsg(socket_, &out_headers_[done],
                              static_cast<unsigned>(out_count_ - done), MSG_DONTWAIT);
    if (sent > 0) {
      done += static_cast<size_t>(sent);
    } else if (errno != EINTR) {
      ++refused_;
      ++done;
    }
  }
  out_count_ = 0;
}

}  // namespace bench
