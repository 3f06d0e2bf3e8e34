// SPDX-License-Identifier: MIT
// Load generator for the DHT: how many valid answers to find_node and get_peers a server gives per
// second of its CPU time, to addresses that chance picks.
//
// One thread without any sleep, for the reasons that stun_load.cc gives. It plays all who ask, and
// all contacts of ring_store, whom the server may ask whether they live.

#include <array>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "anywhere_socket.h"
#include "base/random.h"
#include "dht_addresses.h"
#include "dht_load_options.h"
#include "dht_messages.h"
#include "histogram.h"
#include "host.h"
#include "process_cpu.h"
#include "wire/node_id.h"

namespace bench {
namespace {

// Often enough that a slot is late by a small part of the timeout, seldom enough to cost nothing.
constexpr int64_t kExpireIntervalNanoseconds = 5'000'000;
constexpr unsigned kSlotBits = 10;
static_assert(DhtLoadOptions::kWindowMax == 1 << kSlotBits);

struct Counters {
  uint64_t sent = 0;
  uint64_t query_bytes = 0;
  std::array<uint64_t, kDhtMethodCount> valid{};
  uint64_t answer_bytes = 0;  // Of valid ones,
  uint64_t nodes = 0;         // and in them.
  uint64_t invalid = 0;
  uint64_t lost = 0;
  uint64_t late = 0;
  uint64_t pings = 0;     // From the server, to those who ask,
  uint64_t verified = 0;  // and to contacts, which always answer.
  uint64_t unknown = 0;   // Whatever else it sends.
};

// A query in flight.
struct Slot {
  bool is_open = false;
  DhtMethod method{};
  uint16_t transaction = 0;
  uint32_t from = 0;
  int64_t sent_at = 0;
  std::array<uint8_t, kDhtQuerySizeMax> bytes{};
  size_t size = 0;
};

class Generator {
 public:
  explicit Generator(const DhtLoadOptions& options)
      : options_(options), socket_(options.target), slots_(options.window) {}

  // False, with errno set, when its socket cannot be had.
  [[nodiscard]] bool open() { return socket_.open(kDhtPort); }

  // Sends and receives for that long.
  void run(double seconds);

  void forget() {
    counters_ = {};
    rtt_.clear();
  }
  const Counters& counters() const { return counters_; }
  const Histogram& rtt() const { return rtt_; }
  uint64_t refused() const { return socket_.refused(); }

 private:
  void take(const AnywhereSocket::Arrived& arrived, int64_t now);
  void take_answer(const AnywhereSocket::Arrived& arrived, const DhtAnswer& answer, int64_t now);
  void take_echo(const AnywhereSocket::Arrived& arrived, int64_t now);
  bool take_ping(const AnywhereSocket::Arrived& arrived);
  void close(Slot& slot, size_t size, size_t nodes, int64_t now);
  Slot& slot_of(uint16_t transaction) {
    return slots_[transaction % DhtLoadOptions::kWindowMax % slots_.size()];
  }
  void ask(Slot& slot, int64_t now);
  void expire(int64_t now);

  const DhtLoadOptions& options_;
  AnywhereSocket socket_;
  roost::SeededRandom random_{2};
  std::vector<Slot> slots_;
  Counters counters_;
  Histogram rtt_;
  int64_t next_expire_ = 0;
};

void Generator::run(double seconds) {
  const int64_t start = monotonic_nanoseconds();
  const int64_t end = start + static_cast<int64_t>(seconds * 1e9);
  for (int64_t now = start; now < end; now = monotonic_nanoseconds()) {
    for (const AnywhereSocket::Arrived& arrived : socket_.receive()) take(arrived, now);
    expire(now);
    socket_.flush();
  }
}

void Generator::take(const AnywhereSocket::Arrived& arrived, int64_t now) {
  if (options_.is_echo) return take_echo(arrived, now);
  if (const auto answer = read_answer(arrived.payload)) return take_answer(arrived, *answer, now);
  if (!take_ping(arrived)) ++counters_.unknown;
}

void Generator::take_answer(const AnywhereSocket::Arrived& arrived, const DhtAnswer& answer,
                            int64_t now) {
  Slot& slot = slot_of(answer.transaction);
  if (!slot.is_open || slot.transaction != answer.transaction) {
    ++counters_.late;
    return;
  }
  const bool is_valid = arrived.to == slot.from && answer.observed_address == slot.from &&
                        answer.observed_port == kDhtPort &&
                        answer.has_token == (slot.method == DhtMethod::kGetPeers);
  if (!is_valid) {
    ++counters_.invalid;
    return;
  }
  close(slot, arrived.payload.size(), answer.nodes, now);
}

void Generator::take_echo(const AnywhereSocket::Arrived& arrived, int64_t now) {
  const auto transaction = transaction_of_query(arrived.payload);
  Slot* const slot = transaction ? &slot_of(*transaction) : nullptr;
  if (slot == nullptr || !slot->is_open || slot->transaction != *transaction) {
    ++counters_.late;
    return;
  }
  const bool is_valid = arrived.to == slot->from && arrived.payload.size() == slot->size &&
                        std::memcmp(arrived.payload.data(), slot->bytes.data(), slot->size) == 0;
  if (!is_valid) {
    ++counters_.invalid;
    return;
  }
  close(*slot, arrived.payload.size(), 0, now);
}

bool Generator::take_ping(const AnywhereSocket::Arrived& arrived) {
  const Datagram transaction = transaction_of_ping(arrived.payload);
  if (transaction.empty()) return false;
  const bool is_contact = arrived.to - kQuerierNetwork >= kQuerierHosts;
  ++(is_contact ? counters_.verified : counters_.pings);
  if (!is_contact && !options_.answers_pings) return true;
  std::array<uint8_t, kPingAnswerSizeMax> answer;
  const DhtId id = roost::wire::conforming_node_id(roost::IpAddress::v4(arrived.to), {});
  const size_t size = write_ping_answer(transaction, id, answer);
  socket_.send(arrived.to, std::span(answer).first(size));
  return true;
}

void Generator::close(Slot& slot, size_t size, size_t nodes, int64_t now) {
  ++counters_.valid[static_cast<size_t>(slot.method)];
  counters_.answer_bytes += size;
  counters_.nodes += nodes;
  rtt_.record(static_cast<uint64_t>(now - slot.sent_at));
  ask(slot, now);
}

void Generator::ask(Slot& slot, int64_t now) {
  const auto number = static_cast<uint16_t>(&slot - slots_.data());
  const auto generation = static_cast<uint16_t>(slot.transaction + (1u << kSlotBits));
  slot.is_open = true;
  slot.method = counters_.sent % kDhtMethodCount == 0 ? DhtMethod::kFindNode : DhtMethod::kGetPeers;
  slot.transaction = static_cast<uint16_t>((generation & ~((1u << kSlotBits) - 1)) | number);
  slot.from = querier_address(static_cast<uint32_t>(random_.below(options_.queriers)));
  slot.sent_at = now;
  slot.size = write_query(slot.method, slot.transaction, random_.bytes<20>(), random_.bytes<20>(),
                          slot.bytes);
  socket_.send(slot.from, std::span(slot.bytes).first(slot.size));
  ++counters_.sent;
  counters_.query_bytes += slot.size;
}

// Also sends the first ones.
void Generator::expire(int64_t now) {
  if (now < next_expire_) return;
  next_expire_ = now + kExpireIntervalNanoseconds;
  for (Slot& slot : slots_) {
    if (slot.is_open && now - slot.sent_at < int64_t{options_.timeout_ms} * 1'000'000) continue;
    counters_.lost += slot.is_open;
    ask(slot, now);
  }
}

void print_json(const DhtLoadOptions& options, const Generator& generator, double seconds,
                std::optional<double> cpu_seconds) {
  const Counters& counters = generator.counters();
  const uint64_t valid = counters.valid[0] + counters.valid[1];
  std::printf("{\"mode\":\"%s\",\"queriers\":%u,\"window\":%u,\"seconds\":%.3f,",
              options.is_echo ? "echo" : "dht", options.queriers, options.window, seconds);
  std::printf("\"sent\":%" PRIu64 ",\"valid\":%" PRIu64 ",\"find_node\":%" PRIu64
              ",\"get_peers\":%" PRIu64 ",\"invalid\":%" PRIu64 ",\"lost\":%" PRIu64
              ",\"late\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"unknown\":%" PRIu64 ",",
              counters.sent, valid, counters.valid[0], counters.valid[1], counters.invalid,
              counters.lost, counters.late, generator.refused(), counters.unknown);
  std::printf("\"query_bytes\":%" PRIu64 ",\"answer_bytes\":%" PRIu64 ",\"nodes\":%" PRIu64
              ",\"pings\":%" PRIu64 ",\"verified\":%" PRIu64 ",",
              counters.query_bytes, counters.answer_bytes, counters.nodes, counters.pings,
              counters.verified);
  if (cpu_seconds && *cpu_seconds > 0) {
    std::printf("\"server_cpu_seconds\":%.6f,\"valid_per_cpu_second\":%.0f,", *cpu_seconds,
                static_cast<double>(valid) / *cpu_seconds);
  } else {
    std::printf("\"server_cpu_seconds\":null,\"valid_per_cpu_second\":null,");
  }
  std::printf("\"rtt_us\":{\"p50\":%.1f,\"p99\":%.1f}}\n",
              static_cast<double>(generator.rtt().quantile(0.50)) / 1e3,
              static_cast<double>(generator.rtt().quantile(0.99)) / 1e3);
}

int run(int argc, char** argv) {
  const std::optional<DhtLoadOptions> options = parse_dht_load_options(argc, argv);
  if (!options) return 2;
  if (options->cpu && !pin_to_core(*options->cpu)) {
    std::perror("dht_load: --cpu");
    return 1;
  }
  std::optional<ProcessCpu> cpu;
  if (options->server_pid) cpu.emplace(*options->server_pid);
  const auto server_cpu = [&cpu] { return cpu ? cpu->used_nanoseconds() : std::nullopt; };
  // On the heap, because its buffers are too big for a stack.
  const auto generator = std::make_unique<Generator>(*options);
  if (!generator->open()) {
    std::perror("dht_load: socket");
    return 1;
  }
  generator->run(options->warmup_seconds);
  generator->forget();
  const auto cpu_before = server_cpu();
  const int64_t before = monotonic_nanoseconds();
  generator->run(options->seconds);
  const auto cpu_after = server_cpu();
  const double seconds = static_cast<double>(monotonic_nanoseconds() - before) / 1e9;
  std::optional<double> cpu_seconds;
  if (cpu_before && cpu_after) {
    cpu_seconds = static_cast<double>(*cpu_after - *cpu_before) / 1e9;
  }
  print_json(*options, *generator, seconds, cpu_seconds);
  return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::run(argc, argv);
}
