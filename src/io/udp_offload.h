// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <vector>

#include "base/bytes.h"

namespace roost::io {

// Datagrams of one size that follow each other from one place to another, handed over the kernel's
// edge as one: UDP_GRO when they come in, UDP_SEGMENT when they go out (udp(7)). A video frame or a
// part of a file is such a burst; a single datagram costs what it always did.

// What the kernel takes at once: UDP_MAX_SEGMENTS, and what an IPv4 datagram may carry.
inline constexpr size_t kSegmentsMax = 64;
inline constexpr size_t kSegmentedBytesMax = 65'507;

// Asks for bursts to be handed over whole. Without it they come one by one.
void ask_for_gro(int fd);

// The size of each segment but perhaps the last of what has come in; 0: it is one datagram.
size_t segment_size(const msghdr& header);

// Adds the control message that has the kernel cut what is sent into datagrams of that size.
// Requires room for kSegmentControlSize behind what `header` has already.
inline constexpr size_t kSegmentControlSize = CMSG_SPACE(sizeof(uint16_t));
void put_segment_size(msghdr& header, char* control, uint16_t size);

// Whether what follows so many datagrams of that size may go out with them.
struct Burst {
  size_t segment = 0;  // Bytes of each so far,
  size_t count = 0;
  size_t bytes = 0;      // and of all.
  bool is_over = false;  // The last one was smaller: nothing may follow.

  bool takes(size_t size) const {
    return count > 0 && !is_over && size <= segment && size > 0 && count < kSegmentsMax &&
           bytes + size <= kSegmentedBytesMax;
  }
  void begin(size_t size) { *this = {size, 1, size, false}; }
  void add(size_t size) {
    ++count;
    bytes += size;
    is_over = size < segment;
  }
};

// Whether the kernel refuses the burst and not its datagrams: the device cannot cut it up (EIO), or
// each is larger than the line takes and has to be sent in fragments (EINVAL, EMSGSIZE).
constexpr bool is_refused_as_burst(int error, const Burst& burst) {
  return burst.count > 1 && (error == EIO || error == EINVAL || error == EMSGSIZE);
}

// Sends the datagrams of a burst one by one: its parts are those of `header`, one or several to a
// datagram. Returns how many the kernel refused, the last reason in errno.
size_t send_one_by_one(int fd, const msghdr& header, const Burst& run);

}  // namespace roost::io
