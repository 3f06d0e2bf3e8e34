// SPDX-License-Identifier: MIT
//
// Goal: each option does what the usage says, what is wrong is told, and a failure can be replayed.
// Method: tables of arguments.
#include "sim/command_line.h"

#include <gtest/gtest.h>
#include <vector>

namespace roost::sim {
namespace {

using Arguments = std::vector<std::string_view>;

CommandLine parsed(const Arguments& arguments) {
  const auto result = parse_command_line(arguments);
  EXPECT_TRUE(result.has_value()) << result.error();
  return *result;
}

TEST(CommandLine, OfNoArgumentsPlaysTheFirstSeedOfEachOnesOwnProfile) {
  const CommandLine result = parsed({});
  EXPECT_EQ(result.first_seed, 1u);
  EXPECT_EQ(result.seed_count, std::nullopt);
  EXPECT_EQ(result.profile, std::nullopt);
  EXPECT_EQ(result.wishes.node_count, 0u);
  EXPECT_EQ(result.wishes.client_count, 0u);
  EXPECT_EQ(result.wishes.minutes, 0u);
  EXPECT_FALSE(result.prints_trace);
  EXPECT_FALSE(result.wants_help);
}

TEST(CommandLine, TakesValuesBehindABlankOrAnEqualsSign) {
  const Arguments spellings[] = {
      {"--seed", "12", "--seeds", "34", "--profile", "nat-zoo", "--nodes", "5", "--clients", "6",
       "--minutes", "7", "--trace"},
      {"--trace", "--minutes=7", "--clients=6", "--nodes=5", "--profile=nat-zoo", "--seeds=34",
       "--seed=12"},
  };
  for (const Arguments& arguments : spellings) {
    const CommandLine result = parsed(arguments);
    EXPECT_EQ(result.first_seed, 12u);
    EXPECT_EQ(result.seed_count, 34u);
    EXPECT_EQ(result.profile, Profile::kNatZoo);
    EXPECT_EQ(result.wishes.node_count, 5u);
    EXPECT_EQ(result.wishes.client_count, 6u);
    EXPECT_EQ(result.wishes.minutes, 7u);
    EXPECT_TRUE(result.prints_trace);
    EXPECT_FALSE(result.wants_help);
  }
}

TEST(CommandLine, AsksForHelpInBothSpellings) {
  EXPECT_TRUE(parsed({"--help"}).wants_help);
  EXPECT_TRUE(parsed({"--seed", "2", "-h"}).wants_help);
}

TEST(CommandLine, TakesAnySeedAndCountsUpToABound) {
  EXPECT_EQ(parsed({"--seed", "18446744073709551615"}).first_seed, ~uint64_t{0});
  EXPECT_EQ(parsed({"--seeds", "0"}).seed_count, 0u);
  EXPECT_EQ(parsed({"--nodes", "100000"}).wishes.node_count, 100'000u);
  EXPECT_EQ(parsed({"--lookups", "5000"}).lookup_count, 5000u);
  EXPECT_EQ(parsed({}).lookup_count, 0u);
}

TEST(CommandLine, SaysWhatIsWrong) {
  struct Row {
    Arguments arguments;
    std::string expect;
  };
  const Row rows[] = {
      {{"--speed", "1"}, "no option --speed"},
      {{"--speed=1"}, "no option --speed"},
      {{"12"}, "no option 12"},
      {{""}, "no option "},
      {{"--trace=1"}, "no option --trace"},
      {{"--seed"}, "--seed needs a value"},
      {{"--nodes", "1", "--profile"}, "--profile needs a value"},
      {{"--seed="}, " is no value for --seed"},
      {{"--seed", "-1"}, "-1 is no value for --seed"},
      {{"--seed", "+1"}, "+1 is no value for --seed"},
      {{"--seed", "1x"}, "1x is no value for --seed"},
      {{"--seed", "18446744073709551616"}, "18446744073709551616 is no value for --seed"},
      {{"--seeds", "many"}, "many is no value for --seeds"},
      {{"--profile", "storm"}, "storm is no value for --profile"},
      {{"--profile="}, " is no value for --profile"},
      {{"--nodes=100001"}, "100001 is no value for --nodes"},
      {{"--clients", "100001"}, "100001 is no value for --clients"},
      {{"--minutes", "1000001"}, "1000001 is no value for --minutes"},
      {{"--hostile", "100001"}, "100001 is no value for --hostile"},
      {{"--hostile-within", "20"}, "20 is no value for --hostile-within"},
  };
  for (const Row& row : rows) {
    const auto result = parse_command_line(row.arguments);
    ASSERT_FALSE(result.has_value()) << row.expect;
    EXPECT_EQ(result.error(), row.expect);
  }
}

TEST(CommandLine, GivesEachSeedItsOwnProfileUnlessToldOtherwise) {
  for (uint64_t seed = 0; seed < 2 * kProfileCount; ++seed) {
    const Play own = CommandLine().play_of(seed);
    EXPECT_EQ(own.seed, seed);
    EXPECT_EQ(own.profile, static_cast<Profile>(seed % kProfileCount));
    EXPECT_EQ(parsed({"--profile", "flood"}).play_of(seed).profile, Profile::kFlood);
  }
}

TEST(CommandLine, NamesEachOptionInItsUsage) {
  for (const std::string_view option :
       {"--seed N", "--seeds COUNT", "--profile NAME", "--nodes N", "--clients N", "--minutes N",
        "--trace", "--lookups COUNT", "calm", "lossy", "hostile", "flood", "nat-zoo", "clock",
        "swarm", "--hostile N", "--hostile-within BITS"}) {
    EXPECT_NE(usage().find(option), std::string_view::npos) << option;
  }
}

TEST(CommandLine, ReplaysAWorldByACommandThatMeansTheSameWorld) {
  const Arguments commands[] = {
      {},
      {"--seeds", "500", "--seed", "100"},
      {"--profile", "clock", "--trace"},
      {"--nodes", "2"},
      {"--clients=30", "--minutes=9"},
      {"--nodes", "2", "--clients", "3", "--minutes", "4", "--profile", "hostile"},
      {"--profile", "swarm", "--hostile", "28", "--hostile-within=24"},
  };
  for (const Arguments& arguments : commands) {
    for (const uint64_t seed : {uint64_t{0}, uint64_t{7}, ~uint64_t{0}}) {
      const CommandLine command_line = parsed(arguments);
      const std::string command = replay_command(command_line, seed);
      Arguments words;
      for (std::string_view rest = command; !rest.empty();) {
        const size_t blank = std::min(rest.find(' '), rest.size());
        words.push_back(rest.substr(0, blank));
        rest.remove_prefix(std::min(blank + 1, rest.size()));
      }
      ASSERT_EQ(words.front(), "roost-sim");
      words.erase(words.begin());
      const CommandLine again = parsed(words);
      EXPECT_EQ(again.first_seed, seed) << command;
      EXPECT_EQ(again.seed_count, std::nullopt) << command;
      const Play expect = command_line.play_of(seed);
      const Play play = again.play_of(again.first_seed);
      EXPECT_EQ(play.seed, expect.seed) << command;
      EXPECT_EQ(play.profile, expect.profile) << command;
      EXPECT_EQ(play.node_count, expect.node_count) << command;
      EXPECT_EQ(play.client_count, expect.client_count) << command;
      EXPECT_EQ(play.minutes, expect.minutes) << command;
      EXPECT_EQ(play.hostile_count, expect.hostile_count) << command;
      EXPECT_EQ(play.hostile_prefix, expect.hostile_prefix) << command;
    }
  }
}

}  // namespace
}  // namespace roost::sim
