// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/time.h"

namespace roost::core::reach {

// A home router that speaks PCP, NAT-PMP, both or nothing, reads and writes its own bytes, and
// forgets its mappings when it is switched off.
class FakeGateway {
 public:
  using Datagram = std::vector<uint8_t>;
  enum class Speech { kSilent, kComplains, kSpeaks };

  Speech pcp = Speech::kSpeaks;
  Speech nat_pmp = Speech::kComplains;
  IpAddress external = *IpAddress::parse("9.9.9.9");
  uint16_t port_shift = 0;  // Grants another port than was suggested: by so much.
  uint32_t lifetime_max = 7200;
  uint32_t lifetime_min = 0;
  uint8_t result = 0;  // Of each request for a mapping; in NAT-PMP its own codes.
  uint32_t error_lifetime = 1800;
  bool is_error_short = false;  // NAT-PMP's errors give back the request as it came.

  struct Mapping {
    uint16_t external_port = 0;
    MonoTime until{};
    Datagram nonce{};
  };

  explicit FakeGateway(MonoTime since) : since_(since) {}

  void restart(MonoTime now) {
    since_ = now;
    mappings_.clear();
  }

  // By protocol and internal port, as long as it lives.
  std::optional<Mapping> mapping(MonoTime now, uint8_t protocol, uint16_t internal_port) const {
    const auto found = mappings_.find({protocol, internal_port});
    if (found == mappings_.end() || found->second.until <= now) return {};
    return found->second;
  }
  size_t mapping_count(MonoTime now) const {
    size_t count = 0;
    for (const auto& [key, mapping] : mappings_) count += mapping.until > now;
    return count;
  }

  std::optional<Datagram> answer(MonoTime now, Bytes request) {
    if (request.size() >= 2 && request[0] == 2 && request[1] < 128) return pcp_answer(now, request);
    if (request.size() >= 2 && request[0] == 0 && request[1] < 128) {
      return nat_pmp_answer(now, request);
    }
    return {};
  }

  Datagram pcp_announcement(MonoTime now) const { return pcp_header(now, 128, 0, 0); }
  Datagram nat_pmp_announcement(MonoTime now) const {
    Datagram sent = {0, 128, 0, 0};
    put(sent, epoch(now), 4);
    put(sent, external.v4_value(), 4);
    return sent;
  }

 private:
  uint32_t epoch(MonoTime now) const {
    return static_cast<uint32_t>(std::chrono::floor<std::chrono::seconds>(now - since_).count());
  }
  static void put(Datagram& to, uint64_t value, size_t size) {
    for (size_t i = 0; i < size; ++i)
      to.push_back(static_cast<uint8_t>(value >> 8 * (size - 1 - i)));
  }
  Datagram pcp_header(MonoTime now, uint8_t opcode, uint8_t error, uint32_t lifetime) const {
    Datagram sent = {2, opcode, 0, error};
    put(sent, lifetime, 4);
    put(sent, epoch(now), 4);
    sent.resize(24);
    return sent;
  }

  std::optional<Datagram> pcp_answer(MonoTime now, Bytes request) {
    if (pcp == Speech::kSilent) return {};
    if (pcp == Speech::kComplains) {
      Datagram sent = {0, 128, 0, 1};
      put(sent, epoch(now), 4);
      return sent;
    }
    if (request.size() == 24 && request[1] == 0) return pcp_announcement(now);
    if (request.size() != 60 || request[1] != 1) return {};
    const Bytes data = request.subspan(24);
    Datagram copy(data.begin(), data.end());
    if (result != 0) {
      Datagram sent = pcp_header(now, 129, result, error_lifetime);
      sent.insert(sent.end(), copy.begin(), copy.end());
      return sent;
    }
    const uint32_t lifetime = granted(load_u32(&request[4]));
    const uint16_t port = map(now, data[12], load_u16(&data[16]), load_u16(&data[18]), lifetime);
    if (lifetime > 0) {
      mappings_[{data[12], load_u16(&data[16])}].nonce.assign(data.begin(), data.begin() + 12);
      store_u16(&copy[18], port);
      const auto address = external.is_v4() ? external : IpAddress::v6(request.subspan<8, 16>());
      const auto bytes = address.v6_bytes();
      std::copy(bytes.begin(), bytes.end(), copy.begin() + 20);
    }
    Datagram sent = pcp_header(now, 129, 0, lifetime);
    sent.insert(sent.end(), copy.begin(), copy.end());
    return sent;
  }

  std::optional<Datagram> nat_pmp_answer(MonoTime now, Bytes request) {
    if (nat_pmp == Speech::kSilent) return {};
    if (nat_pmp == Speech::kComplains) return pcp_header(now, 128, 1, 1800);
    if (request.size() == 2 && request[1] == 0) return nat_pmp_announcement(now);
    if (request.size() != 12) return {};
    Datagram sent = {0, static_cast<uint8_t>(128 + request[1]), 0, result};
    if (result != 0 && is_error_short) {
      sent.insert(sent.end(), request.begin() + 4, request.end());
      return sent;
    }
    const uint8_t protocol = request[1] == 1 ? 17 : 6;
    const uint32_t lifetime = result != 0 ? 0 : granted(load_u32(&request[8]));
    const uint16_t port =
        result != 0 ? uint16_t{0}
                    : map(now, protocol, load_u16(&request[4]), load_u16(&request[6]), lifetime);
    put(sent, epoch(now), 4);
    put(sent, load_u16(&request[4]), 2);
    put(sent, port, 2);
    put(sent, lifetime, 4);
    return sent;
  }

  uint32_t granted(uint32_t asked) const {
    return asked == 0 ? 0 : std::max(lifetime_min, std::min(asked, lifetime_max));
  }

  // The port that is given; none when the mapping is deleted.
  uint16_t map(MonoTime now, uint8_t protocol, uint16_t internal_port, uint16_t suggested,
               uint32_t lifetime) {
    if (lifetime == 0) {
      mappings_.erase({protocol, internal_port});
      return 0;
    }
    Mapping& mapping = mappings_[{protocol, internal_port}];
    if (mapping.until <= now) mapping.external_port = static_cast<uint16_t>(suggested + port_shift);
    mapping.until = now + std::chrono::seconds(lifetime);
    return mapping.external_port;
  }

  MonoTime since_;
  std::map<std::pair<uint8_t, uint16_t>, Mapping> mappings_;
};

}  // namespace roost::core::reach
