// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "sim/host.h"

namespace roost::sim::actors {

// A program with one alarm: what most actors need of time.
class Actor : public Program {
 public:
  void on_wake_up(uint64_t what) final {
    if (what == alarm_) on_alarm();
  }

 protected:
  // `host` must outlive the actor.
  explicit Actor(Host& host) : host_(host) {}

  // Sets the alarm, or moves it.
  void set_alarm(MonoTime when) { host_.wake_up(when, ++alarm_); }
  void clear_alarm() { ++alarm_; }
  virtual void on_alarm() = 0;

  Host& host() { return host_; }
  MonoTime now() const { return host_.now(); }

 private:
  Host& host_;
  uint64_t alarm_ = 0;
};

}  // namespace roost::sim::actors
