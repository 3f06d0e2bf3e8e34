// SPDX-License-Identifier: MIT
#include "sim/verdict.h"

namespace roost::sim {

void Verdict::fail(MonoTime at, std::string_view what) {
  if (++count_ > kKeptMax) return;
  std::string line = "at ";
  line += std::to_string(at.time_since_epoch().count());
  line.append(" us: ").append(what);
  faults_.push_back(std::move(line));
}

std::string Verdict::text() const {
  std::string result;
  for (const std::string& fault : faults_) result += fault + '\n';
  if (count_ > kKeptMax) result += "and " + std::to_string(count_ - kKeptMax) + " more\n";
  return result;
}

}  // namespace roost::sim
