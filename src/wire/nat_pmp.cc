// SPDX-License-Identifier: MIT
#include "wire/nat_pmp.h"

#include "base/check.h"
#include "base/cursor.h"

namespace roost::wire {
namespace {

constexpr uint8_t kResponseBit = 0x80;

bool is_known(NatPmpOpcode opcode) {
  switch (opcode) {
    case NatPmpOpcode::kExternalAddress:
    case NatPmpOpcode::kMapUdp:
    case NatPmpOpcode::kMapTcp: return true;
  }
  return false;
}

NatPmpMap read_map(Reader& reader) {
  NatPmpMap map;
  map.internal_port = reader.u16();
  map.external_port = reader.u16();
  map.lifetime_seconds = reader.u32();
  return map;
}

// "The entire request, with the top bit of the opcode set and the result code" (§3.5), where most
// gateways send as many bytes as for a success.
NatPmpResponse read_map_error(NatPmpResponse response, Bytes datagram) {
  Reader reader(datagram.subspan(4));
  if (datagram.size() < kNatPmpMapRequestSize) {
    response.epoch_seconds = reader.u32();
  } else if (datagram.size() < kNatPmpMapResponseSize) {
    response.map = read_map(reader);
  } else {
    response.epoch_seconds = reader.u32();
    response.map = read_map(reader);
  }
  return response;
}

}  // namespace

Bytes write_nat_pmp_address_request(MutableBytes buffer) {
  Writer writer(buffer.first(kNatPmpAddressRequestSize));
  writer.u8(kNatPmpVersion);
  writer.u8(static_cast<uint8_t>(NatPmpOpcode::kExternalAddress));
  CHECK(writer.ok() && writer.left() == 0);
  return writer.written();
}

Bytes write_nat_pmp_map_request(NatPmpOpcode opcode, const NatPmpMap& map, MutableBytes buffer) {
  CHECK(opcode != NatPmpOpcode::kExternalAddress);
  Writer writer(buffer.first(kNatPmpMapRequestSize));
  writer.u8(kNatPmpVersion);
  writer.u8(static_cast<uint8_t>(opcode));
  writer.u16(0);
  writer.u16(map.internal_port);
  writer.u16(map.external_port);
  writer.u32(map.lifetime_seconds);
  CHECK(writer.ok() && writer.left() == 0);
  return writer.written();
}

Result<NatPmpResponse, NatPmpError> parse_nat_pmp_response(Bytes datagram) {
  if (!datagram.empty() && datagram[0] != kNatPmpVersion) return Failure(NatPmpError::kVersion);
  if (datagram.size() < kNatPmpHeaderSize || datagram.size() > kNatPmpResponseSizeMax) {
    return Failure(NatPmpError::kSize);
  }
  Reader reader(datagram.subspan(1));
  NatPmpResponse response;
  const uint8_t opcode = reader.u8();
  response.opcode = NatPmpOpcode{static_cast<uint8_t>(opcode & ~kResponseBit)};
  response.result = NatPmpResult{reader.u16()};
  if (response.result == NatPmpResult::kUnsupportedVersion) {
    response.epoch_seconds = reader.u32();
    return response;
  }
  if ((opcode & kResponseBit) == 0) return Failure(NatPmpError::kNoResponse);
  if (!is_known(response.opcode)) return Failure(NatPmpError::kOpcode);

  const bool is_success = response.result == NatPmpResult::kSuccess;
  const bool is_map = response.opcode != NatPmpOpcode::kExternalAddress;
  if (is_map && !is_success) return read_map_error(response, datagram);
  response.epoch_seconds = reader.u32();
  if (!is_success) return response;
  if (is_map) {
    response.map = read_map(reader);
  } else {
    response.external_address = IpAddress::v4(reader.u32());
  }
  if (!reader.ok()) return Failure(NatPmpError::kSize);
  return response;
}

std::string_view label(NatPmpResult result) {
  switch (result) {
    case NatPmpResult::kSuccess: return "success";
    case NatPmpResult::kUnsupportedVersion: return "unsupported_version";
    case NatPmpResult::kNotAuthorized: return "not_authorized";
    case NatPmpResult::kNetworkFailure: return "network_failure";
    case NatPmpResult::kOutOfResources: return "out_of_resources";
    case NatPmpResult::kUnsupportedOpcode: return "unsupported_opcode";
  }
  return "other";
}

std::string_view label(NatPmpError error) {
  switch (error) {
    case NatPmpError::kVersion: return "version";
    case NatPmpError::kSize: return "size";
    case NatPmpError::kNoResponse: return "no_response";
    case NatPmpError::kOpcode: return "opcode";
  }
  return "";
}

}  // namespace roost::wire
