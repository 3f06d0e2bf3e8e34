// SPDX-License-Identifier: MIT
//
// Goal: each turn of the loop is counted in the bucket that it belongs to, and in the sum.
// Method: durations by hand, and what Prometheus would read.
#include "io/loop_histogram.h"

#include <gtest/gtest.h>
#include <map>
#include <sstream>

namespace roost::io {
namespace {

using namespace std::chrono_literals;

// The samples by name and labels.
std::map<std::string, std::string> samples(const LoopHistogram& histogram) {
  std::string text;
  node::MetricsWriter writer(text);
  histogram.write("roost_test_seconds", "Help.", writer);
  std::map<std::string, std::string> result;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const size_t space = line.rfind(' ');
    result[line.substr(0, space)] = line.substr(space + 1);
  }
  return result;
}

std::string bucket(const std::string& bound) {
  return "roost_test_seconds_bucket{le=\"" + bound + "\"}";
}

// In the shortest form of each.
const char* const kBounds[] = {"5e-05", "1e-04", "0.00025", "5e-04", "0.001", "0.0025",
                               "0.005", "0.01",  "0.1",     "1",     "+Inf"};

TEST(LoopHistogram, BeginsWithNothing) {
  const auto empty = samples(LoopHistogram());
  EXPECT_EQ("histogram", empty.at("# TYPE roost_test_seconds"));
  for (const char* const bound : kBounds) EXPECT_EQ("0", empty.at(bucket(bound))) << bound;
  EXPECT_EQ("0", empty.at("roost_test_seconds_sum"));
  EXPECT_EQ("0", empty.at("roost_test_seconds_count"));
}

TEST(LoopHistogram, CountsEachDurationFromItsBucketOn) {
  struct Row {
    Duration busy;
    std::string bound;  // The first that it is not above.
  };
  const Row rows[] = {
      {0us, "5e-05"},      {50us, "5e-05"},    {51us, "1e-04"},    {100us, "1e-04"},
      {101us, "0.00025"},  {250us, "0.00025"}, {251us, "5e-04"},   {500us, "5e-04"},
      {501us, "0.001"},    {1ms, "0.001"},     {1001us, "0.0025"}, {2500us, "0.0025"},
      {2501us, "0.005"},   {5ms, "0.005"},     {5001us, "0.01"},   {10ms, "0.01"},
      {10001us, "0.1"},    {100ms, "0.1"},     {100001us, "1"},    {1s, "1"},
      {1000001us, "+Inf"}, {1h, "+Inf"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::to_string(row.busy.count()) + " us");
    LoopHistogram histogram;
    histogram.add(row.busy);
    const auto counts = samples(histogram);
    bool is_reached = false;
    for (const char* const bound : kBounds) {
      is_reached |= bound == row.bound;
      EXPECT_EQ(is_reached ? "1" : "0", counts.at(bucket(bound))) << bound;
    }
    EXPECT_EQ("1", counts.at("roost_test_seconds_count"));
  }
}

TEST(LoopHistogram, SumsUp) {
  LoopHistogram histogram;
  for (const Duration busy : {30us, 40us, 200us, 2000us}) histogram.add(busy);
  histogram.add(3s);
  const auto sums = samples(histogram);
  EXPECT_EQ("2", sums.at(bucket("5e-05")));
  EXPECT_EQ("2", sums.at(bucket("1e-04")));
  EXPECT_EQ("3", sums.at(bucket("0.00025")));
  EXPECT_EQ("3", sums.at(bucket("0.001")));
  EXPECT_EQ("4", sums.at(bucket("0.0025")));
  EXPECT_EQ("4", sums.at(bucket("1")));
  EXPECT_EQ("5", sums.at(bucket("+Inf")));
  EXPECT_EQ("5", sums.at("roost_test_seconds_count"));
  EXPECT_EQ("3.00227", sums.at("roost_test_seconds_sum"));
}

}  // namespace
}  // namespace roost::io
