// SPDX-License-Identifier: MIT
#include "app/reload_diff.h"

#include <algorithm>
#include <variant>

#include "app/options.h"
#include "base/check.h"

namespace roost::app {
namespace {

// Holds the option below what it was at start, and says whether that changed it.
bool cap(const OptionKind& kind, const node::Config& at_start, node::Config& config) {
  const auto* const count = std::get_if<Count>(&kind);
  CHECK(count != nullptr);  // What else could a table's size be.
  const uint32_t max = count->field.of(at_start);
  uint32_t& value = count->field.in(config);
  if (value <= max) return false;
  value = max;
  return true;
}

}  // namespace

ReloadDiff diff_for_reload(const node::Config& at_start, const node::Config& running,
                           const node::Config& next) {
  ReloadDiff diff{{}, {}, next};
  for (const Option& option : options()) {
    const auto differs_from_running = [&] {
      return value_text(option.kind, diff.effective) != value_text(option.kind, running);
    };
    switch (option.reload) {
      case Reload::kTakenOver: break;
      case Reload::kUpToStart:
        if (cap(option.kind, at_start, diff.effective)) {
          diff.need_restart.push_back(option.full_name);
        }
        break;
      case Reload::kRestart:
        if (differs_from_running()) diff.need_restart.push_back(option.full_name);
        copy_value(option.kind, running, diff.effective);
        break;
    }
    if (differs_from_running()) diff.taken_over.push_back(option.full_name);
  }
  return diff;
}

}  // namespace roost::app
