// SPDX-License-Identifier: MIT
//
// roost-sim: plays worlds by their seeds and tells which of them went wrong.
#include <cinttypes>
#include <cstdio>
#include <string_view>
#include <vector>

#include "sim/command_line.h"
#include "sim/lookup_trial.h"
#include "sim/profile.h"

namespace roost::sim {
namespace {

// Whether all oracles held.
bool play_one(const CommandLine& command_line, uint64_t seed) {
  const Play world = command_line.play_of(seed);
  Trace::Listener listener;
  if (command_line.prints_trace) {
    listener = [](const TraceEvent& event) { std::printf("%s\n", text(event).c_str()); };
  }
  const Outcome outcome = play(world, listener);
  const bool passed = outcome.fault_count == 0;
  std::printf("seed %" PRIu64 " profile %s: %" PRIu64 " events, %" PRIu64
              " answers, trace %016" PRIx64 ", %s\n",
              seed, label(world.profile).data(), outcome.event_count, outcome.answer_count,
              outcome.trace_hash, passed ? "passed" : "FAILED");
  if (!outcome.figures.empty()) std::printf("%s", outcome.figures.c_str());
  if (!passed) {
    std::printf("%sagain: %s\n", outcome.faults.c_str(),
                replay_command(command_line, seed).c_str());
  }
  std::fflush(stdout);
  return passed;
}

int run_lookups(const CommandLine& command_line) {
  LookupTrial trial{.seed = command_line.first_seed, .lookup_count = command_line.lookup_count};
  if (command_line.wishes.client_count != 0) trial.member_count = command_line.wishes.client_count;
  const LookupFigures figures = play(trial);
  std::printf("%s\n", text(figures).c_str());
  const size_t least = figures.lookup_count * 99;
  return figures.items_found * 100 >= least && figures.nearest_found * 100 >= least ? 0 : 1;
}

int run(const CommandLine& command_line) {
  if (command_line.lookup_count != 0) return run_lookups(command_line);
  const uint64_t count = command_line.seed_count.value_or(1);
  uint64_t passed = 0;
  for (uint64_t i = 0; i < count; ++i)
    passed += play_one(command_line, command_line.first_seed + i);
  if (command_line.seed_count) {
    std::printf("%" PRIu64 " passed, %" PRIu64 " failed\n", passed, count - passed);
  }
  return passed == count ? 0 : 1;
}

}  // namespace
}  // namespace roost::sim

int main(int argc, char** argv) {
  const std::vector<std::string_view> arguments(argv + (argc > 0), argv + argc);
  const auto command_line = roost::sim::parse_command_line(arguments);
  if (!command_line) {
    std::fprintf(stderr, "roost-sim: %s\n\n%s", command_line.error().c_str(),
                 roost::sim::usage().data());
    return 2;
  }
  if (command_line->wants_help) {
    std::fputs(roost::sim::usage().data(), stdout);
    return 0;
  }
  return roost::sim::run(*command_line);
}
