// SPDX-License-Identifier: MIT
#include "app/log.h"

#include <cstdlib>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include "base/token_bucket.h"
#include "io/clock.h"

namespace roost::app {
namespace {

using Level = io::Log::Level;

spdlog::level::level_enum level_of(Level level) {
  switch (level) {
    case Level::kDebug: return spdlog::level::debug;
    case Level::kInfo: return spdlog::level::info;
    case Level::kWarn: return spdlog::level::warn;
    case Level::kError: return spdlog::level::err;
  }
  return spdlog::level::off;
}

Level level_of(node::LogLevel level) {
  switch (level) {
    case node::LogLevel::kDebug: return Level::kDebug;
    case node::LogLevel::kInfo: return Level::kInfo;
    case node::LogLevel::kWarn: return Level::kWarn;
    case node::LogLevel::kError: return Level::kError;
  }
  return Level::kInfo;
}

std::string_view journal_priority(Level level) {  // sd-daemon(3).
  switch (level) {
    case Level::kDebug: return "<7>";
    case Level::kInfo: return "<6>";
    case Level::kWarn: return "<4>";
    case Level::kError: return "<3>";
  }
  return "";
}

// Whether standard error is the journal's: systemd names the stream's device and inode.
bool is_journal() {
  const char* const stream = std::getenv("JOURNAL_STREAM");
  struct stat status;
  if (stream == nullptr || fstat(STDERR_FILENO, &status) != 0) return false;
  return std::string(stream) == std::to_string(status.st_dev) + ':' + std::to_string(status.st_ino);
}

bool is_for_journal(node::LogFormat format) {
  switch (format) {
    case node::LogFormat::kAuto: return is_journal();
    case node::LogFormat::kHuman: return false;
    case node::LogFormat::kJournal: return true;
  }
  return false;
}

TokenBucket::Options rate(const node::Config::Log& options) {
  return {options.lines_per_second, options.lines_per_second};
}

}  // namespace

struct StderrLog::Backend {
  spdlog::logger logger{"roost", std::make_shared<spdlog::sinks::stderr_sink_st>()};
  Level level;
  bool for_journal;
  TokenBucket::Options rate;
  TokenBucket bucket;
  uint64_t left_out = 0;

  explicit Backend(const node::Config::Log& options)
      : rate(app::rate(options)), bucket(rate, io::read_clocks().mono) {
    set(options);
  }

  void set(const node::Config::Log& options) {
    level = level_of(options.level);
    for_journal = is_for_journal(options.format);
    rate = app::rate(options);
    logger.set_level(level_of(level));
    logger.set_pattern(for_journal ? "%v" : "%Y-%m-%dT%H:%M:%S%z %l %v");
    logger.flush_on(spdlog::level::debug);
  }

  void print(Level line_level, std::string_view line) {
    // The line is an argument, never a format: it may hold a file name with braces.
    logger.log(level_of(line_level), "{}{}", for_journal ? journal_priority(line_level) : "", line);
  }
};

StderrLog::StderrLog(const node::Config::Log& options)
    : backend_(std::make_unique<Backend>(options)) {}

StderrLog::~StderrLog() = default;

void StderrLog::write(Level level, std::string_view line) {
  if (!is_enabled(level)) return;
  Backend& backend = *backend_;
  if (!backend.bucket.take(backend.rate, io::read_clocks().mono) && level != Level::kError) {
    ++backend.left_out;
    return;
  }
  if (backend.left_out > 0) {
    backend.print(Level::kWarn, std::to_string(backend.left_out) +
                                    " lines were left out to keep to log.lines_per_second");
    backend.left_out = 0;
  }
  backend.print(level, line);
}

bool StderrLog::is_enabled(Level level) const {
  return level >= backend_->level;
}

void StderrLog::reload(const node::Config::Log& options) {
  backend_->set(options);
}

}  // namespace roost::app
