// SPDX-License-Identifier: MIT
//
// Goal: each change of an address is told, a burst of them once, and nothing else is. Method:
// messages as rtnetlink(7) draws them, through a pair of sockets that stands for the kernel's.
#include "io/address_watcher.h"

#include <cstring>
#include <gtest/gtest.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <vector>

#include "io/clock.h"

namespace roost::io {
namespace {

using namespace std::chrono_literals;
using Data = std::vector<uint8_t>;

Data message(uint16_t type, size_t body_size = sizeof(ifaddrmsg)) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<uint32_t>(NLMSG_LENGTH(body_size));
  header.nlmsg_type = type;
  Data bytes(NLMSG_SPACE(body_size));
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

Data operator+(Data one, const Data& other) {
  one.insert(one.end(), other.begin(), other.end());
  return one;
}

Data cut(Data bytes, size_t size) {
  bytes.resize(size);
  return bytes;
}

TEST(AddressWatcher, KnowsWhatTellsOfAnAddress) {
  struct Row {
    const char* what;
    Data bytes;
    bool expect;
  };
  Data with_no_length = message(RTM_NEWLINK);
  std::memset(with_no_length.data(), 0, sizeof(uint32_t));
  const Row rows[] = {
      {"nothing", {}, false},
      {"new", message(RTM_NEWADDR), true},
      {"gone", message(RTM_DELADDR), true},
      {"a link", message(RTM_NEWLINK), false},
      {"done", message(NLMSG_DONE, 0), false},
      {"lost", message(NLMSG_OVERRUN, 0), true},
      {"behind another", message(RTM_NEWLINK, 5) + message(RTM_DELADDR), true},
      {"two others", message(RTM_NEWLINK, 5) + message(RTM_NEWROUTE), false},
      {"without the last padding", cut(message(RTM_NEWLINK, 5), NLMSG_LENGTH(5)), false},
      {"half a header", cut(message(RTM_NEWLINK), 9), true},
      {"half a body", cut(message(RTM_NEWLINK), sizeof(nlmsghdr) + 1), true},
      {"no length", with_no_length, true},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(row.expect, AddressWatcher::tells_of_change(row.bytes)) << row.what;
  }
}

class AddressWatcherTest : public testing::Test {
 protected:
  AddressWatcherTest() {
    int ends[2];
    EXPECT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends));
    kernel_ = FileDescriptor(ends[0]);
    watcher_.emplace(loop_, FileDescriptor(ends[1]), [this] {
      ++calls_;
      called_at_ = read_clocks().mono;
    });
  }

  void say(const Data& bytes) {
    EXPECT_EQ(static_cast<ssize_t>(bytes.size()),
              send(kernel_.get(), bytes.data(), bytes.size(), 0));
  }
  void run_for(Duration time) {
    EventLoop::Watch end = loop_.timer([this] { loop_.stop(); });
    loop_.set(end, time);
    loop_.run();
  }

  EventLoop loop_;
  FileDescriptor kernel_;
  std::optional<AddressWatcher> watcher_;
  int calls_ = 0;
  MonoTime called_at_;
};

TEST_F(AddressWatcherTest, TellsOfABurstOnce) {
  const MonoTime begun = read_clocks().mono;
  EventLoop::Watch more = loop_.every(10ms, [this] { say(message(RTM_DELADDR)); });
  for (int i = 0; i < 5; ++i) say(message(RTM_NEWADDR));
  run_for(AddressWatcher::kCalm - 50ms);
  EXPECT_EQ(0, calls_);
  loop_.clear(more);
  run_for(AddressWatcher::kCalm * 3);
  EXPECT_EQ(1, calls_);
  EXPECT_GE(called_at_, begun + AddressWatcher::kCalm - 10ms);  // The loop's clock is coarse.
}

TEST_F(AddressWatcherTest, TellsOfChangesThatGoOn) {
  EventLoop::Watch more = loop_.every(20ms, [this] { say(message(RTM_NEWADDR)); });
  run_for(AddressWatcher::kCalm * 5);
  EXPECT_GE(calls_, 2);
  EXPECT_LE(calls_, 5);
}

TEST_F(AddressWatcherTest, SaysNothingOfWhatIsNoAddress) {
  say(message(RTM_NEWLINK));
  run_for(AddressWatcher::kCalm * 2);
  EXPECT_EQ(0, calls_);
}

TEST(AddressWatcherOpen, GetsTheKernelsSocket) {
  const auto opened = AddressWatcher::open();
  ASSERT_TRUE(opened) << opened.error();
}

}  // namespace
}  // namespace roost::io
