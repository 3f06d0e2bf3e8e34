// SPDX-License-Identifier: MIT
#include "app/grant_keeper.h"

#include <algorithm>

#include "app/grant_file.h"
#include "io/clock.h"

namespace roost::app {
namespace {

uint64_t sum(const std::map<uint64_t, uint64_t>& used) {
  uint64_t bytes = 0;
  for (const auto& [id, of_one] : used) bytes += of_one;
  return bytes;
}

}  // namespace

GrantKeeper::GrantKeeper(io::EventLoop& loop, const io::StateDir& state_dir, node::Node& node,
                         io::Log& log, MonoTime now, std::function<void()> changed)
    : state_dir_(state_dir),
      node_(node),
      log_(log),
      changed_(std::move(changed)),
      watch_(loop, state_dir.directory_fd(), std::string(kGrantFile),
             [this] { load(io::read_clocks()); }),
      saved_at_(now),
      report_(log, "what grants have relayed") {
  if (!watch_.is_watching()) {
    log_.warn("changes of grants are seen at a reload only: inotify is not to be had");
  }
  restore();
}

void GrantKeeper::restore() {
  const auto file = state_dir_.read(kUsedFile, kGrantFileSizeMax);
  if (file && !*file) return;
  const auto used = file ? parse_used(as_text(**file)) : std::nullopt;
  if (used) {
    used_ = saved_ = *used;
    return;
  }
  log_.warn("what grants have relayed is damaged and counted anew; the file is kept as " +
            state_dir_.path() + '/' + std::string(kUsedFile) + ".damaged");
  state_dir_.set_aside(kUsedFile);
}

void GrantKeeper::load(const Now& now) {
  count();
  const auto file = state_dir_.read(kGrantFile, kGrantFileSizeMax);
  if (!file) {
    if (is_readable_) log_.error("the grants stay as they were: " + file.error());
    is_readable_ = false;
    return;
  }
  is_readable_ = true;
  std::vector<NamedGrant> named;
  if (*file) {
    const auto parsed = parse_grants(as_text(**file));
    if (!parsed) {
      return log_.error("the grants stay as they were: " + state_dir_.path() + '/' +
                        std::string(kGrantFile) + " is damaged: " + parsed.error());
    }
    named = *parsed;
  }
  std::vector<node::Grant> grants;
  Used used;
  for (const NamedGrant& one : named) {
    grants.push_back(one.grant());
    if (const auto found = used_.find(one.id()); found != used_.end()) {
      grants.back().relayed_bytes = found->second;
      used.insert(*found);
    }
  }
  if (*file) used_ = std::move(used);
  if (grants.size() != in_force_) log_.info("grants in force: " + std::to_string(grants.size()));
  in_force_ = grants.size();
  node_.set_grants(std::move(grants), now);
  changed_();
}

void GrantKeeper::keep_house(const Now& now) {
  if (!is_readable_) load(now);
  count();
  if (is_saved()) return;
  const bool is_due = now.mono >= saved_at_ + kSavePeriod ||
                      sum(used_) >= sum(saved_) + kSaveBytes || report_.is_failing() ||
                      has_lost_its_file();
  if (!is_due) return;
  save(false);
  saved_at_ = now.mono;
}

void GrantKeeper::save_at_stop() {
  count();
  if (!is_saved()) save(true);
}

void GrantKeeper::count() {
  const node::Grants* const grants = node_.grants();
  if (grants == nullptr) return;
  for (const node::Grant& grant : grants->all()) {
    if (grant.relayed_bytes > 0) used_[grant.id] = grant.relayed_bytes;
  }
}

bool GrantKeeper::is_saved() const {
  return used_ == saved_ && !has_lost_its_file();
}

bool GrantKeeper::has_lost_its_file() const {
  return !saved_.empty() && !state_dir_.has(kUsedFile);
}

void GrantKeeper::save(bool sync) {
  const auto written = state_dir_.write(kUsedFile, as_bytes(used_text(used_)), sync);
  report_.note(written);
  if (written) saved_ = used_;
}

}  // namespace roost::app
