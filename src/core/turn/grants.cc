// SPDX-License-Identifier: MIT
#include "core/turn/grants.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/check.h"

namespace roost::core::turn {

std::chrono::seconds Grant::time_left(WallTime now) const {
  constexpr std::chrono::seconds kYear = std::chrono::hours(24 * 365);
  if (!expires_at) return kYear;
  return has_expired(now) ? std::chrono::seconds() : std::min(*expires_at - now, kYear);
}

void Grants::set(std::vector<Grant> grants) {
  CHECK(grants.size() <= kCountMax);
  for (Grant& grant : grants) {
    const Grant* const known = find(grant.id);
    if (known != nullptr) grant.relayed_bytes = std::max(grant.relayed_bytes, known->relayed_bytes);
  }
  std::sort(grants.begin(), grants.end(),
            [](const Grant& a, const Grant& b) { return a.id < b.id; });
  grants_ = std::move(grants);
}

size_t Grants::place_of(uint64_t id) const {
  const auto found =
      std::lower_bound(grants_.begin(), grants_.end(), id,
                       [](const Grant& grant, uint64_t wanted) { return grant.id < wanted; });
  return static_cast<size_t>(found - grants_.begin());
}

const Grant* Grants::find(uint64_t id) const {
  const size_t place = place_of(id);
  return place < grants_.size() && grants_[place].id == id ? &grants_[place] : nullptr;
}

const Grant* Grants::find_by_token(std::string_view token) const {
  const Sha256Digest hash = sha256(as_bytes(token));
  const Grant* const found = find(load_u64(hash.data()));
  return found != nullptr && same_bytes_constant_time(found->token_hash, hash) ? found : nullptr;
}

void Grants::note_relayed(uint64_t id, uint64_t bytes) {
  if (find(id) == nullptr) return;
  Grant& grant = grants_[place_of(id)];
  grant.relayed_bytes = std::max(grant.relayed_bytes, bytes);
}

}  // namespace roost::core::turn
