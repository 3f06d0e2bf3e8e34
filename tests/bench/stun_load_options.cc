// SPDX-License-Identifier: MIT
#include "stun_load_options.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <getopt.h>
#include <string_view>

namespace bench {
namespace {

constexpr double kSecondsMax = 3600;  // A generator left behind by mistake ends within the hour.

constexpr char kHelp[] =
    "stun_load --target HOST:PORT [options]\n"
    "Sends STUN Binding requests to a server on loopback and prints one line of JSON.\n"
    "  --target HOST:PORT   127.0.0.0/8 or [::1]; anything else is refused\n"
    "  --mode stun|echo     what a valid reply is: a Binding success response that names the\n"
    "                       socket's own address, or the request itself byte for byte [stun]\n"
    "  --sockets N          connected UDP sockets [1]\n"
    "  --window N           requests in flight per socket [192 divided by the sockets]\n"
    "  --rate N             requests offered per second; 0 keeps the windows full [0]\n"
    "  --seconds S          measured interval [3]\n"
    "  --warmup S           before it [0.5]\n"
    "  --timeout-ms N       after which a request counts as lost [100]\n"
    "  --fingerprint        add FINGERPRINT to every request\n"
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

bool read_mode(std::string_view text, Mode& out) {
  if (text != "stun" && text != "echo") return false;
  out = text == "stun" ? Mode::kStun : Mode::kEcho;
  return true;
}

bool read_target(std::string_view text, LoopbackTarget& out) {
  const std::optional<LoopbackTarget> target = parse_loopback_target(text);
  if (target) out = *target;
  return target.has_value();
}

bool read_option(int option, const char* text, StunLoadOptions& out) {
  switch (option) {
    case 't': return read_target(text, out.target);
    case 'm': return read_mode(text, out.flow.mode);
    case 'n': return read_number<uint32_t>(text, 1, kSocketCountMax, out.socket_count);
    case 'w': return read_number<uint32_t>(text, 1, kInFlightMax, out.flow.window);
    case 'r': return read_number<uint64_t>(text, 0, 100'000'000, out.rate_per_second);
    case 's': return read_number<double>(text, 0.01, kSecondsMax, out.seconds);
    case 'u': return read_number<double>(text, 0, kSecondsMax, out.warmup_seconds);
    case 'o': return read_number<uint32_t>(text, 1, 10'000, out.flow.timeout_ms);
    case 'f': return out.flow.with_fingerprint = true;
    case 'p': return read_number<pid_t>(text, 1, 1 << 22, out.server_pid.emplace());
    case 'c': return read_number<int>(text, 0, 1023, out.cpu.emplace());
    default: return false;
  }
}

constexpr option kOptions[] = {
    {"target", required_argument, nullptr, 't'},  {"mode", required_argument, nullptr, 'm'},
    {"sockets", required_argument, nullptr, 'n'}, {"window", required_argument, nullptr, 'w'},
    {"rate", required_argument, nullptr, 'r'},    {"seconds", required_argument, nullptr, 's'},
    {"warmup", required_argument, nullptr, 'u'},  {"timeout-ms", required_argument, nullptr, 'o'},
    {"fingerprint", no_argument, nullptr, 'f'},   {"server-pid", required_argument, nullptr, 'p'},
    {"cpu", required_argument, nullptr, 'c'},     {nullptr, 0, nullptr, 0},
};

}  // namespace

std::optional<StunLoadOptions> parse_stun_load_options(int argc, char** argv) {
  StunLoadOptions options;
  int index = 0;
  for (int option; (option = getopt_long(argc, argv, "", kOptions, &index)) != -1;) {
    if (option == '?') {
      std::fputs(kHelp, stderr);
      return std::nullopt;
    }
    if (!read_option(option, optarg, options)) {
      std::fprintf(stderr, "stun_load: --%s refuses '%s'\n", kOptions[index].name, optarg);
      return std::nullopt;
    }
  }
  if (options.target.address_size == 0 || optind != argc) {
    std::fputs(kHelp, stderr);
    return std::nullopt;
  }
  if (options.flow.window == 0) {
    options.flow.window = std::max(1u, kInFlightDefault / options.socket_count);
  }
  if (uint64_t{options.flow.window} * options.socket_count > kInFlightMax) {
    std::fprintf(stderr, "stun_load: more than %u requests in flight\n", kInFlightMax);
    return std::nullopt;
  }
  return options;
}

}  // namespace bench
