// SPDX-License-Identifier: MIT
//
// Goal: what is written is the Prometheus text format.
// Method: small cases to the letter.
#include "node/metrics.h"

#include <gtest/gtest.h>

namespace roost::node {
namespace {

TEST(Metrics, WritesFamiliesSamplesAndLabels) {
  std::string text;
  MetricsWriter out(text);
  out.counter("roost_a_total", "A.").labelled("reason", "x", 3).labelled("reason", "y", 0);
  out.gauge("roost_b", "B.").value(0.5);
  EXPECT_EQ(
      "# HELP roost_a_total A.\n# TYPE roost_a_total counter\n"
      "roost_a_total{reason=\"x\"} 3\nroost_a_total{reason=\"y\"} 0\n"
      "# HELP roost_b B.\n# TYPE roost_b gauge\nroost_b 0.5\n",
      text);
}

TEST(Metrics, CumulatesTheBucketsOfAHistogram) {
  std::string text;
  const double bounds[] = {0.1, 1};
  const uint64_t counts[] = {1, 2, 4};
  MetricsWriter(text).histogram("roost_h", "H.", bounds, counts, 2.5);
  EXPECT_EQ(
      "# HELP roost_h H.\n# TYPE roost_h histogram\nroost_h_bucket{le=\"0.1\"} 1\n"
      "roost_h_bucket{le=\"1\"} 3\nroost_h_bucket{le=\"+Inf\"} 7\nroost_h_sum 2.5\n"
      "roost_h_count 7\n",
      text);
}

}  // namespace
}  // namespace roost::node
