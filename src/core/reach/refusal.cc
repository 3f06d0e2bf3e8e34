// SPDX-License-Identifier: MIT
#include "core/reach/refusal.h"

#include "base/check.h"

namespace roost::core::reach {

Refusal refusal_of(wire::PcpResult result) {
  switch (result) {
    case wire::PcpResult::kSuccess: CHECK(false); break;
    case wire::PcpResult::kUnsupportedVersion: return Refusal::kUnsupportedVersion;
    case wire::PcpResult::kNotAuthorized: return Refusal::kNotAuthorized;
    case wire::PcpResult::kMalformedRequest:
    case wire::PcpResult::kMalformedOption: return Refusal::kMalformed;
    case wire::PcpResult::kUnsupportedOpcode:
    case wire::PcpResult::kUnsupportedOption:
    case wire::PcpResult::kUnsupportedProtocol: return Refusal::kUnsupported;
    case wire::PcpResult::kNetworkFailure: return Refusal::kNetworkFailure;
    case wire::PcpResult::kNoResources: return Refusal::kNoResources;
    case wire::PcpResult::kUserExceedsQuota:
    case wire::PcpResult::kExcessiveRemotePeers: return Refusal::kQuota;
    case wire::PcpResult::kCannotProvideExternal: return Refusal::kCannotProvideExternal;
    case wire::PcpResult::kAddressMismatch: return Refusal::kAddressMismatch;
  }
  return Refusal::kOther;
}

Refusal refusal_of(wire::NatPmpResult result) {
  switch (result) {
    case wire::NatPmpResult::kSuccess: CHECK(false); break;
    case wire::NatPmpResult::kUnsupportedVersion: return Refusal::kUnsupportedVersion;
    case wire::NatPmpResult::kNotAuthorized: return Refusal::kNotAuthorized;
    case wire::NatPmpResult::kNetworkFailure: return Refusal::kNetworkFailure;
    case wire::NatPmpResult::kOutOfResources: return Refusal::kNoResources;
    case wire::NatPmpResult::kUnsupportedOpcode: return Refusal::kUnsupported;
  }
  return Refusal::kOther;
}

std::string_view label(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNotAuthorized: return "not_authorized";
    case Refusal::kNoResources: return "no_resources";
    case Refusal::kQuota: return "quota";
    case Refusal::kNetworkFailure: return "network_failure";
    case Refusal::kAddressMismatch: return "address_mismatch";
    case Refusal::kCannotProvideExternal: return "cannot_provide_external";
    case Refusal::kUnsupported: return "unsupported";
    case Refusal::kUnsupportedVersion: return "unsupported_version";
    case Refusal::kMalformed: return "malformed";
    case Refusal::kOther: return "other";
  }
  return "";
}

std::string_view in_words(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNotAuthorized:
      return "the router does not let this machine open ports: allow it in the router's settings "
             "(PCP or NAT-PMP), or forward the port there by hand";
    case Refusal::kNoResources: return "the router has no room for another port at the moment";
    case Refusal::kQuota: return "the router grants this machine, or this line, no more ports";
    case Refusal::kNetworkFailure: return "the router itself has no connection to the Internet yet";
    case Refusal::kAddressMismatch:
      return "another router stands between this machine and the one that was asked";
    case Refusal::kCannotProvideExternal:
      return "the router cannot give the address or port that was asked for";
    case Refusal::kUnsupported: return "the router does not open ports of this kind";
    case Refusal::kUnsupportedVersion:
      return "the router speaks neither PCP nor NAT-PMP in a version that is in use";
    case Refusal::kMalformed: return "the router has not understood the request";
    case Refusal::kOther: return "the router refuses, for a reason that has no name";
  }
  return "";
}

bool is_temporary(Refusal refusal) {
  switch (refusal) {
    case Refusal::kNoResources:
    case Refusal::kQuota:
    case Refusal::kNetworkFailure:
    case Refusal::kCannotProvideExternal:
    case Refusal::kOther: return true;
    case Refusal::kNotAuthorized:
    case Refusal::kAddressMismatch:
    case Refusal::kUnsupported:
    case Refusal::kUnsupportedVersion:
    case Refusal::kMalformed: return false;
  }
  return true;
}

}  // namespace roost::core::reach
