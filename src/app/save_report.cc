// SPDX-License-Identifier: MIT
#include "app/save_report.h"

namespace roost::app {

void SaveReport::note(const Result<Done, std::string>& done) {
  if (!done && !is_failing_) log_.error(what_ + " is not saved: " + done.error());
  if (done && is_failing_) log_.info(what_ + " is saved again");
  is_failing_ = !done;
}

}  // namespace roost::app
