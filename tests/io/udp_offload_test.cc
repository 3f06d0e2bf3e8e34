// SPDX-License-Identifier: MIT
//
// Goal: a burst is what the kernel takes as one, and its datagrams can be sent without its help.
#include "io/udp_offload.h"

#include <gtest/gtest.h>

#include "udp_client.h"

namespace roost::io {
namespace {

constexpr IpAddress kLoopback = IpAddress::v4(0x7f000001);

TEST(Burst, TakesWhatIsNotLargerUntilOneIsSmaller) {
  Burst run;
  EXPECT_FALSE(run.takes(100));  // Nothing has begun.
  run.begin(100);
  EXPECT_FALSE(run.takes(101));
  EXPECT_FALSE(run.takes(0));
  EXPECT_TRUE(run.takes(100));
  run.add(100);
  EXPECT_TRUE(run.takes(99));
  run.add(99);
  EXPECT_FALSE(run.takes(99));
  EXPECT_EQ(3u, run.count);
  EXPECT_EQ(299u, run.bytes);
}

TEST(Burst, EndsWhereTheKernelDoes) {
  Burst small;
  small.begin(1);
  while (small.takes(1)) small.add(1);
  EXPECT_EQ(kSegmentsMax, small.count);
  Burst large;
  large.begin(1400);
  while (large.takes(1400)) large.add(1400);
  EXPECT_LE(large.bytes, kSegmentedBytesMax);
  EXPECT_GT(large.bytes + 1400, kSegmentedBytesMax);
}

TEST(IsRefusedAsBurst, TellsTheBurstFromItsDatagrams) {
  Burst one;
  one.begin(100);
  Burst two = one;
  two.add(100);
  for (const int error : {EIO, EINVAL, EMSGSIZE}) {
    EXPECT_TRUE(is_refused_as_burst(error, two));
    EXPECT_FALSE(is_refused_as_burst(error, one));
  }
  for (const int error : {EAGAIN, EPERM, ECONNREFUSED})
    EXPECT_FALSE(is_refused_as_burst(error, two));
}

TEST(SendOneByOne, SendsTheDatagramsOfABurst) {
  UdpClient receiver(kLoopback);
  const FileDescriptor fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_storage to;
  msghdr header{};
  header.msg_name = &to;
  header.msg_namelen = to_sockaddr(receiver.local(), to);
  char first[] = "h1one";
  char second[] = "h2two";
  char third[] = "x";
  // The first two in two parts each, as what is relayed has.
  iovec parts[] = {{first, 2}, {first + 2, 3}, {second, 2}, {second + 2, 3}, {third, 1}};
  header.msg_iov = parts;
  header.msg_iovlen = std::size(parts);
  Burst run;
  run.begin(5);
  run.add(5);
  run.add(1);
  alignas(cmsghdr) char control[kSegmentControlSize];
  put_segment_size(header, control, 5);
  EXPECT_EQ(0u, send_one_by_one(fd.get(), header, run));
  for (const char* const text : {"h1one", "h2two", "x"}) EXPECT_EQ(text, receiver.receive().first);
  EXPECT_EQ("", receiver.receive(0).first);
}

}  // namespace
}  // namespace roost::io
