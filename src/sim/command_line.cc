// SPDX-License-Identifier: MIT
#include "sim/command_line.h"

#include <charconv>
#include <limits>

namespace roost::sim {
namespace {

constexpr uint64_t kCountMax = 100'000;      // Of nodes, clients, lookups.
constexpr uint64_t kMinutesMax = 1'000'000;  // Nearly two years.
constexpr uint64_t kAny = std::numeric_limits<uint64_t>::max();

std::optional<uint64_t> parse_number(std::string_view text, uint64_t most) {
  uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || at != end || number > most) return {};
  return number;
}

// Whether the option is known and its value good.
bool set(CommandLine& result, std::string_view option, std::string_view value) {
  const uint64_t most = option == "--seed" || option == "--seeds" ? kAny
                        : option == "--minutes"                   ? kMinutesMax
                                                                  : kCountMax;
  const auto number = parse_number(value, most);
  if (option == "--profile") {
    result.profile = find_profile(value);
    return result.profile.has_value();
  }
  if (!number) return false;
  if (option == "--seed") {
    result.first_seed = *number;
  } else if (option == "--seeds") {
    result.seed_count = *number;
  } else if (option == "--nodes") {
    result.wishes.node_count = *number;
  } else if (option == "--clients") {
    result.wishes.client_count = *number;
  } else if (option == "--hostile") {
    result.wishes.hostile_count = *number;
  } else if (option == "--hostile-within") {
    if (*number != 1 && *number != 16 && *number != 24) return false;
    result.wishes.hostile_prefix = static_cast<unsigned>(*number);
  } else if (option == "--lookups") {
    result.lookup_count = *number;
  } else if (option == "--minutes") {
    result.wishes.minutes = static_cast<unsigned>(*number);
  }
  return true;
}

bool takes_value(std::string_view option) {
  for (const std::string_view known : {"--seed", "--seeds", "--profile", "--nodes", "--clients",
                                       "--minutes", "--hostile", "--hostile-within", "--lookups"}) {
    if (option == known) return true;
  }
  return false;
}

}  // namespace

Play CommandLine::play_of(uint64_t seed) const {
  Play play = wishes;
  play.seed = seed;
  play.profile = profile ? *profile : static_cast<Profile>(seed % kProfileCount);
  return play;
}

Result<CommandLine, std::string> parse_command_line(std::span<const std::string_view> arguments) {
  CommandLine result;
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string_view option = arguments[i];
    if (option == "--help" || option == "-h") {
      result.wants_help = true;
      continue;
    }
    if (option == "--trace") {
      result.prints_trace = true;
      continue;
    }
    std::optional<std::string_view> value;
    if (const size_t equals = option.find('='); equals != std::string_view::npos) {
      value = option.substr(equals + 1);
      option = option.substr(0, equals);
    }
    if (!takes_value(option)) return Failure("no option " + std::string(option));
    if (!value && i + 1 < arguments.size()) value = arguments[++i];
    if (!value) return Failure(std::string(option) + " needs a value");
    if (!set(result, option, *value)) {
      return Failure(std::string(*value) + " is no value for " + std::string(option));
    }
  }
  return result;
}

std::string_view usage() {
  return "Usage: roost-sim [--seed N] [--seeds COUNT] [--profile NAME] [--nodes N] [--clients N]\n"
         "                 [--minutes N] [--hostile N] [--hostile-within BITS] [--trace]\n"
         "       roost-sim --lookups COUNT [--seed N] [--clients N]\n"
         "\n"
         "Plays whole nodes in a simulated world: faults first, under which the oracles must "
         "hold,\n"
         "then a healed world in which every client must be served. Exit status 1 if one failed.\n"
         "\n"
         "  --seed N        play the world of this seed (1)\n"
         "  --seeds COUNT   play so many, from --seed on, and count those that passed\n"
         "  --profile NAME  calm, lossy, hostile, flood, nat-zoo, clock or swarm; else by the "
         "seed\n"
         "  --nodes N, --clients N, --minutes N\n"
         "                  so many instead of what the seed draws; minutes are those of faults\n"
         "  --hostile N, --hostile-within BITS\n"
         "                  of a swarm: addresses that lie; in one /24, in one /16 in a /24 each, "
         "or "
         "(1)\n"
         "                  in /24 anywhere\n"
         "  --trace         print what happens\n"
         "  --lookups COUNT play so many lookups in a swarm of the DHT (10,000 members, or "
         "--clients),\n"
         "                  of which 30 % are gone and 25 % behind NATs; fails below 99 %\n";
}

std::string replay_command(const CommandLine& command_line, uint64_t seed) {
  const Play play = command_line.play_of(seed);
  std::string command = "roost-sim --seed " + std::to_string(seed) + " --profile ";
  command.append(label(play.profile));
  const auto add = [&](std::string_view option, uint64_t value) {
    if (value != 0) command.append(option).append(std::to_string(value));
  };
  add(" --nodes ", play.node_count);
  add(" --clients ", play.client_count);
  add(" --minutes ", play.minutes);
  add(" --hostile ", play.hostile_count);
  add(" --hostile-within ", play.hostile_prefix);
  return command;
}

}  // namespace roost::sim
