// SPDX-License-Identifier: MIT
#include "core/stun/responder.h"

#include "base/check.h"
#include "wire/stun_builder.h"

namespace roost::core::stun {
namespace {

using wire::StunAttribute;
using wire::StunBuilder;
using wire::StunClass;
using wire::StunView;

// Nothing that we answer is longer, with room for a SOFTWARE of 127 characters (§14.14).
constexpr size_t kReplySizeMax = 320;

constexpr size_t kFingerprintSize = 8;

// How many unknown attributes one 420 names. The client learns the rest when it asks again.
constexpr size_t kUnknownNamedMax = 8;

// The comprehension-required attributes that may stand in a Binding request and change nothing:
// credentials (which we do not ask for, §9) and those that mean something in replies only.
bool is_known(StunAttribute type) {
  constexpr StunAttribute kKnown[] = {
      StunAttribute::kMappedAddress,
      StunAttribute::kChangeRequest,
      StunAttribute::kUsername,
      StunAttribute::kMessageIntegrity,
      StunAttribute::kErrorCode,
      StunAttribute::kUnknownAttributes,
      StunAttribute::kRealm,
      StunAttribute::kNonce,
      StunAttribute::kMessageIntegritySha256,
      StunAttribute::kPasswordAlgorithm,
      StunAttribute::kUserhash,
      StunAttribute::kXorMappedAddress,
  };
  for (const StunAttribute known : kKnown) {
    if (type == known) return true;
  }
  return false;
}

// Attribute types of a 420, first come first named.
struct UnknownAttributes {
  std::array<uint8_t, 2 * (kUnknownNamedMax + 1)> types;
  size_t count = 0;

  void add(StunAttribute type) {
    if (count == kUnknownNamedMax) return;
    store_u16(types.data() + 2 * count++, static_cast<uint16_t>(type));
  }
  // RFC 3489 §11.2.9 has no padding: an odd list repeats its last entry.
  Bytes classic_bytes() {
    if (count % 2 == 0) return bytes();
    store_u16(types.data() + 2 * count, load_u16(types.data() + 2 * (count - 1)));
    return Bytes(types).first(2 * (count + 1));
  }
  Bytes bytes() const { return Bytes(types).first(2 * count); }
};

UnknownAttributes find_unknown(const StunView& view) {
  UnknownAttributes unknown;
  view.for_each_attribute([&](const StunView::Attribute& attribute) {
    if (wire::is_comprehension_required(attribute.type) && !is_known(attribute.type)) {
      unknown.add(attribute.type);
    }
  });
  return unknown;
}

Bytes finish(const StunView& request, StunBuilder& reply) {
  if (request.has_fingerprint()) reply.add_fingerprint();
  return reply.finish();
}

Bytes build_unknown_attributes(const StunView& request, UnknownAttributes& unknown,
                               MutableBytes buffer) {
  StunBuilder reply(buffer, StunClass::kError, request);
  // The classic reason phrase is padded with blanks, since RFC 3489 has no other padding.
  reply.add_error_code(420, request.is_classic() ? "Unknown Attribute   " : "Unknown Attribute");
  reply.add(StunAttribute::kUnknownAttributes,
            request.is_classic() ? unknown.classic_bytes() : unknown.bytes());
  return finish(request, reply);
}

Bytes build_bad_request(const StunView& request, MutableBytes buffer) {
  StunBuilder reply(buffer, StunClass::kError, request);
  reply.add_error_code(400, "Bad Request ");  // A multiple of four, for RFC 3489.
  return finish(request, reply);
}

}  // namespace

// A Binding request and the addresses at both its ends.
struct Responder::Request {
  StunView view;
  Transport transport;
  Endpoint from;
  Endpoint to;                           // Ours, that it came to.
  const Discovery* discovery = nullptr;  // Null on streams, and where there is no second address.
  size_t address_index = 0;              // Of `to` in the discovery endpoints.
  size_t port_index = 0;
  uint32_t change_flags = 0;

  size_t reply_address_index() const {
    return change_flags & wire::kChangeAddressFlag ? 1 - address_index : address_index;
  }
  size_t reply_port_index() const {
    return change_flags & wire::kChangePortFlag ? 1 - port_index : port_index;
  }
  // Where the reply leaves from.
  Endpoint origin() const {
    return discovery ? discovery->endpoints[reply_address_index()][reply_port_index()] : to;
  }
  size_t reply_size_max() const { return kReplyRatioMax * view.bytes().size(); }
};

std::string_view label(Responder::Drop drop) {
  switch (drop) {
    case Responder::Drop::kClassicRefused: return "classic_refused";
    case Responder::Drop::kNotARequest: return "not_a_request";
    case Responder::Drop::kUnknownMethod: return "unknown_method";
  }
  return "";
}

Responder::Responder(const Options& options) : options_(options) {}

void Responder::step(const DatagramArrived& input, Outbox& out) {
  const auto view = accept(input.payload);
  if (!view) return;
  Request request{*view, Transport::kUdp, input.from, input.local.endpoint};
  for (const Discovery& discovery : options_.discovery) {
    for (size_t address = 0; address < 2; ++address) {
      for (size_t port = 0; port < 2; ++port) {
        if (discovery.endpoints[address][port] != request.to) continue;
        request.discovery = &discovery;
        request.address_index = address;
        request.port_index = port;
      }
    }
  }
  const MutableBytes buffer = out.build(kReplySizeMax);
  const Bytes reply = answer(request, buffer);
  out.shrink(buffer, reply.size());

  SendDatagram send{input.at, input.local, input.from, reply};
  send.grade = Grade::kUnproven;
  if (request.change_flags != 0 && request.discovery != nullptr) {
    send.local.endpoint = request.origin();
    send.from =
        request.discovery->sockets[request.reply_address_index()][request.reply_port_index()];
  }
  out.push(send);
}

void Responder::step(const MessageArrived& input, Outbox& out) {
  const auto view = accept(input.payload);
  if (!view) return;
  Request request{*view, input.transport, input.from, input.local.endpoint};
  const MutableBytes buffer = out.build(kReplySizeMax);
  const Bytes reply = answer(request, buffer);
  out.shrink(buffer, reply.size());
  out.push(SendMessage{input.stream, reply});
}

// The Binding request in `payload`, or nothing if it is not one to be answered.
std::optional<StunView> Responder::accept(Bytes payload) {
  const auto parsed = StunView::parse(payload);
  if (!parsed) {
    ++stats_.malformed[static_cast<size_t>(parsed.error())];
    return {};
  }
  const auto drop = [this](Drop why) {
    ++stats_.drops[static_cast<size_t>(why)];
    return std::nullopt;
  };
  const StunView& view = *parsed;
  if (view.is_classic() && !options_.answers_classic) return drop(Drop::kClassicRefused);
  if (view.method() != wire::StunMethod::kBinding) return drop(Drop::kUnknownMethod);
  if (view.message_class() == StunClass::kIndication) {
    ++stats_.indications;
    return {};
  }
  if (view.message_class() != StunClass::kRequest) return drop(Drop::kNotARequest);
  return view;
}

// The reply, in `buffer`; and what CHANGE-REQUEST asks for, in `request`.
Bytes Responder::answer(Request& request, MutableBytes buffer) {
  const StunView& view = request.view;
  ++stats_.requests[static_cast<size_t>(request.transport)];
  stats_.requests_classic += view.is_classic();

  UnknownAttributes unknown = find_unknown(view);
  if (view.find(StunAttribute::kChangeRequest)) {
    const auto flags = view.find_u32(StunAttribute::kChangeRequest);
    if (!flags) {
      ++stats_.errors_bad_request;
      return build_bad_request(view, buffer);
    }
    request.change_flags = *flags & (wire::kChangeAddressFlag | wire::kChangePortFlag);
    // A server with one address must say that it does not understand (RFC 5780 §6.1). Asking for no
    // change, as clients of RFC 3489 do in every request, needs no understanding.
    if (request.change_flags != 0 && request.discovery == nullptr) {
      unknown.add(StunAttribute::kChangeRequest);
    }
  }
  if (unknown.count > 0) {
    request.change_flags = 0;
    ++stats_.errors_unknown_attribute;
    return build_unknown_attributes(view, unknown, buffer);
  }
  ++stats_.successes[static_cast<size_t>(request.transport)];
  const Bytes reply = build_success(request, buffer);
  CHECK(!reply.empty() && reply.size() <= request.reply_size_max());
  return reply;
}

Bytes Responder::build_success(const Request& request, MutableBytes buffer) const {
  const StunView& view = request.view;
  StunBuilder reply(buffer, StunClass::kSuccess, view);
  const size_t size_max =
      request.reply_size_max() - (view.has_fingerprint() ? kFingerprintSize : 0);
  const auto add_if_it_fits = [&](StunAttribute type, const Endpoint& endpoint) {
    if (reply.size_with(wire::address_value_size(endpoint)) > size_max) return;
    reply.add_address(type, endpoint);
  };
  const Discovery* const discovery = request.discovery;
  const Endpoint other =
      discovery ? discovery->endpoints[1 - request.address_index][1 - request.port_index]
                : Endpoint();
  if (view.is_classic()) {
    reply.add_address(StunAttribute::kMappedAddress, request.from);
    if (discovery) add_if_it_fits(StunAttribute::kChangedAddress, other);
    add_if_it_fits(StunAttribute::kSourceAddress, request.origin());
  } else {
    reply.add_xor_address(StunAttribute::kXorMappedAddress, request.from);
    if (discovery) {
      add_if_it_fits(StunAttribute::kOtherAddress, other);
      add_if_it_fits(StunAttribute::kResponseOrigin, request.origin());
      // Beside the XORed one (RFC 5780 §6.1); last, since no client of today reads it.
      add_if_it_fits(StunAttribute::kMappedAddress, request.from);
    }
    if (!options_.software.empty() && reply.size_with(options_.software.size()) <= size_max) {
      reply.add(StunAttribute::kSoftware, as_bytes(options_.software));
    }
  }
  return finish(view, reply);
}

}  // namespace roost::core::stun
