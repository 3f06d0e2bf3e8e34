// SPDX-License-Identifier: MIT
#include "core/dht/ping_cookie.h"

#include <algorithm>

#include "base/cursor.h"

namespace roost::core::dht {
namespace {

int64_t slot_of(MonoTime now) {
  return now.time_since_epoch() / PingCookies::kSlot;
}

}  // namespace

std::string_view label(PingPurpose purpose) {
  switch (purpose) {
    case PingPurpose::kProof: return "proof";
    case PingPurpose::kAdmission: return "admission";
    case PingPurpose::kVerify: return "verify";
    case PingPurpose::kQuality15: return "quality_15min";
    case PingPurpose::kQuality60: return "quality_60min";
    case PingPurpose::kTable: return "table";
    case PingPurpose::kBootstrap: return "bootstrap";
  }
  return "";
}

PingCookies::Cookie PingCookies::cookie_of(int64_t slot, PingPurpose purpose,
                                           const Endpoint& to) const {
  std::array<uint8_t, 1 + 8 + 16 + 2> bytes;
  Writer writer(bytes);
  writer.u8(static_cast<uint8_t>(purpose));
  writer.u64(static_cast<uint64_t>(slot));
  writer.u64(to.address.high());
  writer.u64(to.address.low());
  writer.u16(to.port);
  Cookie cookie;
  store_u64(cookie.data(), sip_hash(secret_, bytes));
  cookie.front() = static_cast<uint8_t>(purpose);
  return cookie;
}

PingCookies::Cookie PingCookies::make(MonoTime now, PingPurpose purpose, const Endpoint& to) const {
  return cookie_of(slot_of(now), purpose, to);
}

std::optional<PingPurpose> PingCookies::check(MonoTime now, Bytes transaction_id,
                                              const Endpoint& from) const {
  if (transaction_id.size() != kSize || transaction_id[0] >= kPingPurposeCount) return {};
  const auto purpose = static_cast<PingPurpose>(transaction_id[0]);
  const int64_t slot = slot_of(now);
  for (const int64_t candidate : {slot, slot - 1}) {
    if (same_bytes_constant_time(cookie_of(candidate, purpose, from), transaction_id)) {
      return purpose;
    }
  }
  return {};
}

}  // namespace roost::core::dht
