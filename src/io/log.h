// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>

namespace roost::io {

// Where the shell's lines go. app/log.cc implements it with spdlog, behind a cap on lines per
// second, so that nothing a stranger sends can fill a disk.
//
// info: what the operator did or must know, once. warn: something is wrong and the daemon goes on.
// error: something is wrong and a person must act. debug: the only level that may name a peer's
// address.
class Log {
 public:
  enum class Level : uint8_t { kDebug, kInfo, kWarn, kError };

  virtual ~Log() = default;
  virtual void write(Level level, std::string_view line) = 0;
  // Ask before composing a line that costs something.
  virtual bool is_enabled(Level level) const = 0;

  void debug(std::string_view line) { write(Level::kDebug, line); }
  void info(std::string_view line) { write(Level::kInfo, line); }
  void warn(std::string_view line) { write(Level::kWarn, line); }
  void error(std::string_view line) { write(Level::kError, line); }
};

}  // namespace roost::io
