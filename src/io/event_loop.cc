// SPDX-License-Identifier: MIT
#include "io/event_loop.h"

#include <algorithm>
#include <csignal>

#include "base/check.h"

namespace roost::io {
namespace {

timeval to_timeval(Duration duration) {
  const auto us = std::max<int64_t>(duration.count(), 0);
  return {static_cast<time_t>(us / 1'000'000), static_cast<suseconds_t>(us % 1'000'000)};
}

void call_back(evutil_socket_t, short, void* callback) {
  (*static_cast<EventLoop::Callback*>(callback))();
}

struct FreeConfig {
  void operator()(event_config* config) const { event_config_free(config); }
};

event_base* new_base() {
  const std::unique_ptr<event_config, FreeConfig> config(event_config_new());
  CHECK(config != nullptr);
  event_config_set_flag(config.get(), EVENT_BASE_FLAG_NOLOCK);
  event_base* const base = event_base_new_with_config(config.get());
  CHECK(base != nullptr);
  return base;
}

}  // namespace

EventLoop::EventLoop() : base_(new_base()) {}

EventLoop::Watch EventLoop::watch_readable(int fd, Callback callback) {
  Watch watch = make(fd, EV_READ | EV_PERSIST, std::move(callback));
  CHECK(event_add(watch.event_.get(), nullptr) == 0);
  return watch;
}

EventLoop::Watch EventLoop::watch_signal(int signal, Callback callback) {
  // What is in force again once the watch is gone.
  CHECK(std::signal(signal, SIG_IGN) != SIG_ERR);
  Watch watch = make(signal, EV_SIGNAL | EV_PERSIST, std::move(callback));
  CHECK(event_add(watch.event_.get(), nullptr) == 0);
  return watch;
}

EventLoop::Watch EventLoop::every(Duration interval, Callback callback) {
  Watch watch = make(-1, EV_PERSIST, std::move(callback));
  const timeval period = to_timeval(interval);
  CHECK(event_add(watch.event_.get(), &period) == 0);
  return watch;
}

EventLoop::Watch EventLoop::timer(Callback callback) {
  return make(-1, 0, std::move(callback));
}

void EventLoop::set(Watch& timer, Duration delay) {
  const timeval after = to_timeval(delay);
  CHECK(event_add(timer.event_.get(), &after) == 0);
}

void EventLoop::clear(Watch& timer) {
  event_del(timer.event_.get());
}

void EventLoop::run() {
  is_stopped_ = false;
  while (!is_stopped_) {
    const int result = event_base_loop(base_.get(), EVLOOP_ONCE);
    CHECK(result >= 0);
    if (result > 0) return;  // Nothing is left to wait for.
    if (after_pass_) after_pass_();
  }
}

void EventLoop::stop() {
  is_stopped_ = true;
  event_base_loopbreak(base_.get());
}

EventLoop::Watch EventLoop::make(int fd, short what, Callback callback) {
  Watch watch;
  watch.callback_ = std::make_unique<Callback>(std::move(callback));
  watch.event_.reset(event_new(base_.get(), fd, what, call_back, watch.callback_.get()));
  CHECK(watch.event_ != nullptr);
  return watch;
}

}  // namespace roost::io
