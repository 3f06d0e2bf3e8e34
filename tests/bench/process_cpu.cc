// SPDX-License-Identifier: MIT
#include "process_cpu.h"

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <unistd.h>

namespace bench {
namespace {

constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;

std::optional<int64_t> read_clock(clockid_t clock) {
  timespec time{};
  if (clock_gettime(clock, &time) != 0) return std::nullopt;
  return int64_t{time.tv_sec} * kNanosecondsPerSecond + int64_t{time.tv_nsec};
}

std::optional<int64_t> read_stat(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const size_t name_end = text.rfind(')');  // The name may hold spaces and parentheses.
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;  // utime is field 14 of proc(5).
  int64_t user_ticks = 0;
  int64_t system_ticks = 0;
  if (!(fields >> user_ticks >> system_ticks)) return std::nullopt;
  return (user_ticks + system_ticks) * (kNanosecondsPerSecond / sysconf(_SC_CLK_TCK));
}

}  // namespace

ProcessCpu::ProcessCpu(pid_t pid) : pid_(pid) {
  clockid_t clock{};
  if (clock_getcpuclockid(pid, &clock) == 0 && read_clock(clock)) clock_ = clock;
}

std::optional<int64_t> ProcessCpu::used_nanoseconds() const {
  return clock_ ? read_clock(*clock_) : read_stat(pid_);
}

const char* ProcessCpu::source() const {
  return clock_ ? "process_cpu_clock" : "proc_pid_stat";
}

}  // namespace bench
