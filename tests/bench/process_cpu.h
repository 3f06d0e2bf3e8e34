// SPDX-License-Identifier: MIT
#pragma once
// CPU time that another process has used, over all of its threads.
//
// Read from the process's CPU clock (clock_getcpuclockid): nanoseconds, threads that have ended
// included, the running time slice included. Where the kernel refuses that, utime + stime of
// /proc/PID/stat, which counts in ticks of 10 ms. Work that the kernel does for the process in
// softirq on its core (loopback delivery) is part of both.

#include <cstdint>
#include <ctime>
#include <optional>
#include <sys/types.h>

namespace bench {

class ProcessCpu {
 public:
  explicit ProcessCpu(pid_t pid);

  // Empty when the process is gone.
  std::optional<int64_t> used_nanoseconds() const;

  // "process_cpu_clock" or "proc_pid_stat".
  const char* source() const;

 private:
  pid_t pid_;
  std::optional<clockid_t> clock_;
};

}  // namespace bench
