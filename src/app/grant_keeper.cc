// SPDX-License-Identifier: MIT
#include "app/grant_keeper.h"

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
                         io::Driver& driver, io::Log& log, MonoTime now)
    : state_dir_(state_dir),
      node_(node),
      driver_(driver),
      log_(log),
      watch_(loop, state_dir.directory_fd(), std::string(kGrantFile), [this] { load(); }),
      saved_at_(now) {
  if (!watch_.is_watching()) {
    log_.warn("changes of grants are seen at a reload only: inotify is not to be had");
  }
  if (const auto file = state_dir_.read(kUsedFile, kGrantFileSizeMax); file && *file) {
    saved_ = parse_used(as_text(**file));
  }
}

void GrantKeeper::load() {
  const auto file = state_dir_.read(kGrantFile, kGrantFileSizeMax);
  std::vector<NamedGrant> named;
  if (!file) {
    return log_.error("the grants stay as they were: " + file.error());
  }
  if (*file) {
    const auto parsed = parse_grants(as_text(**file));
    if (!parsed) {
      return log_.error("the grants stay as they were: " + state_dir_.path() + '/' +
                        std::string(kGrantFile) + " is damaged: " + parsed.error());
    }
    named = *parsed;
  }
  std::vector<node::Grant> grants;
  for (const NamedGrant& one : named) {
    grants.push_back(one.grant());
    if (const auto used = saved_.find(one.id()); used != saved_.end()) {
      grants.back().relayed_bytes = used->second;
    }
  }
  if (grants.size() != count_) log_.info("grants in force: " + std::to_string(grants.size()));
  count_ = grants.size();
  node_.set_grants(std::move(grants), io::read_clocks());
  driver_.turn(core::DeadlinePassed{});  // Whose grant is revoked ends now.
}

GrantKeeper::Used GrantKeeper::used() const {
  Used used;
  const node::Grants* const grants = node_.grants();
  if (grants == nullptr) return saved_;
  for (const node::Grant& grant : grants->all()) {
    if (grant.relayed_bytes > 0) used[grant.id] = grant.relayed_bytes;
  }
  return used;
}

void GrantKeeper::save_if_due(MonoTime now) {
  const Used now_used = used();
  if (now_used == saved_) return;
  if (now < saved_at_ + kSavePeriod && sum(now_used) < sum(saved_) + kSaveBytes) return;
  save(now_used, false);
  saved_at_ = now;
}

void GrantKeeper::save_at_stop() {
  const Used now_used = used();
  if (now_used != saved_) save(now_used, true);
}

void GrantKeeper::save(const Used& used, bool sync) {
  const auto written = state_dir_.write(kUsedFile, as_bytes(used_text(used)), sync);
  if (!written) return log_.error("what grants have relayed is not saved: " + written.error());
  saved_ = used;
}

}  // namespace roost::app
