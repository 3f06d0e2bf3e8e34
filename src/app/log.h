// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "io/log.h"
#include "node/config.h"

namespace roost::app {

// The daemon's log on standard error, through spdlog.
//
// Human: time, level, line. Journal: the line alone with the "<6>" priority that journald reads,
// which adds the time itself. Beyond `log.lines_per_second` lines are counted, and one line says
// how many were left out; errors always come through.
class StderrLog final : public io::Log {
 public:
  explicit StderrLog(const node::Config::Log& options);
  ~StderrLog() override;

  void write(Level level, std::string_view line) override;
  bool is_enabled(Level level) const override;

  // The owner has changed [log].
  void reload(const node::Config::Log& options);

 private:
  struct Backend;  // Keeps spdlog out of every file but one: it costs seconds to compile.
  std::unique_ptr<Backend> backend_;
};

}  // namespace roost::app
