// SPDX-License-Identifier: MIT
// TURN load generator: how many packets a relay carries per second of its CPU time, how long each
// takes at a fixed rate, and what allocations cost.
//
// One thread turns all sockets around without ever sleeping, with poll(0) and not with epoll: on
// loopback the server pays for waking whoever waits, and for what is left on a socket's wait queue.

#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <sys/resource.h>

#include "flood.h"
#include "host.h"
#include "lane.h"
#include "process_cpu.h"
#include "relay_load_options.h"
#include "relay_network.h"

namespace bench {
namespace {

// So that the first allocations, which bring the server's code into memory, are not charged to the
// others.
constexpr uint32_t kIdleWarmupAllocations = 16;

// VmRSS of proc(5).
std::optional<uint64_t> resident_kib(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string word; file >> word;) {
    uint64_t kib = 0;
    if (word == "VmRSS:" && file >> kib) return kib;
  }
  return std::nullopt;
}

bool raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
  limit.rlim_cur = limit.rlim_max;
  return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

// What happened within the interval.
struct Measured {
  TrafficCounters counters;  // `lost` and `late` include what the drain saw.
  double seconds = 0;
  std::optional<double> server_cpu_seconds;
  std::optional<uint64_t> resident_kib_before;
  std::optional<uint64_t> resident_kib_after;
};

Measured measure(Traffic& traffic, Flood& flood, const RelayLoadOptions& options,
                 const ProcessCpu* cpu) {
  const auto server_memory = [&options] {
    return options.server_pid ? resident_kib(*options.server_pid) : std::nullopt;
  };
  const auto server_cpu = [cpu] {
    return cpu != nullptr ? cpu->used_nanoseconds() : std::optional<int64_t>{};
  };
  traffic.run(options.warmup_seconds);
  traffic.forget();
  Measured measured;
  measured.resident_kib_before = server_memory();
  const std::optional<int64_t> cpu_before = server_cpu();
  const int64_t before = monotonic_nanoseconds();
  if (options.flood.rate_per_second == 0) {
    traffic.run(options.seconds);
  } else {
    traffic.run(options.seconds, [&flood](int64_t now) { flood.turn(now); });
  }
  const std::optional<int64_t> cpu_after = server_cpu();
  const int64_t after = monotonic_nanoseconds();

  measured.resident_kib_after = server_memory();
  measured.counters = traffic.counters();
  measured.seconds = static_cast<double>(after - before) / 1e9;
  if (cpu_before && cpu_after) {
    measured.server_cpu_seconds = static_cast<double>(*cpu_after - *cpu_before) / 1e9;
  }
  traffic.drain();
  measured.counters.lost = traffic.counters().lost;
  measured.counters.late = traffic.counters().late;
  measured.counters.invalid = traffic.counters().invalid;
  return measured;
}

void print_flood(const RelayLoadOptions& options, const Flood::Counters& counters) {
  std::printf("\"flood\":{\"rate\":%" PRIu64 ",\"prefixes\":%u,\"sent\":%" PRIu64
              ",\"challenged\":%" PRIu64 ",\"unexpected\":%" PRIu64 ",\"unoffered\":%" PRIu64 "},",
              options.flood.rate_per_second, options.flood.prefixes, counters.sent,
              counters.challenged, counters.unexpected, counters.unoffered);
}

void print_traffic(const RelayLoadOptions& options, const Measured& measured,
                   const Histogram& latency, const Flood& flood, const ProcessCpu* cpu) {
  const Traffic::Options& traffic = options.traffic;
  const TrafficCounters& counters = measured.counters;
  std::printf("{\"mode\":\"%s\",\"allocations\":%u,\"size\":%u,\"burst\":%u,\"rate\":%" PRIu64
              ",\"window\":%u,\"seconds\":%.3f,",
              label(options.mode), options.allocations, traffic.payload_size, traffic.burst,
              traffic.rate_per_second, traffic.window, measured.seconds);
  std::printf("\"sent\":%" PRIu64 ",\"delivered\":%" PRIu64 ",\"invalid\":%" PRIu64
              ",\"lost\":%" PRIu64 ",\"late\":%" PRIu64 ",\"unoffered\":%" PRIu64 ",",
              counters.sent, counters.delivered, counters.invalid, counters.lost, counters.late,
              counters.unoffered);
  std::printf("\"delivered_per_second\":%.0f,",
              static_cast<double>(counters.delivered) / measured.seconds);
  if (measured.server_cpu_seconds && *measured.server_cpu_seconds > 0) {
    std::printf("\"server_cpu_seconds\":%.6f,\"server_cpu_source\":\"%s\",",
                *measured.server_cpu_seconds, cpu->source());
    std::printf("\"delivered_per_cpu_second\":%.0f,",
                static_cast<double>(counters.delivered) / *measured.server_cpu_seconds);
  } else {
    std::printf("\"server_cpu_seconds\":null,\"delivered_per_cpu_second\":null,");
  }
  if (measured.resident_kib_before && measured.resident_kib_after) {
    std::printf("\"resident_kib_before\":%" PRIu64 ",\"resident_kib_after\":%" PRIu64 ",",
                *measured.resident_kib_before, *measured.resident_kib_after);
  }
  if (options.flood.rate_per_second != 0) print_flood(options, flood.counters());
  if (latency.count() == 0) {
    std::printf("\"latency_us\":{\"p50\":null,\"p99\":null}}\n");
    return;
  }
  std::printf("\"latency_us\":{\"p50\":%.1f,\"p99\":%.1f}}\n",
              static_cast<double>(latency.quantile(0.50)) / 1e3,
              static_cast<double>(latency.quantile(0.99)) / 1e3);
}

int run_traffic(const RelayLoadOptions& options, const ProcessCpu* cpu) {
  RelayNetwork network(options);
  if (!network.open_clients(options.allocations)) return 1;
  const bool has_signalling =
      options.mode != RelayMode::kForwarder && options.mode != RelayMode::kDirect;
  if (has_signalling && !network.allocate()) return 1;
  if (!network.connect()) return 1;
  // On the heap, because its histogram and headers are too big for a stack.
  const auto traffic = std::make_unique<Traffic>(network.lanes(), options.traffic);
  Flood flood(options.target, options.flood);
  if (!flood.open()) {
    std::perror("relay_load: socket of the flood");
    return 1;
  }
  const Measured measured = measure(*traffic, flood, options, cpu);
  print_traffic(options, measured, traffic->latency(), flood, cpu);
  return 0;
}

int run_idle(const RelayLoadOptions& options, const ProcessCpu* cpu) {
  if (cpu == nullptr) {
    std::fputs("relay_load: --mode idle needs --server-pid\n", stderr);
    return 2;
  }
  RelayNetwork network(options);
  if (!network.open_clients(kIdleWarmupAllocations) || !network.allocate()) return 1;
  if (!network.open_clients(options.allocations)) return 1;
  const auto memory_before = resident_kib(*options.server_pid);
  const auto cpu_before = cpu->used_nanoseconds();
  const int64_t before = monotonic_nanoseconds();
  if (!network.allocate()) return 1;
  const int64_t after = monotonic_nanoseconds();
  const auto cpu_after = cpu->used_nanoseconds();
  const auto memory_after = resident_kib(*options.server_pid);
  if (!memory_before || !memory_after || !cpu_before || !cpu_after) {
    std::fputs("relay_load: the server ended\n", stderr);
    return 1;
  }
  const double cpu_seconds = static_cast<double>(*cpu_after - *cpu_before) / 1e9;
  const double grown_kib = static_cast<double>(*memory_after) - static_cast<double>(*memory_before);
  std::printf(
      "{\"mode\":\"idle\",\"allocations\":%u,\"seconds\":%.3f,"
      "\"server_cpu_seconds\":%.6f,\"allocations_per_cpu_second\":%.0f,",
      options.allocations, static_cast<double>(after - before) / 1e9, cpu_seconds,
      options.allocations / cpu_seconds);
  std::printf("\"resident_kib_before\":%" PRIu64 ",\"resident_kib_after\":%" PRIu64
              ",\"bytes_per_allocation\":%.0f}\n",
              *memory_before, *memory_after, grown_kib * 1024 / options.allocations);
  return 0;
}

int run(int argc, char** argv) {
  const std::optional<RelayLoadOptions> options = parse_relay_load_options(argc, argv);
  if (!options) return 2;
  if (options->cpu && !pin_to_core(*options->cpu)) {
    std::perror("relay_load: --cpu");
    return 1;
  }
  if (!raise_descriptor_limit()) {
    std::perror("relay_load: RLIMIT_NOFILE");
    return 1;
  }
  std::optional<ProcessCpu> cpu;
  if (options->server_pid) {
    cpu.emplace(*options->server_pid);
    if (!cpu->used_nanoseconds()) {
      std::fprintf(stderr, "relay_load: --server-pid %d is not running\n", *options->server_pid);
      return 1;
    }
  }
  const ProcessCpu* const server = cpu ? &*cpu : nullptr;
  return options->mode == RelayMode::kIdle ? run_idle(*options, server)
                                           : run_traffic(*options, server);
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::run(argc, argv);
}
