// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "base/result.h"
#include "io/log.h"

namespace roost::app {

// What the log says of something that is saved again and again: one line when it cannot be, and one
// when it can be again, however often it is tried in between.
class SaveReport {
 public:
  // `what` is saved: the beginning of a sentence. `log` must outlive the report.
  SaveReport(io::Log& log, std::string what) : log_(log), what_(std::move(what)) {}

  void note(const Result<Done, std::string>& done);
  // Whether the last attempt was in vain.
  bool is_failing() const { return is_failing_; }

 private:
  io::Log& log_;
  std::string what_;
  bool is_failing_ = false;
};

}  // namespace roost::app
