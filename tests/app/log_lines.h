// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/log.h"

namespace roost::app {

// A log that keeps what it is told.
class LogLines final : public io::Log {
 public:
  void write(Level level, std::string_view line) override { lines_.emplace_back(level, line); }
  bool is_enabled(Level) const override { return true; }

  size_t infos() const { return count(Level::kInfo); }
  size_t warnings() const { return count(Level::kWarn); }
  size_t errors() const { return count(Level::kError); }
  // Empty if nothing was said.
  std::string last() const { return lines_.empty() ? std::string() : lines_.back().second; }

 private:
  size_t count(Level wanted) const {
    size_t found = 0;
    for (const auto& [level, line] : lines_) found += level == wanted;
    return found;
  }

  std::vector<std::pair<Level, std::string>> lines_;
};

}  // namespace roost::app
