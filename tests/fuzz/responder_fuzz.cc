// SPDX-License-Identifier: MIT
//
// Any datagram or message to a responder of any configuration: at most one reply, of at most three
// times the bytes, which is a STUN response in the same transaction, names the sender, goes to the
// sender and leaves from an address of ours; and the input is counted once.
#include "core/stun/responder.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "base/check.h"

namespace roost::core::stun {
namespace {

using wire::StunAttribute;
using wire::StunClass;
using wire::StunView;

// The first byte of an input: how the responder is configured and where the rest comes from.
struct Circumstances {
  explicit Circumstances(uint8_t bits)
      : answers_classic((bits & 1) != 0),
        has_discovery((bits & 2) != 0),
        is_v6((bits & 4) != 0),
        address((bits & 8) != 0),
        port((bits & 16) != 0),
        transport(static_cast<Transport>((bits >> 5) % kTransportCount)),
        software(bits >> 5 > 4 ? "Roost/1.2.3" : "") {}

  bool answers_classic, has_discovery, is_v6;
  size_t address, port;
  Transport transport;
  std::string software;

  Endpoint ours(size_t at_address, size_t at_port) const {
    const auto number = static_cast<uint16_t>(3478 + at_port);
    if (is_v6) return {IpAddress(0x20010db8'00010000, 1 + at_address), number};
    return {IpAddress::v4(0xc6336401 + static_cast<uint32_t>(at_address)), number};
  }
  Endpoint sender() const {
    return is_v6 ? Endpoint{IpAddress(0xfe800000'00000000, 7), 50000}
                 : Endpoint{IpAddress::v4(0xc000024d), 50001};
  }
  Responder::Options options() const {
    Responder::Options options;
    options.answers_classic = answers_classic;
    options.software = software;
    if (!has_discovery) return options;
    Responder::Discovery discovery;
    for (size_t a = 0; a < 2; ++a) {
      for (size_t p = 0; p < 2; ++p) {
        discovery.endpoints[a][p] = ours(a, p);
        discovery.sockets[a][p] = static_cast<SocketId>(10 + 2 * a + p);
      }
    }
    options.discovery.push_back(discovery);
    return options;
  }
};

constexpr uint32_t kInterface = 7;

uint64_t times_counted(const Responder::Stats& stats) {
  const auto sum = [](const auto& counts) {
    return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
  };
  CHECK(sum(stats.requests) ==
        sum(stats.successes) + stats.errors_bad_request + stats.errors_unknown_attribute);
  return sum(stats.requests) + stats.indications + sum(stats.malformed) + sum(stats.drops);
}

void check_reply(const Circumstances& given, Bytes request_bytes, Bytes reply_bytes) {
  const auto request = StunView::parse(request_bytes);
  const auto reply = StunView::parse(reply_bytes);
  CHECK(request && request->message_class() == StunClass::kRequest);
  CHECK(reply && reply->method() == wire::StunMethod::kBinding);
  CHECK(reply_bytes.size() <= 3 * request_bytes.size());
  CHECK(same_bytes(reply->cookie_and_transaction_id(), request->cookie_and_transaction_id()));
  CHECK(reply->has_fingerprint() == request->has_fingerprint());
  if (reply->message_class() == StunClass::kSuccess) {
    const auto mapped = request->is_classic()
                            ? reply->find_address(StunAttribute::kMappedAddress)
                            : reply->find_xor_address(StunAttribute::kXorMappedAddress);
    CHECK(mapped == given.sender());
  } else {
    CHECK(reply->message_class() == StunClass::kError);
    const auto code = reply->error_code();
    CHECK(code == 400u || code == 420u);
    CHECK((code == 420u) == reply->find(StunAttribute::kUnknownAttributes).has_value());
  }
}

void check_datagram(const Circumstances& given, Bytes payload, const SendDatagram& sent) {
  CHECK(sent.to == given.sender());
  CHECK(sent.local.interface_index == kInterface);
  const StunView request = *StunView::parse(payload);
  const StunView reply = *StunView::parse(sent.payload);
  const uint32_t flags = given.has_discovery && reply.message_class() == StunClass::kSuccess
                             ? request.find_u32(StunAttribute::kChangeRequest).value_or(0)
                             : 0;
  const size_t address = (flags & 4) != 0 ? 1 - given.address : given.address;
  const size_t port = (flags & 2) != 0 ? 1 - given.port : given.port;
  CHECK(sent.local.endpoint == given.ours(address, port));
  CHECK(sent.from == 10 + 2 * address + port);
  const auto origin = reply.find_address(StunAttribute::kResponseOrigin);
  const auto other = reply.find_address(StunAttribute::kOtherAddress);
  CHECK(!origin || *origin == sent.local.endpoint);
  CHECK(!other || *other == given.ours(1 - given.address, 1 - given.port));
}

void check(uint8_t bits, Bytes payload) {
  const Circumstances given(bits);
  Responder responder(given.options());
  Outbox out;
  const LocalEnd local{given.ours(given.address, given.port), kInterface};
  if (given.transport == Transport::kUdp) {
    const auto at = static_cast<SocketId>(10 + 2 * given.address + given.port);
    responder.step(DatagramArrived{at, local, given.sender(), payload}, out);
  } else {
    responder.step(MessageArrived{StreamId{9}, given.transport, local, given.sender(), payload},
                   out);
  }
  CHECK(times_counted(responder.stats()) == 1);
  CHECK(out.actions().size() <= 1);
  const uint64_t requests = std::accumulate(responder.stats().requests.begin(),
                                            responder.stats().requests.end(), uint64_t{0});
  CHECK(out.actions().size() == requests);
  if (out.actions().empty()) return;
  if (const auto* datagram = std::get_if<SendDatagram>(&out.actions()[0])) {
    CHECK(given.transport == Transport::kUdp);
    check_reply(given, payload, datagram->payload);
    check_datagram(given, payload, *datagram);
  } else {
    const auto& message = std::get<SendMessage>(out.actions()[0]);
    CHECK(given.transport != Transport::kUdp && message.stream == StreamId{9});
    check_reply(given, payload, message.payload);
  }
}

}  // namespace
}  // namespace roost::core::stun

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 0) roost::core::stun::check(data[0], {data + 1, size - 1});
  return 0;
}
