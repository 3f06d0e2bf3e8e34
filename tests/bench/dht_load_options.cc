// SPDX-License-Identifier: MIT
#include "dht_load_options.h"

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
    "dht_load --target 127.0.0.1:PORT [options]\n"
    "Sends find_node and get_peers in turn to a server on loopback, each from an address of\n"
    "11.0.0.0/8 that chance picks, and prints one line of JSON. Wants a network namespace where\n"
    "every address is local, so that none of this can leave the machine:\n"
    "ip route add local 0.0.0.0/0 dev lo\n"
    "  --target HOST:PORT   127.0.0.0/8; anything else is refused\n"
    "  --mode dht|echo      what a valid answer is: one with nodes, or the query itself [dht]\n"
    "  --queriers N         addresses that ask, the first 65536 of a /24 each [16777216]\n"
    "  --answer-pings       whoever is asked whether it lives says so\n"
    "  --window N           queries in flight [192]\n"
    "  --timeout-ms N       after which a query counts as lost [100]\n"
    "  --seconds S          measured interval [3]\n"
    "  --warmup S           before it [0.5]\n"
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

bool read_mode(std::string_view text, bool& is_echo) {
  is_echo = text == "echo";
  return is_echo || text == "dht";
}

bool read_target(std::string_view text, sockaddr_in& out) {
  const auto target = parse_loopback_target(text);
  if (!target || target->address.ss_family != AF_INET) return false;
  std::memcpy(&out, &target->address, sizeof out);
  return true;
}

bool read_option(int option, const char* text, DhtLoadOptions& out) {
  switch (option) {
    case 't': return read_target(text, out.target);
    case 'm': return read_mode(text, out.is_echo);
    case 'n': return read_number<uint32_t>(text, 1, kQuerierHosts, out.queriers);
    case 'a': return out.answers_pings = true;
    case 'w': return read_number<uint32_t>(text, 1, DhtLoadOptions::kWindowMax, out.window);
    case 'o': return read_number<uint32_t>(text, 1, 10'000, out.timeout_ms);
    case 's': return read_number<double>(text, 0.01, kSecondsMax, out.seconds);
    case 'u': return read_number<double>(text, 0, kSecondsMax, out.warmup_seconds);
    case 'p': return read_number<pid_t>(text, 1, 1 << 22, out.server_pid.emplace());
    case 'c': return read_number<int>(text, 0, 1023, out.cpu.emplace());
    default: return false;
  }
}

constexpr option kOptions[] = {
    {"target", required_argument, nullptr, 't'},
    {"mode", required_argument, nullptr, 'm'},
    {"queriers", required_argument, nullptr, 'n'},
    {"answer-pings", no_argument, nullptr, 'a'},
    {"window", required_argument, nullptr, 'w'},
    {"timeout-ms", required_argument, nullptr, 'o'},
    {"seconds", required_argument, nullptr, 's'},
    {"warmup", required_argument, nullptr, 'u'},
    {"server-pid", required_argument, nullptr, 'p'},
    {"cpu", required_argument, nullptr, 'c'},
    {nullptr, 0, nullptr, 0},
};

}  // namespace

std::optional<DhtLoadOptions> parse_dht_load_options(int argc, char** argv) {
  DhtLoadOptions options;
  int index = 0;
  for (int option; (option = getopt_long(argc, argv, "", kOptions, &index)) != -1;) {
    if (option == '?') {
      std::fputs(kHelp, stderr);
      return std::nullopt;
    }
    if (!read_option(option, optarg, options)) {
      std::fprintf(stderr, "dht_load: --%s refuses '%s'\n", kOptions[index].name, optarg);
      return std::nullopt;
    }
  }
  if (options.target.sin_port == 0 || optind != argc) {
    std::fputs(kHelp, stderr);
    return std::nullopt;
  }
  return options;
}

}  // namespace bench
