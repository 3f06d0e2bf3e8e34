// SPDX-License-Identifier: MIT
// STUN Binding load generator: how many valid replies a server gives per second of its CPU time.
//
// One thread turns all sockets around without ever sleeping. A sleeping receiver has to be woken by
// whoever sends to it, so on loopback its naps would be charged to the server; for the same reason
// it asks with poll(0), which leaves nothing on the sockets' wait queues, and not with epoll.

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <optional>
#include <poll.h>
#include <sys/random.h>
#include <vector>

#include "flow.h"
#include "histogram.h"
#include "host.h"
#include "loopback_target.h"
#include "process_cpu.h"
#include "stun_load_options.h"

namespace bench {
namespace {

// Often enough that a slot is late by a small part of the timeout, seldom enough to cost nothing.
constexpr int64_t kExpireIntervalNanoseconds = 5'000'000;

class Generator {
 public:
  explicit Generator(const StunLoadOptions& options) : options_(options) {}

  // False, with errno set, when a socket cannot be had.
  [[nodiscard]] bool open();

  // Sends and receives for that long.
  void run(double seconds);

  // Receives until nothing is in flight, which the timeout bounds. Nothing is sent from here on.
  void drain();

  void forget() {
    counters_ = {};
    rtt_.clear();
  }
  const Counters& counters() const { return counters_; }
  const Histogram& rtt() const { return rtt_; }

 private:
  bool is_saturating() const { return is_sending_ && options_.rate_per_second == 0; }
  void receive_ready();
  void fill_windows();
  void send_due(int64_t now);
  void expire(int64_t now);

  const StunLoadOptions& options_;
  Batch batch_;
  Counters counters_;
  Histogram rtt_;
  std::vector<Flow> flows_;
  std::vector<pollfd> polled_;
  int64_t next_expire_ = 0;
  int64_t run_start_ = 0;
  uint64_t offered_ = 0;
  size_t next_flow_ = 0;
  bool is_sending_ = true;
};

bool Generator::open() {
  flows_.reserve(options_.socket_count);
  for (uint32_t i = 0; i < options_.socket_count; ++i) {
    uint64_t key = 0;
    if (getrandom(&key, sizeof key, 0) != sizeof key) return false;
    const int socket = connect_udp(options_.target);
    if (socket < 0) return false;
    flows_.emplace_back(socket, key, options_.flow);
    polled_.push_back({socket, POLLIN, 0});
  }
  return true;
}

void Generator::run(double seconds) {
  run_start_ = monotonic_nanoseconds();
  offered_ = 0;
  fill_windows();
  const int64_t end = run_start_ + static_cast<int64_t>(seconds * 1e9);
  for (int64_t now = run_start_; now < end; now = monotonic_nanoseconds()) {
    receive_ready();
    if (options_.rate_per_second != 0) send_due(now);
    expire(now);
  }
}

void Generator::drain() {
  is_sending_ = false;
  const auto is_idle = [this](const Flow& flow) {
    return flow.free_count() == options_.flow.window;
  };
  while (!std::all_of(flows_.begin(), flows_.end(), is_idle)) {
    receive_ready();
    expire(monotonic_nanoseconds());
  }
}

void Generator::receive_ready() {
  if (poll(polled_.data(), polled_.size(), 0) <= 0) return;
  for (size_t i = 0; i < flows_.size(); ++i) {
    if (polled_[i].revents == 0) continue;
    flows_[i].receive(batch_, counters_, rtt_);
    // At once and not after the last flow: otherwise generator and server take turns being idle.
    if (is_saturating()) flows_[i].send(batch_, options_.flow.window, counters_);
  }
}

void Generator::fill_windows() {
  if (!is_saturating()) return;
  for (Flow& flow : flows_) flow.send(batch_, options_.flow.window, counters_);
}

// Spreads what is due evenly over the sockets, starting where the last turn stopped. What no window
// has room for is not made up later: it shows as fewer sent than offered.
void Generator::send_due(int64_t now) {
  const double elapsed_seconds = static_cast<double>(now - run_start_) / 1e9;
  const auto owed =
      static_cast<uint64_t>(elapsed_seconds * static_cast<double>(options_.rate_per_second));
  uint64_t due = owed - std::min(offered_, owed);
  offered_ = std::max(offered_, owed);
  const uint64_t share = (due + flows_.size() - 1) / flows_.size();
  for (size_t turn = 0; turn < flows_.size() && due > 0; ++turn) {
    const auto count = static_cast<uint32_t>(std::min<uint64_t>({share, due, Batch::kSize}));
    due -= flows_[next_flow_].send(batch_, count, counters_);
    next_flow_ = (next_flow_ + 1) % flows_.size();
  }
}

void Generator::expire(int64_t now) {
  if (now < next_expire_) return;
  next_expire_ = now + kExpireIntervalNanoseconds;
  for (Flow& flow : flows_) flow.expire(now, counters_);
  fill_windows();
}

// What happened within the interval. Replies to the warm-up's last window count and its own last
// window's do not, so `valid` may differ from `sent` by that much without a loss.
struct Measured {
  Counters counters;  // `lost` includes what the drain gave up on.
  double seconds = 0;
  std::optional<double> server_cpu_seconds;
};

Measured measure(Generator& generator, const StunLoadOptions& options, const ProcessCpu* cpu) {
  const auto server_cpu = [cpu] {
    return cpu != nullptr ? cpu->used_nanoseconds() : std::optional<int64_t>{};
  };
  generator.run(options.warmup_seconds);
  generator.forget();
  const std::optional<int64_t> cpu_before = server_cpu();
  const int64_t before = monotonic_nanoseconds();
  generator.run(options.seconds);
  const std::optional<int64_t> cpu_after = server_cpu();
  const int64_t after = monotonic_nanoseconds();

  Measured measured;
  measured.counters = generator.counters();
  measured.seconds = static_cast<double>(after - before) / 1e9;
  if (cpu_before && cpu_after) {
    measured.server_cpu_seconds = static_cast<double>(*cpu_after - *cpu_before) / 1e9;
  }
  return measured;
}

void print_server_cpu(const Measured& measured, const ProcessCpu* cpu) {
  if (!measured.server_cpu_seconds || *measured.server_cpu_seconds <= 0) {
    std::printf("\"server_cpu_seconds\":null,\"valid_per_cpu_second\":null,");
    return;  // Not asked for, gone, or idle throughout.
  }
  std::printf("\"server_cpu_seconds\":%.6f,\"server_cpu_source\":\"%s\",",
              *measured.server_cpu_seconds, cpu->source());
  std::printf("\"valid_per_cpu_second\":%.0f,",
              static_cast<double>(measured.counters.valid) / *measured.server_cpu_seconds);
}

void print_json(const StunLoadOptions& options, const Measured& measured, const Histogram& rtt,
                const ProcessCpu* cpu) {
  const Counters& counters = measured.counters;
  std::printf("{\"mode\":\"%s\",\"sockets\":%u,\"window\":%u,\"rate\":%" PRIu64
              ",\"seconds\":%.3f,",
              options.flow.mode == Mode::kStun ? "stun" : "echo", options.socket_count,
              options.flow.window, options.rate_per_second, measured.seconds);
  std::printf("\"sent\":%" PRIu64 ",\"valid\":%" PRIu64 ",\"invalid\":%" PRIu64 ",\"lost\":%" PRIu64
              ",\"late\":%" PRIu64 ",",
              counters.sent, counters.valid, counters.invalid, counters.lost, counters.late);
  std::printf("\"valid_per_second\":%.0f,", static_cast<double>(counters.valid) / measured.seconds);
  print_server_cpu(measured, cpu);
  if (rtt.count() == 0) {
    std::printf("\"rtt_us\":{\"p50\":null,\"p99\":null}}\n");
    return;
  }
  std::printf("\"rtt_us\":{\"p50\":%.1f,\"p99\":%.1f}}\n",
              static_cast<double>(rtt.quantile(0.50)) / 1e3,
              static_cast<double>(rtt.quantile(0.99)) / 1e3);
}

int run(int argc, char** argv) {
  const std::optional<StunLoadOptions> options = parse_stun_load_options(argc, argv);
  if (!options) return 2;
  if (options->cpu && !pin_to_core(*options->cpu)) {
    std::perror("stun_load: --cpu");
    return 1;
  }
  std::optional<ProcessCpu> cpu;
  if (options->server_pid) {
    cpu.emplace(*options->server_pid);
    if (!cpu->used_nanoseconds()) {
      std::fprintf(stderr, "stun_load: --server-pid %d is not running\n", *options->server_pid);
      return 1;
    }
  }
  // On the heap, because its batch is too big for a stack.
  const auto generator = std::make_unique<Generator>(*options);
  if (!generator->open()) {
    std::perror("stun_load: socket");
    return 1;
  }
  const ProcessCpu* server = cpu ? &*cpu : nullptr;
  Measured measured = measure(*generator, *options, server);
  generator->drain();
  measured.counters.lost = generator->counters().lost;
  print_json(*options, measured, generator->rtt(), server);
  return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::run(argc, argv);
}
