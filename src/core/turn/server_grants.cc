// SPDX-License-Identifier: MIT
//
// Of Server: who is vouched for, by what, and for how long.
#include <algorithm>

#include "base/check.h"
#include "core/turn/server.h"
#include "core/turn/server_request.h"

namespace roost::core::turn {

using wire::StunAttribute;

HttpReply Server::answer(const Now& now, const HttpRequestArrived& request, Outbox& out) {
  const uint32_t strangers_max =
      options_.table.allocations_per_class[static_cast<size_t>(Payer::kStranger)];
  const uint32_t percent =
      strangers_max == 0 ? 0 : 100 * table_.count(Payer::kStranger) / strangers_max;
  return credentials_.answer(now, request, {grants_, is_accepting_, percent}, out);
}

void Server::set_grants(std::vector<Grant> grants, const Now& now) {
  note_relayed();
  grants_.set(std::move(grants));
  table_.for_each([&](const Allocation& allocation) {
    const Grant* const grant = grants_.find(allocation.proof.grant);
    if (grant == nullptr) return;
    table_.account_of(allocation).bytes_max = grant->bytes_max;
    const MonoTime ends_at = now.wall ? now.mono + grant->time_left(*now.wall) : MonoTime::max();
    const bool is_reserved = allocation.state == Allocation::State::kReserved;
    if (is_reserved || ends_at >= allocation.expires_at) return;
    table_.at(allocation.slot)->expires_at = ends_at;
    table_.set_deadline(allocation, ends_at);
  });
  end_whom_nobody_vouches_for(now.mono);
}

const Grants& Server::grants() {
  note_relayed();
  return grants_;
}

// The accounts count; what they have counted is kept with the grants, which live longer.
void Server::note_relayed() {
  table_.for_each([&](const Allocation& allocation) { note_relayed(allocation); });
}

void Server::note_relayed(const Allocation& allocation) {
  if (allocation.proof.grant == 0) return;
  grants_.note_relayed(allocation.proof.grant, table_.account_of(allocation).relayed_bytes);
}

// They have nothing to wait for: ended by the deadline, which is now.
void Server::end_whom_nobody_vouches_for(MonoTime now) {
  table_.for_each([&](const Allocation& allocation) {
    if (!authenticator_.still_knows(allocation.proof)) table_.set_deadline(allocation, now);
  });
}

// What the client wishes, within what we grant (§7.2): no longer than its credentials are valid,
// nor than its class may go on.
Duration Server::lifetime_for(const Request& request, const Allocation& allocation) const {
  const std::chrono::seconds wished(request.view.find_u32(StunAttribute::kLifetime).value_or(0));
  const bool is_stream = request.flow.transport != Transport::kUdp;
  const Duration longest = is_stream ? kStreamLifetimeMax : options_.lifetime_max;
  const Duration granted = std::clamp<Duration>(wished, kLifetimeDefault, longest);
  const Duration lifetime =
      std::min({granted, request.proof.valid_for, allocation.ends_at - request.now.mono});
  // In whole seconds, as the client is told: what it takes for over is over.
  return std::max(std::chrono::seconds(), std::chrono::floor<std::chrono::seconds>(lifetime));
}

// Whether the grant, if there is one, or the stranger's period has something left. What an earlier
// account had relayed counts for the grant.
bool Server::open_account(MonoTime now, Allocation& allocation) {
  if (allocation.proof.payer == Payer::kStranger) {
    begin_period(now, allocation);
    return !forwarder_.is_used_up(allocation, Forwarder::kHeaderBytes);
  }
  if (allocation.proof.grant == 0) return true;
  const Grant* const grant = grants_.find(allocation.proof.grant);
  CHECK(grant != nullptr);  // It vouched for this very request.
  Account& account = table_.account_of(allocation);
  account.bytes_max = grant->bytes_max;
  account.relayed_bytes = std::max(account.relayed_bytes, grant->relayed_bytes);
  return account.bytes_max == 0 || account.relayed_bytes < account.bytes_max;
}

// Which period that is, the credentials' name says: each belongs to one, whenever it is used, and
// two of them at most have any that are valid. They begin at another time for each account, so that
// not all come at once.
//
// Where the clock was set back, credentials of more than two periods are valid: those of an earlier
// one draw on the later one that has its place, or two of them in turn would each give all bytes
// anew. After the time of two periods that one is over, whatever the clock once said it was.
void Server::begin_period(MonoTime now, Allocation& allocation) {
  const Authenticator::Proof& proof = allocation.proof;
  if (proof.payer != Payer::kStranger) return;
  const auto seconds = std::chrono::floor<std::chrono::seconds>(options_.stranger_period).count();
  const int64_t length = std::max<int64_t>(1, seconds);
  const auto shift = static_cast<int64_t>(proof.user % static_cast<uint64_t>(length));
  // The name is to be believed: it is signed by us.
  allocation.period = (proof.expires_at.time_since_epoch().count() + shift) / length;
  Account::Period& period = table_.account_of(allocation).period(allocation.period);
  const bool is_over = now >= period.begun_at + 2 * options_.stranger_period;
  if (allocation.period > period.number || (allocation.period < period.number && is_over)) {
    period = {allocation.period, 0, now};
  }
}

}  // namespace roost::core::turn
