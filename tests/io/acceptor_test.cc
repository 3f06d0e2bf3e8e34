// SPDX-License-Identifier: MIT
//
// Goal: an owner without room is left in peace, and nobody is lost meanwhile. Method: connections
// on loopback. (What happens without file descriptors is tested in stream_server_test.)
#include "io/acceptor.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <vector>

#include "io/listening_socket.h"
#include "io/socket_address.h"
#include "loop_runner.h"
#include "stream_client.h"

namespace roost::io {
namespace {

using namespace std::chrono_literals;

class AcceptorTest : public testing::Test {
 protected:
  AcceptorTest() {
    auto listener = listen_tcp({IpAddress::v4(0x7f000001), 0});
    EXPECT_TRUE(listener);
    endpoint_ = bound_endpoint(listener->get());
    acceptor_ = std::make_unique<Acceptor>(loop_, std::move(*listener),
                                           [this](FileDescriptor fd, const Endpoint& from) {
                                             accepted_.push_back(std::move(fd));
                                             from_.push_back(from);
                                             if (accepted_.size() == hold_at_) acceptor_->hold();
                                           });
  }

  EventLoop loop_;
  Endpoint endpoint_;
  std::vector<FileDescriptor> accepted_;
  std::vector<Endpoint> from_;
  size_t hold_at_ = 0;
  std::unique_ptr<Acceptor> acceptor_;
};

TEST_F(AcceptorTest, HandsOverConnectionsThatDoNotBlockAndAreNotInherited) {
  const StreamClient client(endpoint_);
  ASSERT_TRUE(run_until(loop_, [&] { return accepted_.size() == 1; }));
  EXPECT_EQ(client.local(), from_[0]);
  EXPECT_NE(0, fcntl(accepted_[0].get(), F_GETFL) & O_NONBLOCK);
  EXPECT_NE(0, fcntl(accepted_[0].get(), F_GETFD) & FD_CLOEXEC);
}

TEST_F(AcceptorTest, AcceptsNobodyWhileHeldAndEverybodyAfterwards) {
  hold_at_ = 2;
  std::vector<std::unique_ptr<StreamClient>> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(std::make_unique<StreamClient>(endpoint_));
  run_for(loop_, 20ms);
  EXPECT_EQ(2u, accepted_.size());
  acceptor_->retry();  // Ends a pause, and there is none.
  run_for(loop_, 5ms);
  EXPECT_EQ(2u, accepted_.size());
  acceptor_->release();
  EXPECT_TRUE(run_until(loop_, [&] { return accepted_.size() == 5; }));
  EXPECT_EQ(0u, acceptor_->pause_count());
}

TEST_F(AcceptorTest, MoreThanOneWakeUpsWorthIsAcceptedInTheEnd) {
  std::vector<std::unique_ptr<StreamClient>> clients;
  for (int i = 0; i < 3 * Acceptor::kAcceptsPerWakeUpMax; ++i) {
    clients.push_back(std::make_unique<StreamClient>(endpoint_));
  }
  EXPECT_TRUE(run_until(loop_, [&] { return accepted_.size() == clients.size(); }));
}

}  // namespace
}  // namespace roost::io
