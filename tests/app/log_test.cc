// SPDX-License-Identifier: MIT
//
// Goal: what is logged is what the operator asked for, and never more lines per second than that,
// except errors. Method: standard error goes to a file.
#include "app/log.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "environment_variable.h"
#include "io/file_descriptor.h"

namespace roost::app {
namespace {

using Level = io::Log::Level;
using Lines = std::vector<std::string>;
using node::LogFormat;
using node::LogLevel;

// Standard error, in a file until it is destroyed.
class CapturedStderr {
 public:
  CapturedStderr() : terminal_(dup(STDERR_FILENO)) {
    path_ = testing::TempDir() + "roost-log-XXXXXX";
    const io::FileDescriptor file(mkstemp(path_.data()));
    EXPECT_TRUE(file.is_open());
    EXPECT_EQ(STDERR_FILENO, dup2(file.get(), STDERR_FILENO));
  }
  ~CapturedStderr() {
    std::fflush(stderr);
    dup2(terminal_.get(), STDERR_FILENO);
    std::remove(path_.c_str());
  }

  Lines lines() const {
    std::ifstream file(path_);
    Lines lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }

 private:
  io::FileDescriptor terminal_;
  std::string path_;
};

constexpr uint32_t kMoreThanATestWrites = 10'000;

node::Config::Log options(LogFormat format, LogLevel level = LogLevel::kDebug,
                          uint32_t lines_per_second = kMoreThanATestWrites) {
  return {level, format, lines_per_second};
}

void write_one_of_each(StderrLog& log) {
  log.debug("a");
  log.info("b");
  log.warn("c");
  log.error("d");
}

TEST(StderrLog, WritesWhatJournaldReads) {
  const CapturedStderr captured;
  StderrLog log(options(LogFormat::kJournal));
  write_one_of_each(log);
  EXPECT_EQ((Lines{"<7>a", "<6>b", "<4>c", "<3>d"}), captured.lines());
}

// The line with each digit as 0, and any offset from UTC as an eastern one.
std::string shape(std::string line) {
  for (char& c : line) {
    if (std::isdigit(static_cast<unsigned char>(c)) != 0) c = '0';
  }
  constexpr size_t kOffsetAt = std::string_view("0000-00-00T00:00:00").size();
  if (line.size() > kOffsetAt && line[kOffsetAt] == '-') line[kOffsetAt] = '+';
  return line;
}

TEST(StderrLog, WritesTimeLevelAndLineForPeople) {
  const CapturedStderr captured;
  StderrLog log(options(LogFormat::kHuman));
  write_one_of_each(log);
  const Lines lines = captured.lines();
  const char* const expected[] = {"debug a", "info b", "warning c", "error d"};
  ASSERT_EQ(std::size(expected), lines.size());
  for (size_t i = 0; i < lines.size(); ++i) {
    EXPECT_EQ(std::string("0000-00-00T00:00:00+00:00 ") + expected[i], shape(lines[i]));
  }
}

TEST(StderrLog, FindsOutByItselfWhetherJournaldReads) {
  const CapturedStderr captured;
  struct stat status;
  ASSERT_EQ(0, fstat(STDERR_FILENO, &status));
  const std::string device = std::to_string(status.st_dev);
  const std::string inode = std::to_string(status.st_ino);
  struct Row {
    std::optional<std::string> journal_stream;
    bool is_journal;
  };
  const Row rows[] = {
      {device + ':' + inode, true},        {{}, false}, {"", false},
      {device + ':' + inode + '0', false},  // The journal's, but standard error was redirected.
      {inode + ':' + device + '1', false},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.journal_stream.value_or("(none)"));
    const EnvironmentVariable variable("JOURNAL_STREAM", row.journal_stream);
    StderrLog log(options(LogFormat::kAuto));
    log.info("line");
    ASSERT_FALSE(captured.lines().empty());
    EXPECT_EQ(row.is_journal, captured.lines().back() == "<6>line") << captured.lines().back();
  }
}

TEST(StderrLog, TakesALineAsItIs) {
  const CapturedStderr captured;
  StderrLog log(options(LogFormat::kJournal));
  for (const char* const line : {"{}", "{0} %v %n", "", "%s%n", "{"}) log.info(line);
  EXPECT_EQ((Lines{"<6>{}", "<6>{0} %v %n", "<6>", "<6>%s%n", "<6>{"}), captured.lines());
}

TEST(StderrLog, LeavesOutWhatIsBelowItsLevel) {
  struct Row {
    LogLevel level;
    Lines expect;
  };
  const Row rows[] = {
      {LogLevel::kDebug, {"<7>a", "<6>b", "<4>c", "<3>d"}},
      {LogLevel::kInfo, {"<6>b", "<4>c", "<3>d"}},
      {LogLevel::kWarn, {"<4>c", "<3>d"}},
      {LogLevel::kError, {"<3>d"}},
  };
  for (const Row& row : rows) {
    const CapturedStderr captured;
    StderrLog log(options(LogFormat::kJournal, row.level));
    write_one_of_each(log);
    EXPECT_EQ(row.expect, captured.lines());
    const Level levels[] = {Level::kDebug, Level::kInfo, Level::kWarn, Level::kError};
    size_t enabled = 0;
    for (const Level level : levels) enabled += log.is_enabled(level);
    EXPECT_EQ(row.expect.size(), enabled);
  }
}

size_t count(const Lines& lines, const std::string& line) {
  return static_cast<size_t>(std::count(lines.begin(), lines.end(), line));
}

constexpr std::string_view kLeftOut = " lines were left out to keep to log.lines_per_second";

// How many were left out, by the last line but one.
size_t told_as_left_out(const Lines& lines) {
  const std::string line = lines.size() < 2 ? "" : lines[lines.size() - 2];
  if (!line.starts_with("<4>") || !line.ends_with(kLeftOut)) return 0;
  EXPECT_EQ("<4>" + std::to_string(std::stoul(line.substr(3))) + std::string(kLeftOut), line);
  return std::stoul(line.substr(3));
}

// However slow the machine: a thousand lines at this rate would take it 100 seconds.
constexpr uint32_t kFewLinesPerSecond = 10;
constexpr size_t kFarTooMany = 1000;

TEST(StderrLog, LeavesOutWhatIsTooMuchAndSaysHowMuch) {
  const CapturedStderr captured;
  StderrLog log(options(LogFormat::kJournal, LogLevel::kInfo, kFewLinesPerSecond));
  for (size_t i = 0; i < kFarTooMany; ++i) log.info("flood");
  log.error("end");
  const Lines lines = captured.lines();
  EXPECT_EQ("<3>end", lines.back());
  EXPECT_GE(count(lines, "<6>flood"), kFewLinesPerSecond);
  EXPECT_GT(told_as_left_out(lines), 0u);
  EXPECT_EQ(kFarTooMany, count(lines, "<6>flood") + told_as_left_out(lines));
  EXPECT_EQ(count(lines, "<6>flood") + 2, lines.size());

  log.error("again");  // Those were told, and are not told twice.
  EXPECT_EQ(lines.size() + 1, captured.lines().size());
}

TEST(StderrLog, LeavesNoErrorOut) {
  const CapturedStderr captured;
  StderrLog log(options(LogFormat::kJournal, LogLevel::kInfo, 1));
  for (size_t i = 0; i < kFarTooMany; ++i) log.error("error");
  EXPECT_EQ(Lines(kFarTooMany, "<3>error"), captured.lines());
}

TEST(StderrLog, DoesNotCountWhatIsBelowItsLevelAsLeftOut) {
  const CapturedStderr captured;
  StderrLog log(options(LogFormat::kJournal, LogLevel::kInfo, 1));
  for (size_t i = 0; i < kFarTooMany; ++i) log.debug("not asked for");
  log.info("line");
  EXPECT_EQ(Lines{"<6>line"}, captured.lines());
}

TEST(StderrLog, TakesOverNewOptionsWhileItRuns) {
  const CapturedStderr captured;
  StderrLog log(options(LogFormat::kHuman, LogLevel::kError));
  log.warn("unheard");
  EXPECT_TRUE(captured.lines().empty());
  log.reload(options(LogFormat::kJournal, LogLevel::kDebug));
  log.debug("heard");
  EXPECT_EQ(Lines{"<7>heard"}, captured.lines());
  log.reload(options(LogFormat::kHuman, LogLevel::kInfo));
  log.debug("unheard");
  log.info("heard");
  ASSERT_EQ(2u, captured.lines().size());
  EXPECT_TRUE(captured.lines().back().ends_with(" info heard")) << captured.lines().back();

  log.reload(options(LogFormat::kJournal, LogLevel::kInfo, kFewLinesPerSecond));
  for (size_t i = 0; i < kFarTooMany; ++i) log.info("flood");
  log.error("end");
  EXPECT_GT(told_as_left_out(captured.lines()), 0u);
}

}  // namespace
}  // namespace roost::app
