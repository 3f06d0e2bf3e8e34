// SPDX-License-Identifier: MIT
#include "io/process_metrics.h"

#include <charconv>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <optional>
#include <string>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "io/file_descriptor.h"

namespace roost::io {
namespace {

// What we read of /proc/self/stat (proc(5)): field 22 is the start, 23 and 24 the memory.
struct Stat {
  uint64_t start_ticks = 0;  // Since boot.
  uint64_t virtual_bytes = 0;
  uint64_t resident_pages = 0;
};

std::optional<Stat> read_stat() {
  const FileDescriptor file(open("/proc/self/stat", O_RDONLY | O_CLOEXEC));
  char text[1024];
  const ssize_t size = file.is_open() ? read(file.get(), text, sizeof text) : -1;
  if (size <= 0) return {};
  const std::string_view all(text, static_cast<size_t>(size));
  // The name in field 2 may hold blanks and brackets, so fields are counted from its end.
  size_t at = all.rfind(')');
  if (at == std::string_view::npos) return {};
  Stat stat;
  for (int field = 3; field <= 24; ++field) {
    at = all.find(' ', at + 1);
    if (at == std::string_view::npos) return {};
    uint64_t* const wanted = field == 22   ? &stat.start_ticks
                             : field == 23 ? &stat.virtual_bytes
                             : field == 24 ? &stat.resident_pages
                                           : nullptr;
    if (wanted) std::from_chars(all.data() + at + 1, all.data() + all.size(), *wanted);
  }
  return stat;
}

double start_time_seconds(uint64_t start_ticks) {
  timespec wall{};
  timespec since_boot{};
  clock_gettime(CLOCK_REALTIME, &wall);
  clock_gettime(CLOCK_BOOTTIME, &since_boot);
  const double booted_at = static_cast<double>(wall.tv_sec - since_boot.tv_sec) +
                           static_cast<double>(wall.tv_nsec - since_boot.tv_nsec) / 1e9;
  return booted_at + static_cast<double>(start_ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

struct CloseDirectory {
  void operator()(DIR* directory) const { closedir(directory); }
};

uint64_t open_fd_count() {
  const std::unique_ptr<DIR, CloseDirectory> directory(opendir("/proc/self/fd"));
  uint64_t count = 0;
  if (!directory) return 0;
  while (const dirent* entry = readdir(directory.get())) count += entry->d_name[0] != '.';
  return count - 1;  // Less the one that reads the directory.
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

void write_process_metrics(node::MetricsWriter& out) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  out.counter("process_cpu_seconds_total", "User and system CPU time spent.")
      .value(seconds(usage.ru_utime) + seconds(usage.ru_stime));
  if (const auto stat = read_stat()) {
    out.gauge("process_resident_memory_bytes", "Resident memory size.")
        .value(stat->resident_pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)));
    out.gauge("process_virtual_memory_bytes", "Virtual memory size.").value(stat->virtual_bytes);
    out.gauge("process_start_time_seconds", "Start of the process since the Unix epoch.")
        .value(start_time_seconds(stat->start_ticks));
  }
  out.gauge("process_open_fds", "Open file descriptors.").value(open_fd_count());
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  out.gauge("process_max_fds", "File descriptors that may be open.")
      .value(uint64_t{limit.rlim_cur});
}

}  // namespace roost::io
