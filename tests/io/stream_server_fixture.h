// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "fake_node.h"
#include "io/listening_socket.h"
#include "io/socket_address.h"
#include "io/state_dir.h"
#include "io/stream_server.h"
#include "io/tls.h"
#include "loop_runner.h"
#include "stream_client.h"

namespace roost::io {

// A STUN message with `size` bytes behind its header, each of them `fill`. Requires size % 4 == 0.
inline std::string stun_message(size_t size = 0, char fill = 'x') {
  std::string message("\x00\x01\x00\x00\x21\x12\xa4\x42", 8);
  message[2] = static_cast<char>(size >> 8);
  message[3] = static_cast<char>(size);
  return message + "transactioni" + std::string(size, fill);
}

// ChannelData that a stream may carry and that no relay sends on: 60,000 bytes.
inline std::string too_long_message() {
  return std::string("\x40\x01\xea\x60", 4) + std::string(60'000, 'x');
}

inline const std::string kGetRequest = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";

// A stream server on a loopback port, with a fake node and a certificate of its own.
class StreamServerFixture : public testing::Test {
 protected:
  StreamServerFixture() {
    std::string pattern = testing::TempDir() + "roost-streams-XXXXXX";
    root_ = mkdtemp(pattern.data());
    auto state_dir = StateDir::open(root_ + "/state", {});
    EXPECT_TRUE(state_dir);
    auto tls = TlsContext::self_signed(*state_dir, {});
    EXPECT_TRUE(tls) << (tls ? "" : tls.error());
    tls_.emplace(std::move(*tls));
    options_.tick = std::chrono::milliseconds(1);
    options_.limits.buffers.linger_time_max = std::chrono::milliseconds(100);
  }

  ~StreamServerFixture() override {
    if (server_) {
      server_->stop();
      EXPECT_TRUE(node_.open.empty());
      EXPECT_EQ(node_.opened, node_.closed + node_.refused);
      uint64_t closed = 0;
      for (const uint64_t count : server_->stream_stats().closed) closed += count;
      EXPECT_EQ(node_.closed, closed);
      for (const uint64_t count : server_->stream_stats().open) EXPECT_EQ(0u, count);
    }
    std::filesystem::remove_all(root_);
  }

  // Call after the options have been set.
  void start() {
    server_ = std::make_unique<StreamServer>(
        loop_, *tls_, options_, [this](const core::Input& input) { node_.deliver(input); });
    node_.attach(*server_);
    auto listener = listen_tcp({IpAddress::v4(0x7f000001), 0});
    ASSERT_TRUE(listener);
    endpoint_ = bound_endpoint(listener->get());
    server_->listen(std::move(*listener));
  }

  bool run_until_done(StreamClient& client, const std::function<bool()>& is_done,
                      Duration patience = kPatience) {
    return run_until(
        loop_,
        [&] {
          client.pump();
          return is_done();
        },
        patience);
  }
  bool run_until_received(StreamClient& client, std::string_view text) {
    return run_until_done(client, [&] { return client.received() == text; });
  }
  // Until the client has seen the end and the node has been told.
  bool run_until_closed(StreamClient& client) {
    return run_until_done(client, [&] { return client.has_ended() && node_.open.empty(); });
  }
  void run_for(StreamClient& client, Duration time) {
    run_until_done(
        client, [] { return false; }, time);
  }

  uint64_t closed(CloseReason reason) const {
    return server_->stream_stats().closed[static_cast<size_t>(reason)];
  }
  uint64_t open(StreamKind kind) const {
    return server_->stream_stats().open[static_cast<size_t>(kind)];
  }

  std::string root_;
  std::optional<TlsContext> tls_;
  EventLoop loop_;
  FakeNode node_;
  StreamServer::Options options_;
  std::unique_ptr<StreamServer> server_;
  Endpoint endpoint_;
};

}  // namespace roost::io
