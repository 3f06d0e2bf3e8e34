// SPDX-License-Identifier: MIT
#include "wire/pcp.h"

#include "base/check.h"
#include "base/cursor.h"

namespace roost::wire {
namespace {

constexpr uint8_t kResponseBit = 0x80;

void write_header(Writer& writer, PcpOpcode opcode, uint32_t lifetime_seconds,
                  const IpAddress& client) {
  writer.u8(kPcpVersion);
  writer.u8(static_cast<uint8_t>(opcode));
  writer.u16(0);
  writer.u32(lifetime_seconds);
  writer.bytes(client.v6_bytes());
}

PcpMap read_map(Reader& reader) {
  PcpMap map;
  for (uint8_t& byte : map.nonce) byte = reader.u8();
  map.protocol = PcpProtocol{reader.u8()};
  reader.take(3);
  map.internal_port = reader.u16();
  map.external.port = reader.u16();
  const uint64_t high = reader.u64();
  map.external.address = IpAddress(high, reader.u64());
  return map;
}

bool options_fit(Reader reader) {
  while (reader.left() > 0) {
    reader.u16();
    const size_t size = reader.u16();
    reader.take((size + 3) & ~size_t{3});
    if (!reader.ok()) return false;
  }
  return true;
}

}  // namespace

Bytes write_pcp_announce(const IpAddress& client, MutableBytes buffer) {
  Writer writer(buffer.first(kPcpHeaderSize));
  write_header(writer, PcpOpcode::kAnnounce, 0, client);
  CHECK(writer.ok() && writer.left() == 0);
  return writer.written();
}

Bytes write_pcp_map(const IpAddress& client, uint32_t lifetime_seconds, const PcpMap& map,
                    MutableBytes buffer) {
  Writer writer(buffer.first(kPcpMapRequestSize));
  write_header(writer, PcpOpcode::kMap, lifetime_seconds, client);
  writer.bytes(map.nonce);
  writer.u8(static_cast<uint8_t>(map.protocol));
  writer.zeros(3);
  writer.u16(map.internal_port);
  writer.u16(map.external.port);
  writer.bytes(map.external.address.v6_bytes());
  CHECK(writer.ok() && writer.left() == 0);
  return writer.written();
}

Result<PcpResponse, PcpError> parse_pcp_response(Bytes datagram) {
  if (!datagram.empty() && datagram[0] == 0) return Failure(PcpError::kNatPmp);
  if (datagram.size() < kPcpHeaderSize || datagram.size() > kPcpMessageSizeMax ||
      datagram.size() % 4 != 0) {
    return Failure(PcpError::kSize);
  }
  Reader reader(datagram);
  PcpResponse response;
  response.version = reader.u8();
  const uint8_t opcode = reader.u8();
  reader.take(1);
  response.opcode = PcpOpcode{static_cast<uint8_t>(opcode & ~kResponseBit)};
  response.result = PcpResult{reader.u8()};
  response.lifetime_seconds = reader.u32();
  response.epoch_seconds = reader.u32();
  reader.take(12);

  if ((opcode & kResponseBit) == 0) return Failure(PcpError::kNoResponse);
  // Behind the header there may be anything then: the request was in another language.
  if (response.result == PcpResult::kUnsupportedVersion) return response;
  if (response.version != kPcpVersion) return Failure(PcpError::kVersion);
  if (response.opcode != PcpOpcode::kMap) return response;
  const bool has_map = datagram.size() >= kPcpMapRequestSize;
  if (!has_map && response.result == PcpResult::kSuccess) return Failure(PcpError::kNoMap);
  if (!has_map) return response;
  response.map = read_map(reader);
  if (!options_fit(reader)) return Failure(PcpError::kOption);
  return response;
}

std::string_view label(PcpResult result) {
  switch (result) {
    case PcpResult::kSuccess: return "success";
    case PcpResult::kUnsupportedVersion: return "unsupported_version";
    case PcpResult::kNotAuthorized: return "not_authorized";
    case PcpResult::kMalformedRequest: return "malformed_request";
    case PcpResult::kUnsupportedOpcode: return "unsupported_opcode";
    case PcpResult::kUnsupportedOption: return "unsupported_option";
    case PcpResult::kMalformedOption: return "malformed_option";
    case PcpResult::kNetworkFailure: return "network_failure";
    case PcpResult::kNoResources: return "no_resources";
    case PcpResult::kUnsupportedProtocol: return "unsupported_protocol";
    case PcpResult::kUserExceedsQuota: return "user_exceeds_quota";
    case PcpResult::kCannotProvideExternal: return "cannot_provide_external";
    case PcpResult::kAddressMismatch: return "address_mismatch";
    case PcpResult::kExcessiveRemotePeers: return "excessive_remote_peers";
  }
  return "other";
}

std::string_view label(PcpError error) {
  switch (error) {
    case PcpError::kNatPmp: return "nat_pmp";
    case PcpError::kSize: return "size";
    case PcpError::kVersion: return "version";
    case PcpError::kNoResponse: return "no_response";
    case PcpError::kNoMap: return "no_map";
    case PcpError::kOption: return "option";
  }
  return "";
}

}  // namespace roost::wire
