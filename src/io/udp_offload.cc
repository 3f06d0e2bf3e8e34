// SPDX-License-Identifier: MIT
#include "io/udp_offload.h"

#include <cstring>
#include <netinet/udp.h>

namespace roost::io {

void ask_for_gro(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on);
}

size_t segment_size(const msghdr& header) {
  for (const cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr;
       control = CMSG_NXTHDR(const_cast<msghdr*>(&header), const_cast<cmsghdr*>(control))) {
    if (control->cmsg_level != IPPROTO_UDP || control->cmsg_type != UDP_GRO) continue;
    int size = 0;
    std::memcpy(&size, CMSG_DATA(control), sizeof size);
    return size > 0 ? static_cast<size_t>(size) : 0;
  }
  return 0;
}

void put_segment_size(msghdr& header, char* control, uint16_t size) {
  if (header.msg_control == nullptr) {
    header.msg_control = control;
    header.msg_controllen = 0;
  }
  auto* const added =
      reinterpret_cast<cmsghdr*>(static_cast<char*>(header.msg_control) + header.msg_controllen);
  header.msg_controllen += kSegmentControlSize;
  added->cmsg_level = IPPROTO_UDP;
  added->cmsg_type = UDP_SEGMENT;
  added->cmsg_len = CMSG_LEN(sizeof size);
  std::memcpy(CMSG_DATA(added), &size, sizeof size);
}

size_t send_one_by_one(int fd, const msghdr& header, const Burst& run) {
  size_t refused = 0;
  msghdr one = header;
  one.msg_controllen -= kSegmentControlSize;
  if (one.msg_controllen == 0) one.msg_control = nullptr;
  size_t part = 0;
  while (part < header.msg_iovlen) {
    one.msg_iov = header.msg_iov + part;
    size_t bytes = 0;
    while (part < header.msg_iovlen && bytes < run.segment) bytes += header.msg_iov[part++].iov_len;
    one.msg_iovlen = static_cast<size_t>(header.msg_iov + part - one.msg_iov);
    refused += sendmsg(fd, &one, 0) < 0;
  }
  return refused;
}

}  // namespace roost::io
