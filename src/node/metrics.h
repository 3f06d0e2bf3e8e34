// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/time.h"

namespace roost::node {

class Node;

// Writes metrics in the Prometheus text format, version 0.0.4.
//
// Names are roost_<subject>_<unit>, with _total behind counters. Label values are words of our own
// (enumerators, services), never anything that a peer sent.
class MetricsWriter {
 public:
  explicit MetricsWriter(std::string& out) : out_(out) {}

  // Each opens a family; value() and labelled() then add samples to it.
  MetricsWriter& counter(std::string_view name, std::string_view help);
  MetricsWriter& gauge(std::string_view name, std::string_view help);

  MetricsWriter& value(uint64_t value);
  MetricsWriter& value(double value);
  MetricsWriter& labelled(std::string_view label, std::string_view label_value, uint64_t value);
  MetricsWriter& labelled(std::string_view labels, uint64_t value);  // "a=\"b\",c=\"d\"".

  // A whole histogram: `bounds_seconds` ascending, `counts` of one bucket each and one more for
  // what lies above the last bound (not cumulated; this sums them up).
  void histogram(std::string_view name, std::string_view help,
                 std::span<const double> bounds_seconds, std::span<const uint64_t> counts,
                 double sum_seconds);

 private:
  void family(std::string_view name, std::string_view help, std::string_view type);
  void sample(std::string_view suffix, std::string_view labels, std::string_view value);

  std::string& out_;
  std::string name_;
};

// All that the node itself counts. The shell adds what only it knows (process, loop, sockets).
void write_metrics(const Node& node, const Now& now, MetricsWriter& out);

}  // namespace roost::node
