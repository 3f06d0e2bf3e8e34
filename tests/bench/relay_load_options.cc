// SPDX-License-Identifier: MIT
#include "relay_load_options.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <getopt.h>
#include <string_view>

#include "loopback_target.h"

namespace bench {
namespace {

constexpr double kSecondsMax = 3600;  // A generator left behind by mistake ends within the hour.

constexpr char kHelp[] =
    "relay_load --target 127.0.0.1:PORT [options]\n"
    "Relays packets in both directions through a TURN server on loopback, playing its clients and\n"
    "their peers, and prints one line of JSON.\n"
    "  --target HOST:PORT   127.0.0.0/8; anything else is refused\n"
    "  --mode turn|pairs|forwarder|idle|direct\n"
    "                       a peer for each allocation; allocations as each other's peers; the\n"
    "                       bare forwarder, without signalling; allocations alone; straight\n"
    "                       from client to peer, past the server [turn]\n"
    "  --allocations N      [1]\n"
    "  --size BYTES         payload of a packet [172]\n"
    "  --burst N            packets that are sent as one message, with UDP_SEGMENT [1]\n"
    "  --window N           packets in flight in all [192, or 112 large ones]\n"
    "  --rate N             packets offered per second, both directions; 0 keeps the window full\n"
    "                       [0]\n"
    "  --seconds S          measured interval [3]\n"
    "  --warmup S           before it [0.5]\n"
    "  --flood N            Allocate requests without credentials beside it, per second [0]\n"
    "  --flood-prefixes N   that many /24 send them [10000]\n"
    "  --gro                clients and peers receive whole segments (UDP_GRO)\n"
    "  --user NAME          [bench]\n"
    "  --password TEXT      [bench]\n"
    "  --server-pid PID     report the CPU time this process used in the interval\n"
    "  --cpu N              pin the generator to this core\n";

template <typename Number>
bool read_number(const char* text, Number least, Number most, Number& out) {
  Number value{};
  const char* end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, value);
  if (error != std::errc{} || stop != end || value < least || value > most) return false;
  out = value;
  return true;
}

bool read_mode(std::string_view text, RelayMode& out) {
  constexpr RelayMode kModes[] = {RelayMode::kTurn, RelayMode::kPairs, RelayMode::kForwarder,
                                  RelayMode::kIdle, RelayMode::kDirect};
  for (const RelayMode mode : kModes) {
    if (text != label(mode)) continue;
    out = mode;
    return true;
  }
  return false;
}

bool read_target(std::string_view text, sockaddr_in& out) {
  const auto target = parse_loopback_target(text);
  if (!target || target->address.ss_family != AF_INET) return false;
  std::memcpy(&out, &target->address, sizeof out);
  return true;
}

bool read_option(int option, const char* text, RelayLoadOptions& out) {
  Traffic::Options& traffic = out.traffic;
  switch (option) {
    case 't': return read_target(text, out.target);
    case 'm': return read_mode(text, out.mode);
    case 'n': return read_number<uint32_t>(text, 1, kAllocationsMax, out.allocations);
    case 'z':
      return read_number<uint32_t>(text, Traffic::kPayloadSizeMin, Traffic::kPayloadSizeMax,
                                   traffic.payload_size);
    case 'b': return read_number<uint32_t>(text, 1, Traffic::kBurstMax, traffic.burst);
    case 'w': return read_number<uint32_t>(text, 1, 65536, traffic.window);
    case 'r': return read_number<uint64_t>(text, 0, 100'000'000, traffic.rate_per_second);
    case 's': return read_number<double>(text, 0.01, kSecondsMax, out.seconds);
    case 'u': return read_number<double>(text, 0, kSecondsMax, out.warmup_seconds);
    case 'f': return read_number<uint64_t>(text, 0, 1'000'000, out.flood.rate_per_second);
    case 'x': return read_number<uint32_t>(text, 1, Flood::kPrefixesMax, out.flood.prefixes);
    case 'g': return out.with_gro = true;
    case 'U': out.credentials.username = text; return true;
    case 'P': out.credentials.password = text; return true;
    case 'p': return read_number<pid_t>(text, 1, 1 << 22, out.server_pid.emplace());
    case 'c': return read_number<int>(text, 0, 1023, out.cpu.emplace());
    default: return false;
  }
}

constexpr option kOptions[] = {
    {"target", required_argument, nullptr, 't'},
    {"mode", required_argument, nullptr, 'm'},
    {"allocations", required_argument, nullptr, 'n'},
    {"size", required_argument, nullptr, 'z'},
    {"burst", required_argument, nullptr, 'b'},
    {"window", required_argument, nullptr, 'w'},
    {"rate", required_argument, nullptr, 'r'},
    {"seconds", required_argument, nullptr, 's'},
    {"warmup", required_argument, nullptr, 'u'},
    {"flood", required_argument, nullptr, 'f'},
    {"flood-prefixes", required_argument, nullptr, 'x'},
    {"gro", no_argument, nullptr, 'g'},
    {"user", required_argument, nullptr, 'U'},
    {"password", required_argument, nullptr, 'P'},
    {"server-pid", required_argument, nullptr, 'p'},
    {"cpu", required_argument, nullptr, 'c'},
    {nullptr, 0, nullptr, 0},
};

// What was not asked for follows from the rest.
void complete(RelayLoadOptions& options) {
  Traffic::Options& traffic = options.traffic;
  if (traffic.window == 0) {
    traffic.window = traffic.payload_size > kSmallSizeMax ? kWindowLarge : kWindowSmall;
  }
  const uint32_t lanes =
      options.mode == RelayMode::kPairs ? options.allocations : 2 * options.allocations;
  // At a fixed rate the window only bounds what a stalled server is asked for.
  traffic.lane_window = traffic.rate_per_second != 0
                            ? kLaneWindowMax
                            : std::clamp(traffic.window / lanes, traffic.burst, kLaneWindowMax);
}

}  // namespace

const char* label(RelayMode mode) {
  switch (mode) {
    case RelayMode::kTurn: return "turn";
    case RelayMode::kPairs: return "pairs";
    case RelayMode::kForwarder: return "forwarder";
    case RelayMode::kIdle: return "idle";
    case RelayMode::kDirect: return "direct";
  }
  return "";
}

std::optional<RelayLoadOptions> parse_relay_load_options(int argc, char** argv) {
  RelayLoadOptions options;
  int index = 0;
  for (int option; (option = getopt_long(argc, argv, "", kOptions, &index)) != -1;) {
    if (option == '?') {
      std::fputs(kHelp, stderr);
      return std::nullopt;
    }
    if (!read_option(option, optarg, options)) {
      std::fprintf(stderr, "relay_load: --%s refuses '%s'\n", kOptions[index].name, optarg);
      return std::nullopt;
    }
  }
  if (options.target.sin_port == 0 || optind != argc) {
    std::fputs(kHelp, stderr);
    return std::nullopt;
  }
  if (options.mode == RelayMode::kPairs && options.allocations % 2 != 0) {
    std::fputs("relay_load: pairs need an even number of allocations\n", stderr);
    return std::nullopt;
  }
  if (options.traffic.window != 0 && options.traffic.window < options.traffic.burst) {
    std::fputs("relay_load: --window is smaller than --burst\n", stderr);
    return std::nullopt;
  }
  complete(options);
  return options;
}

}  // namespace bench
