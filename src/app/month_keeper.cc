// SPDX-License-Identifier: MIT
#include "app/month_keeper.h"

namespace roost::app {
namespace {

constexpr size_t kFileSizeMax = 64;

}  // namespace

MonthKeeper::MonthKeeper(const io::StateDir& state_dir, node::Budget& budget, io::Log& log,
                         MonoTime now)
    : state_dir_(state_dir),
      budget_(budget),
      log_(log),
      flushed_at_(now),
      report_(log, "the count of this month's traffic") {}

void MonthKeeper::restore() {
  const auto content = state_dir_.read(kFile, kFileSizeMax);
  if (!content || content->has_value()) {
    const auto month = content ? node::Budget::Month::parse(**content) : std::nullopt;
    if (month) {
      kept_ = *month;
      budget_.restore(*month);
    } else {
      log_.warn(
          "the count of this month's traffic is damaged and begins again; the file is kept as " +
          state_dir_.path() + "/month.damaged");
      state_dir_.set_aside(kFile);
    }
  }
  open();
}

void MonthKeeper::cover() {
  // Even if it fails: it is tried again when as much more was sent, or a minute has passed.
  write(budget_.cover());
}

void MonthKeeper::keep_house(MonoTime now) {
  if (!file_ || !file_->is_linked()) {
    open();
  } else if (report_.is_failing()) {
    write(kept_);
  }
  if (is_flushed_ || now < flushed_at_ + kFlushPeriod) return;
  if (file_) file_->begin_flush();
  is_flushed_ = true;
  flushed_at_ = now;
}

void MonthKeeper::save_at_stop() {
  if (budget_.month() == kept_ && is_flushed_ && !report_.is_failing()) return;
  kept_ = budget_.month();
  open();
}

// A new file, with what is to be kept in it.
void MonthKeeper::open() {
  auto opened = state_dir_.open_record(kFile, kept_.encode());
  file_.reset();
  if (opened) file_.emplace(std::move(*opened));
  report_.note(opened ? Result<Done, std::string>(Done()) : Failure(opened.error()));
}

void MonthKeeper::write(const node::Budget::Month& month) {
  kept_ = month;
  is_flushed_ = false;
  // Making one waits for the disk, which is for keep_house() to do.
  if (file_) report_.note(file_->overwrite(month.encode()));
}

}  // namespace roost::app
