// SPDX-License-Identifier: MIT
#include "app/spelling.h"

#include <algorithm>
#include <array>
#include <utility>

namespace roost::app {
namespace {

constexpr size_t kWordSizeMax = 64;  // Longer than any name; bounds the work.

using Row = std::array<size_t, kWordSizeMax + 1>;

}  // namespace

// Optimal string alignment: three rows of the usual table, since a swap looks two back.
size_t edit_distance(std::string_view a, std::string_view b) {
  if (a.size() > kWordSizeMax || b.size() > kWordSizeMax) return std::max(a.size(), b.size());
  Row two_back{};
  Row one_back{};
  Row row{};
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    two_back = std::exchange(one_back, row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = one_back[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({one_back[j] + 1, row[j - 1] + 1, replaced});
      const bool is_swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (is_swap) row[j] = std::min(row[j], two_back[j - 2] + 1);
    }
  }
  return row[b.size()];
}

std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> candidates) {
  std::optional<std::string_view> best;
  size_t best_distance = 0;
  for (const std::string_view candidate : candidates) {
    const size_t distance = edit_distance(word, candidate);
    if (distance > std::max<size_t>(1, candidate.size() / 3)) continue;
    if (best && distance >= best_distance) continue;
    best = candidate;
    best_distance = distance;
  }
  return best;
}

}  // namespace roost::app
