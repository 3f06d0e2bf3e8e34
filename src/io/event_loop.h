// SPDX-License-Identifier: MIT
#pragma once

#include <event2/event.h>
#include <functional>
#include <memory>
#include <utility>

#include "base/time.h"

namespace roost::io {

// libevent's loop, with objects that stop watching when they are destroyed.
//
// One thread. Callbacks run from run() only. A watch must not be destroyed inside its own callback.
class EventLoop {
 public:
  using Callback = std::function<void()>;

  struct FreeEvent {
    void operator()(event* e) const { event_free(e); }
  };

  // A file descriptor to read, a signal, or a timer; empty until assigned.
  class Watch {
   public:
    Watch() = default;

   private:
    friend class EventLoop;
    std::unique_ptr<Callback> callback_;  // Its address is what libevent was given.
    std::unique_ptr<event, FreeEvent> event_;
  };

  EventLoop();

  // For libraries of libevent's own (bufferevents, listeners).
  event_base* base() { return base_.get(); }

  // Calls back whenever `fd` is readable, for as long as the watch lives.
  [[nodiscard]] Watch watch_readable(int fd, Callback callback);
  // Afterwards the signal is ignored, so that a late one does not end a process that is ending.
  [[nodiscard]] Watch watch_signal(int signal, Callback callback);
  // Calls back every `interval`.
  [[nodiscard]] Watch every(Duration interval, Callback callback);
  // A timer that is not set yet.
  [[nodiscard]] Watch timer(Callback callback);
  // Sets (or moves) a timer of timer(): it calls back once, `delay` from now.
  void set(Watch& timer, Duration delay);
  void clear(Watch& timer);

  // Called after each pass over what was ready, before the loop waits for more.
  void set_after_pass(Callback callback) { after_pass_ = std::move(callback); }

  // Until stop() is called.
  void run();
  void stop();

 private:
  struct FreeBase {
    void operator()(event_base* base) const { event_base_free(base); }
  };

  Watch make(int fd, short what, Callback callback);

  std::unique_ptr<event_base, FreeBase> base_;
  Callback after_pass_;
  bool is_stopped_ = false;
};

}  // namespace roost::io
