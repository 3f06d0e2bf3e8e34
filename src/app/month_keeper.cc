// SPDX-License-Identifier: MIT
#include "app/month_keeper.h"

namespace roost::app {
namespace {

constexpr std::string_view kFile = "month";
constexpr size_t kFileSizeMax = 64;

}  // namespace

MonthKeeper::MonthKeeper(const io::StateDir& state_dir, node::Budget& budget, io::Log& log,
                         MonoTime now)
    : state_dir_(state_dir), budget_(budget), log_(log), saved_at_(now) {}

void MonthKeeper::restore() {
  const auto content = state_dir_.read(kFile, kFileSizeMax);
  if (content && !content->has_value()) return;
  const auto month = content ? node::Budget::Month::parse(**content) : std::nullopt;
  if (!month) {
    log_.warn(
        "the count of this month's traffic is damaged and begins again; the file is kept as " +
        state_dir_.path() + "/month.damaged");
    state_dir_.set_aside(kFile);
    return;
  }
  saved_ = *month;
  budget_.restore(*month);
}

void MonthKeeper::save_if_due(MonoTime now) {
  const node::Budget::Month& month = budget_.month();
  if (month == saved_) return;
  const bool is_much = month.bytes_sent >= saved_.bytes_sent + kSaveBytes;
  if (now < saved_at_ + kSavePeriod && !is_much) return;
  if (save(false)) saved_at_ = now;
}

void MonthKeeper::save_at_stop() {
  if (budget_.month() != saved_) save(true);
}

bool MonthKeeper::save(bool sync) {
  const node::Budget::Month month = budget_.month();
  const auto written = state_dir_.write(kFile, month.encode(), sync);
  if (written) {
    saved_ = month;
  } else if (!is_failing_) {
    log_.error("the count of this month's traffic is not saved: " + written.error());
  }
  is_failing_ = !written;
  return !is_failing_;
}

}  // namespace roost::app
