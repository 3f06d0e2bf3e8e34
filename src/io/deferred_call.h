// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>

#include "io/event_loop.h"

namespace roost::io {

// Work for the loop to do once the callbacks that run now have returned: reports that must not
// reach the node while it carries out actions, and the end of objects that a caller still stands
// in.
class DeferredCall {
 public:
  DeferredCall(EventLoop& loop, std::function<void()> call);
  DeferredCall(const DeferredCall&) = delete;
  DeferredCall& operator=(const DeferredCall&) = delete;

  // Once, however often it is asked before that. Costs no system call.
  void schedule();

 private:
  std::function<void()> call_;
  std::unique_ptr<event, EventLoop::FreeEvent> event_;
};

}  // namespace roost::io
