// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "base/endpoint.h"
#include "io/event_loop.h"
#include "io/file_descriptor.h"

namespace roost::io {

// Accepts connections on one listening socket.
//
//   accepting --no descriptor or memory left--> paused --a second, or retry()--> accepting
//   accepting --hold()--> held --release()--> accepting
//
// What waits in the kernel's backlog meanwhile costs us nothing, and the loop goes on serving UDP
// instead of being told over and over that there is a connection which it cannot take.
class Acceptor {
 public:
  // A connection that ends gives a descriptor back sooner; this is for those that others hold.
  static constexpr Duration kPause = std::chrono::seconds(1);
  // Then the other sockets have their turn.
  static constexpr int kAcceptsPerWakeUpMax = 32;

  // Non-blocking, close-on-exec. `from` is a zero endpoint on a UNIX socket.
  using OnAccept = std::function<void(FileDescriptor fd, const Endpoint& from)>;

  // `listener` listens already and is non-blocking.
  Acceptor(EventLoop& loop, FileDescriptor listener, OnAccept on_accept);
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  int fd() const { return listener_.get(); }
  uint64_t pause_count() const { return pause_count_; }

  // Ends a pause early; does nothing when there is none.
  void retry();
  // The owner has no room for more. May be called by `on_accept`.
  void hold();
  void release();

 private:
  using Event = std::unique_ptr<event, EventLoop::FreeEvent>;

  void accept_some();
  bool accept_one();
  void pause();
  void go_on();

  FileDescriptor listener_;
  OnAccept on_accept_;
  bool is_held_ = false;
  bool is_paused_ = false;
  uint64_t pause_count_ = 0;
  Event readable_;
  Event pause_over_;
};

}  // namespace roost::io
