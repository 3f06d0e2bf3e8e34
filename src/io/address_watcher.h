// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "io/event_loop.h"
#include "io/file_descriptor.h"

namespace roost::io {

// Notices that an interface of this machine gets or loses an address: the kernel says so on a
// netlink socket (rtnetlink(7)), so nothing wakes up while nothing changes.
//
// What has changed is not read from there: messages come in bursts and may be lost (ENOBUFS), so
// each is only the word to look at the interfaces again, and kCalm after the first one of a burst
// there is one call. The kernel alone can send such messages; whoever could forge one would make us
// look once more, five times a second at most.
class AddressWatcher {
 public:
  static constexpr Duration kCalm = std::chrono::milliseconds(200);
  static constexpr int kReadsPerWakeUpMax = 64;  // What is left makes it readable again.

  // The kernel's socket, or why there is none: a sandbox without AF_NETLINK.
  static Result<FileDescriptor, std::string> open();

  // `socket` is that of open(). `loop` must outlive the watcher, which is not destroyed inside the
  // call.
  AddressWatcher(EventLoop& loop, FileDescriptor socket, std::function<void()> on_change);

  // Whether one of these netlink messages is about an address, or says that some are lost. What is
  // cut off or malformed may have been.
  static bool tells_of_change(Bytes messages);

 private:
  void on_readable();

  EventLoop& loop_;
  FileDescriptor socket_;
  std::function<void()> on_change_;
  bool is_due_ = false;
  EventLoop::Watch watch_;
  EventLoop::Watch calm_;
};

}  // namespace roost::io
