// SPDX-License-Identifier: MIT
//
// Goal: every Binding request gets the one answer that its RFC asks for, and nobody gets more than
// three bytes for one.
// Method: every shape of request times every configuration against what the header promises; then
// tables for what each shape is answered with.
#include "core/stun/responder.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <numeric>
#include <string>
#include <vector>

#include "base/text.h"
#include "raw_stun.h"

namespace roost::core::stun {
namespace {

using wire::RawStun;
using wire::StunAttribute;
using wire::StunClass;
using wire::StunView;

constexpr uint16_t kChangeRequest = 0x0003;
constexpr uint16_t kPadding = 0x0026;
constexpr uint16_t kSoftware = 0x8022;
constexpr uint32_t kClassicCookie = 0x01020304;

Endpoint endpoint(std::string_view text) {
  return Endpoint::parse(text).value();
}

const Endpoint kClientV4 = endpoint("192.0.2.77:50000");
const Endpoint kClientV6 = endpoint("[2001:db8:77::1]:50000");

Responder::Discovery discovery(const char* first, const char* second, SocketId first_socket) {
  Responder::Discovery result;
  SocketId socket = first_socket;
  for (size_t address = 0; address < 2; ++address) {
    for (size_t port = 0; port < 2; ++port) {
      result.endpoints[address][port] = {IpAddress::parse(address == 0 ? first : second).value(),
                                         static_cast<uint16_t>(3478 + port)};
      result.sockets[address][port] = socket++;
    }
  }
  return result;
}

const Responder::Discovery kDiscoveryV4 = discovery("198.51.100.1", "198.51.100.2", 10);
const Responder::Discovery kDiscoveryV6 = discovery("2001:db8:1::1", "2001:db8:1::2", 20);

const Responder::Options kPlain;
const Responder::Options kDiscovering{
    .answers_classic = true, .software = {}, .discovery = {kDiscoveryV4, kDiscoveryV6}};

std::vector<uint8_t> change_request(unsigned flags) {
  return {0, 0, 0, static_cast<uint8_t>(flags)};
}

// A reply with the action that carries it.
struct Sent {
  std::vector<uint8_t> bytes;
  SendDatagram action;

  StunView view() const {
    const auto parsed = StunView::parse(bytes);
    EXPECT_TRUE(parsed);
    return *parsed;
  }
};

std::optional<Sent> send(Responder& responder, const DatagramArrived& input) {
  Outbox out;
  responder.step(input, out);
  if (out.actions().empty()) return {};
  EXPECT_EQ(out.actions().size(), 1u);
  const auto& action = std::get<SendDatagram>(out.actions()[0]);
  return Sent{{action.payload.begin(), action.payload.end()}, action};
}

DatagramArrived arrived(Bytes payload, const Endpoint& from = kClientV4,
                        const Endpoint& to = kDiscoveryV4.endpoints[0][0], SocketId at = 10) {
  return {.at = at, .local = {to, 0}, .from = from, .payload = payload};
}

Sent answer(const Responder::Options& options, const DatagramArrived& input) {
  Responder responder(options);
  const auto sent = send(responder, input);
  EXPECT_TRUE(sent);
  return sent.value();
}

std::vector<uint16_t> attribute_types(const StunView& view) {
  std::vector<uint16_t> types;
  view.for_each_attribute([&](const StunView::Attribute& attribute) {
    types.push_back(static_cast<uint16_t>(attribute.type));
  });
  return types;
}

std::vector<uint16_t> named_unknown(const StunView& view) {
  const Bytes value = view.find(StunAttribute::kUnknownAttributes).value();
  std::vector<uint16_t> types;
  for (size_t at = 0; at + 1 < value.size(); at += 2) types.push_back(load_u16(value.data() + at));
  return types;
}

// ---- What an attacker gains at most.

// One way to ask, and one way to be configured.
struct Shape {
  bool is_classic;
  bool is_v6;
  bool has_fingerprint;
  bool has_discovery;
  int change;   // Flags of CHANGE-REQUEST; -1 without it, -2 with one of the wrong size.
  int padding;  // Bytes in PADDING; -1 without it.
  std::string_view software;
  uint16_t unknown_count;

  RawStun request() const {
    RawStun message(0x0001, is_classic ? kClassicCookie : RawStun::kCookie);
    for (uint16_t i = 0; i < unknown_count; ++i) message.add(static_cast<uint16_t>(0x7f00 + i));
    if (change == -2) message.add(kChangeRequest);
    if (change >= 0) message.add(kChangeRequest, change_request(static_cast<unsigned>(change)));
    if (padding >= 0) message.add(kPadding, std::vector<uint8_t>(static_cast<size_t>(padding)));
    if (has_fingerprint) message.add_fingerprint();
    return message;
  }
  Responder::Options options() const {
    Responder::Options result = has_discovery ? kDiscovering : kPlain;
    result.software = software;
    return result;
  }
  unsigned expected_error() const {  // 0: none.
    if (change == -2) return 400;
    const bool is_change_unknown = change > 0 && !has_discovery;
    return unknown_count > 0 || padding >= 0 || is_change_unknown ? 420 : 0;
  }
};

template <typename Visit>
void for_each_shape(Visit visit) {
  const std::string long_software(127, 'x');
  for (int bits = 0; bits < 16; ++bits) {
    for (const int change : {-2, -1, 0, 2, 4, 6}) {
      for (const int padding : {-1, 0, 4, 1000}) {
        for (const std::string_view software : {std::string_view(), std::string_view("Roost/1.2.3"),
                                                std::string_view(long_software)}) {
          for (uint16_t unknown = 0; unknown <= 20; ++unknown) {
            visit(Shape{(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0, change,
                        padding, software, unknown});
          }
        }
      }
    }
  }
}

TEST(StunResponder, AnswersEveryShapeOfRequestOnceAndWithAtMostThreeTimesItsBytes) {
  size_t count = 0;
  for_each_shape([&](const Shape& shape) {
    SCOPED_TRACE(testing::Message() << "shape " << count);
    ++count;
    const RawStun request = shape.request();
    const Responder::Discovery& ours = shape.is_v6 ? kDiscoveryV6 : kDiscoveryV4;
    const Endpoint from = shape.is_v6 ? kClientV6 : kClientV4;
    const Sent sent =
        answer(shape.options(), arrived(request, from, ours.endpoints[0][0], ours.sockets[0][0]));
    ASSERT_LE(sent.bytes.size(), Responder::kReplyRatioMax * request.bytes().size());
    ASSERT_EQ(sent.action.to, from);

    const StunView view = sent.view();
    ASSERT_TRUE(same_bytes(view.cookie_and_transaction_id(), Bytes(request).subspan(4, 16)));
    ASSERT_EQ(view.method(), wire::StunMethod::kBinding);
    ASSERT_EQ(view.is_classic(), shape.is_classic);
    ASSERT_EQ(view.has_fingerprint(), shape.has_fingerprint && !shape.is_classic);
    const unsigned error = shape.expected_error();
    ASSERT_EQ(view.message_class(), error == 0 ? StunClass::kSuccess : StunClass::kError);
    ASSERT_EQ(view.error_code().value_or(0), error);
    if (error == 0) {
      const auto mapped = shape.is_classic
                              ? view.find_address(StunAttribute::kMappedAddress)
                              : view.find_xor_address(StunAttribute::kXorMappedAddress);
      ASSERT_EQ(mapped, from);
    }
    if (shape.is_classic) {  // RFC 3489 has no padding: every value fills its four bytes.
      view.for_each_attribute(
          [&](const StunView::Attribute& attribute) { ASSERT_EQ(attribute.value.size() % 4, 0u); });
    }
  });
  EXPECT_EQ(count, 16u * 6 * 4 * 3 * 21);
}

TEST(StunResponder, AnswersTheSmallestRequestsWithWhatItsHeaderSays) {
  struct Row {
    uint32_t cookie;
    bool is_v6;
    const Responder::Options& options;
    size_t expect;
  };
  const Row kRows[] = {
      {RawStun::kCookie, false, kPlain, 32},       {RawStun::kCookie, true, kPlain, 44},
      {kClassicCookie, false, kPlain, 44},  // With SOURCE-ADDRESS, which RFC 3489 requires.
      {kClassicCookie, true, kPlain, 44},   // There is no room for it in three times twenty.
      {RawStun::kCookie, false, kDiscovering, 56}, {RawStun::kCookie, true, kDiscovering, 44},
      {kClassicCookie, false, kDiscovering, 56},   {kClassicCookie, true, kDiscovering, 44},
  };
  for (const Row& row : kRows) {
    const RawStun request(0x0001, row.cookie);
    const Endpoint to = (row.is_v6 ? kDiscoveryV6 : kDiscoveryV4).endpoints[0][0];
    const Sent sent = answer(row.options, arrived(request, row.is_v6 ? kClientV6 : kClientV4, to));
    EXPECT_EQ(sent.bytes.size(), row.expect);
  }
}

// ---- Success.

TEST(StunResponder, SaysWhereTheRequestCameFrom) {
  const RawStun request;
  EXPECT_EQ(to_hex(answer(kPlain, arrived(request, endpoint("192.0.2.1:3478"))).bytes),
            to_hex(RawStun(0x0101).add(0x0020, {0, 1, 0x2c, 0x84, 0xe1, 0x12, 0xa6, 0x43})));
  EXPECT_EQ(to_hex(answer(kPlain, arrived(request, endpoint("[::]:0"))).bytes),
            to_hex(RawStun(0x0101).add(
                0x0020, {0,    2,    0x21, 0x12, 0x21, 0x12, 0xa4, 0x42, 0xa0, 0xa1,
                         0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab})));
  const RawStun classic(0x0001, kClassicCookie);
  EXPECT_EQ(to_hex(answer(kPlain, arrived(classic, endpoint("192.0.2.1:3478"))).bytes),
            to_hex(RawStun(0x0101, kClassicCookie)
                       .add(0x0001, {0, 1, 0x0d, 0x96, 192, 0, 2, 1})
                       .add(0x0004, {0, 1, 0x0d, 0x96, 198, 51, 100, 1})));
}

TEST(StunResponder, PutsAFingerprintBehindItsReplyWhereTheRequestHasOne) {
  const RawStun request = RawStun().add_fingerprint();
  EXPECT_EQ(to_hex(answer(kPlain, arrived(request, endpoint("192.0.2.1:3478"))).bytes),
            to_hex(RawStun(0x0101)
                       .add(0x0020, {0, 1, 0x2c, 0x84, 0xe1, 0x12, 0xa6, 0x43})
                       .add_fingerprint()));
}

TEST(StunResponder, NamesItsSoftwareWhereThereIsRoom) {
  Responder::Options options = kPlain;
  options.software = "twenty-four bytes of it.";
  for (size_t padding = 0; padding <= 12; ++padding) {
    const RawStun request = RawStun().add(kSoftware, std::vector<uint8_t>(padding));
    const Sent sent = answer(options, arrived(request));
    const bool has_room = 32 + 4 + options.software.size() <= 3 * request.bytes().size();
    const auto found = sent.view().find(StunAttribute::kSoftware);
    EXPECT_EQ(found.has_value(), has_room) << padding;
    if (found) {
      EXPECT_EQ(as_text(*found), options.software);
    }
  }
  // Not to clients of RFC 3489, which do not know it.
  const RawStun classic = RawStun(0x0001, kClassicCookie).add(kSoftware, std::vector<uint8_t>(100));
  EXPECT_FALSE(answer(options, arrived(classic)).view().find(StunAttribute::kSoftware));
}

TEST(StunResponder, FitsEverythingAtOnceIntoItsReply) {
  const std::string software(127, 'x');  // As much as RFC 8489 §14.14 allows.
  Responder::Options options = kDiscovering;
  options.software = software;
  const RawStun request = RawStun().add(kSoftware, std::vector<uint8_t>(1000)).add_fingerprint();
  const Sent sent = answer(options, arrived(request, kClientV6, kDiscoveryV6.endpoints[0][0]));
  EXPECT_EQ(attribute_types(sent.view()),
            (std::vector<uint16_t>{0x0020, 0x802c, 0x802b, 0x0001, 0x8022}));
  EXPECT_TRUE(sent.view().has_fingerprint());
}

TEST(StunResponder, IgnoresWhatIsOptionalToUnderstand) {
  const RawStun request = RawStun().add(0x8000).add(0x8029, {1, 2, 3}).add(0xffff, {1});
  EXPECT_EQ(answer(kPlain, arrived(request)).view().message_class(), StunClass::kSuccess);
}

TEST(StunResponder, IgnoresCredentialsItDidNotAskFor) {
  const RawStun request = RawStun()
                              .add(0x0001, {0, 1, 0, 1, 1, 2, 3, 4})
                              .add(0x0006, {'a'})
                              .add(0x0009, {0, 0, 4, 0})
                              .add(0x000a, {0, 1})
                              .add(0x0014, {'r'})
                              .add(0x0015, {'n'})
                              .add(0x001d, {0, 1, 0, 0})
                              .add(0x001e, std::vector<uint8_t>(32))
                              .add(0x0020, {0, 1, 0, 1, 1, 2, 3, 4})
                              .add_integrity(as_bytes("key"))
                              .add_integrity_sha256(as_bytes("key"));
  const Sent sent = answer(kPlain, arrived(request));
  EXPECT_EQ(attribute_types(sent.view()), std::vector<uint16_t>{0x0020});
}

TEST(StunResponder, DoesNotCountWhatFollowsTheIntegrity) {
  const RawStun request = RawStun()
                              .add_integrity(as_bytes("key"))
                              .add(0x7fff)
                              .add(kPadding, {0, 0, 0, 0})
                              .add(kChangeRequest, change_request(6));
  const Sent sent = answer(kDiscovering, arrived(request));
  EXPECT_EQ(sent.view().message_class(), StunClass::kSuccess);
  EXPECT_EQ(sent.action.from, 10);
}

// ---- Errors.

TEST(StunResponder, NamesTheFirstEightAttributesItDoesNotKnow) {
  for (const uint32_t cookie : {RawStun::kCookie, kClassicCookie}) {
    for (uint16_t count = 1; count <= 20; ++count) {
      RawStun request(0x0001, cookie);
      std::vector<uint16_t> expected;
      for (uint16_t i = 0; i < count; ++i) {
        const auto type = static_cast<uint16_t>(0x7f00 + i);
        request.add(type, std::vector<uint8_t>(i));
        if (i < 8) expected.push_back(type);
      }
      // RFC 3489 §11.2.9: an odd list repeats its last entry, since there is no padding.
      if (cookie == kClassicCookie && expected.size() % 2 == 1) expected.push_back(expected.back());
      const Sent sent = answer(kPlain, arrived(request));
      const StunView view = sent.view();
      EXPECT_EQ(view.error_code(), 420u);
      EXPECT_EQ(attribute_types(view), (std::vector<uint16_t>{0x0009, 0x000a}));
      EXPECT_EQ(named_unknown(view), expected);
    }
  }
}

TEST(StunResponder, RefusesWhatWouldSendItsReplyElsewhereOrMakeItLarger) {
  struct Row {
    const char* what;
    uint16_t type;
    std::vector<uint8_t> value;
  };
  const Row kRows[] = {
      {"RESPONSE-ADDRESS", 0x0002, {0, 1, 0, 53, 203, 0, 113, 9}},
      {"PADDING", 0x0026, std::vector<uint8_t>(1000)},
      {"RESPONSE-PORT", 0x0027, {0, 53, 0, 0}},
  };
  for (const Row& row : kRows) {
    for (const Responder::Options& options : {kPlain, kDiscovering}) {
      for (const uint32_t cookie : {RawStun::kCookie, kClassicCookie}) {
        const RawStun request = RawStun(0x0001, cookie).add(row.type, row.value);
        const Sent sent = answer(options, arrived(request));
        EXPECT_EQ(sent.view().error_code(), 420u) << row.what;
        EXPECT_EQ(named_unknown(sent.view()).front(), row.type) << row.what;
        EXPECT_EQ(sent.action.to, kClientV4) << row.what;
        EXPECT_LT(sent.bytes.size(), 100u) << row.what;
      }
    }
  }
}

TEST(StunResponder, SaysItDoesNotKnowChangeRequestWhereItHasOneAddress) {
  for (const unsigned flags : {2u, 4u, 6u}) {
    const RawStun request = RawStun().add(kChangeRequest, change_request(flags));
    const Sent sent = answer(kPlain, arrived(request));
    const StunView view = sent.view();
    EXPECT_EQ(view.error_code(), 420u);
    EXPECT_EQ(named_unknown(view), std::vector<uint16_t>{kChangeRequest});
  }
  // It comes behind the others, and as one of the eight.
  RawStun request = RawStun().add(kChangeRequest, change_request(6));
  for (uint16_t i = 0; i < 3; ++i) request.add(static_cast<uint16_t>(0x7f00 + i));
  EXPECT_EQ(named_unknown(answer(kPlain, arrived(request)).view()),
            (std::vector<uint16_t>{0x7f00, 0x7f01, 0x7f02, kChangeRequest}));
  // Where discovery is for the other family, or for another address, it is not for this one.
  for (const Endpoint& to : {endpoint("198.51.100.3:3478"), endpoint("198.51.100.1:3480")}) {
    const RawStun change = RawStun().add(kChangeRequest, change_request(6));
    EXPECT_EQ(answer(kDiscovering, arrived(change, kClientV4, to)).view().error_code(), 420u);
  }
}

TEST(StunResponder, NeedsNoUnderstandingForARequestToChangeNothing) {
  for (const unsigned flags : {0x00u, 0x01u, 0x08u, 0xf9u}) {  // Bits that mean nothing.
    const RawStun request = RawStun().add(kChangeRequest, change_request(flags));
    EXPECT_EQ(answer(kPlain, arrived(request)).view().message_class(), StunClass::kSuccess);
  }
}

TEST(StunResponder, FindsFaultWithAChangeRequestOfTheWrongSize) {
  for (const size_t size : {0u, 1u, 3u, 5u, 8u}) {
    const RawStun request = RawStun().add(kChangeRequest, std::vector<uint8_t>(size, 6));
    const Sent sent = answer(kDiscovering, arrived(request));
    EXPECT_EQ(sent.view().error_code(), 400u) << size;
    EXPECT_EQ(sent.action.from, 10) << size;
  }
}

TEST(StunResponder, SendsErrorsFromWhereTheRequestCameTo) {
  const RawStun request =
      RawStun().add(kChangeRequest, change_request(6)).add(kPadding, {0, 0, 0, 0});
  const Sent sent = answer(kDiscovering, arrived(request));
  EXPECT_EQ(sent.view().error_code(), 420u);
  EXPECT_EQ(named_unknown(sent.view()), std::vector<uint16_t>{kPadding});
  EXPECT_EQ(sent.action.from, 10);
  EXPECT_EQ(sent.action.local.endpoint, kDiscoveryV4.endpoints[0][0]);
}

// ---- NAT behaviour discovery (RFC 5780).

TEST(StunResponder, ChangesAddressAndPortAsRfc5780Table1Says) {
  for (const bool is_v6 : {false, true}) {
    const Responder::Discovery& ours = is_v6 ? kDiscoveryV6 : kDiscoveryV4;
    const Endpoint from = is_v6 ? kClientV6 : kClientV4;
    for (const uint32_t cookie : {RawStun::kCookie, kClassicCookie}) {
      for (size_t came_to = 0; came_to < 4; ++came_to) {
        for (unsigned flags = 0; flags <= 6; flags += 2) {
          SCOPED_TRACE(testing::Message() << is_v6 << ' ' << came_to << ' ' << flags);
          const size_t address = came_to / 2;
          const size_t port = came_to % 2;
          const size_t reply_address = (flags & 4) != 0 ? 1 - address : address;
          const size_t reply_port = (flags & 2) != 0 ? 1 - port : port;
          const Endpoint to = ours.endpoints[address][port];
          const Endpoint origin = ours.endpoints[reply_address][reply_port];
          const Endpoint other = ours.endpoints[1 - address][1 - port];

          // Large enough for the reply to have everything.
          const RawStun request = RawStun(0x0001, cookie)
                                      .add(kChangeRequest, change_request(flags))
                                      .add(kSoftware, std::vector<uint8_t>(20));
          const Sent sent =
              answer(kDiscovering, arrived(request, from, to, ours.sockets[address][port]));
          EXPECT_EQ(sent.action.from, ours.sockets[reply_address][reply_port]);
          EXPECT_EQ(sent.action.local.endpoint, origin);
          EXPECT_EQ(sent.action.to, from);
          const StunView view = sent.view();
          if (cookie == kClassicCookie) {
            EXPECT_EQ(view.find_address(StunAttribute::kSourceAddress), origin);
            EXPECT_EQ(view.find_address(StunAttribute::kChangedAddress), other);
            EXPECT_EQ(attribute_types(view), (std::vector<uint16_t>{0x0001, 0x0005, 0x0004}));
          } else {
            EXPECT_EQ(view.find_address(StunAttribute::kResponseOrigin), origin);
            EXPECT_EQ(view.find_address(StunAttribute::kOtherAddress), other);
            EXPECT_EQ(attribute_types(view),
                      (std::vector<uint16_t>{0x0020, 0x802c, 0x802b, 0x0001}));
          }
        }
      }
    }
  }
}

TEST(StunResponder, LeavesOutTheOtherAddressLast) {
  struct Row {
    size_t request_size;
    std::vector<uint16_t> expect;
  };
  // Over IPv6: 44 bytes, and 24 for each of the two.
  const Row kRows[] = {
      {20, {0x0020}},
      {24, {0x0020, 0x802c}},
      {28, {0x0020, 0x802c}},
      {32, {0x0020, 0x802c, 0x802b}},
  };
  for (const Row& row : kRows) {
    RawStun request;
    if (row.request_size > 20) {
      request.add(kSoftware, std::vector<uint8_t>(row.request_size - 24));
    }
    ASSERT_EQ(request.bytes().size(), row.request_size);
    const Sent sent =
        answer(kDiscovering, arrived(request, kClientV6, kDiscoveryV6.endpoints[0][0]));
    EXPECT_EQ(attribute_types(sent.view()), row.expect) << row.request_size;
  }
}

TEST(StunResponder, SaysNothingOfOtherAddressesWhereItHasNone) {
  const RawStun request = RawStun().add(kSoftware, std::vector<uint8_t>(100));
  EXPECT_EQ(attribute_types(answer(kPlain, arrived(request)).view()),
            std::vector<uint16_t>{0x0020});
}

// ---- From where, to whom.

TEST(StunResponder, AnswersFromTheSocketAddressAndInterfaceItWasAskedAt) {
  const LocalEnd kLocals[] = {
      {endpoint("[fe80::1]:3478"), 7},
      {endpoint("198.51.100.1:3478"), 0},
      {endpoint("198.51.100.1:3478"), 3},
      {endpoint("0.0.0.0:0"), 0},  // A shell that cannot tell.
  };
  for (const LocalEnd& local : kLocals) {
    for (const RawStun& request : {RawStun(), RawStun().add(0x7fff)}) {
      const Sent sent = answer(
          kPlain,
          {.at = 42, .local = local, .from = endpoint("[fe80::2]:1234"), .payload = request});
      EXPECT_EQ(sent.action.from, 42);
      EXPECT_EQ(sent.action.local.endpoint, local.endpoint);
      EXPECT_EQ(sent.action.local.interface_index, local.interface_index);
      EXPECT_EQ(sent.action.to, endpoint("[fe80::2]:1234"));
    }
  }
}

TEST(StunResponder, AnswersMessagesOnTheirStream) {
  for (const Transport transport : {Transport::kTcp, Transport::kTls}) {
    Responder responder(kDiscovering);
    const auto ask = [&](const RawStun& request) {
      Outbox out;
      responder.step(MessageArrived{.stream = StreamId{77},
                                    .transport = transport,
                                    .local = {kDiscoveryV4.endpoints[0][0], 0},
                                    .from = kClientV4,
                                    .payload = request},
                     out);
      EXPECT_EQ(out.actions().size(), 1u);
      const auto& action = std::get<SendMessage>(out.actions()[0]);
      EXPECT_EQ(action.stream, StreamId{77});
      return Sent{{action.payload.begin(), action.payload.end()}, {}};
    };
    const RawStun large = RawStun().add(kSoftware, std::vector<uint8_t>(100));
    const Sent success = ask(large);
    EXPECT_EQ(success.view().find_xor_address(StunAttribute::kXorMappedAddress), kClientV4);
    // A connection cannot be answered from another address, so none is offered.
    EXPECT_EQ(attribute_types(success.view()), std::vector<uint16_t>{0x0020});
    const Sent refused = ask(RawStun().add(kChangeRequest, change_request(2)));
    EXPECT_EQ(refused.view().error_code(), 420u);
    const Sent unchanged = ask(RawStun().add(kChangeRequest, change_request(0)));
    EXPECT_EQ(unchanged.view().message_class(), StunClass::kSuccess);

    const auto index = static_cast<size_t>(transport);
    EXPECT_EQ(responder.stats().requests[index], 3u);
    EXPECT_EQ(responder.stats().successes[index], 2u);
    EXPECT_EQ(responder.stats().errors_unknown_attribute, 1u);
    EXPECT_EQ(responder.stats().requests[0], 0u);
  }
}

// ---- What is not answered, and what is counted.

uint64_t total(const Responder::Stats& stats) {
  const auto sum = [](const auto& counts) {
    return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
  };
  return sum(stats.requests) + stats.indications + sum(stats.malformed) + sum(stats.drops);
}

TEST(StunResponder, DoesNotAnswerWhatIsNoRequest) {
  using Drop = Responder::Drop;
  struct Row {
    const char* what;
    RawStun message;
    std::optional<Drop> drop;
  };
  const Row kRows[] = {
      {"Binding indication", RawStun(0x0011), {}},
      {"Binding indication, classic", RawStun(0x0011, kClassicCookie), {}},
      {"Binding indication with what must be understood", RawStun(0x0011).add(0x7fff), {}},
      {"Binding response", RawStun(0x0101), Drop::kNotARequest},
      {"Binding error", RawStun(0x0111).add(0x0009, {0, 0, 4, 0}), Drop::kNotARequest},
      {"Binding response, classic", RawStun(0x0101, kClassicCookie), Drop::kNotARequest},
      {"Shared Secret request", RawStun(0x0002, kClassicCookie), Drop::kUnknownMethod},
      {"Allocate request", RawStun(0x0003), Drop::kUnknownMethod},
      {"Send indication", RawStun(0x0016), Drop::kUnknownMethod},
      {"method 0", RawStun(0x0000), Drop::kUnknownMethod},
      {"the last method", RawStun(0x3eef), Drop::kUnknownMethod},
  };
  for (const Row& row : kRows) {
    Responder responder(kDiscovering);
    EXPECT_FALSE(send(responder, arrived(row.message))) << row.what;
    Outbox out;
    responder.step(MessageArrived{StreamId{1}, Transport::kTcp, {}, kClientV4, row.message}, out);
    EXPECT_TRUE(out.actions().empty()) << row.what;
    // Counted once for each, under its reason and no other.
    EXPECT_EQ(total(responder.stats()), 2u) << row.what;
    EXPECT_EQ(responder.stats().indications, row.drop ? 0u : 2u) << row.what;
    if (row.drop) {
      EXPECT_EQ(responder.stats().drops[static_cast<size_t>(*row.drop)], 2u) << row.what;
    }
  }
}

TEST(StunResponder, DoesNotAnswerClassicMessagesWhereItIsToldNotTo) {
  Responder::Options options = kPlain;
  options.answers_classic = false;
  Responder responder(options);
  for (const uint16_t type : std::initializer_list<uint16_t>{0x0001, 0x0011, 0x0101, 0x0002}) {
    EXPECT_FALSE(send(responder, arrived(RawStun(type, kClassicCookie))));
  }
  EXPECT_EQ(responder.stats().drops[static_cast<size_t>(Responder::Drop::kClassicRefused)], 4u);
  EXPECT_EQ(total(responder.stats()), 4u);
  EXPECT_TRUE(send(responder, arrived(RawStun())));
}

TEST(StunResponder, CountsEachWayOfBeingMalformed) {
  struct Row {
    wire::StunError error;
    std::vector<uint8_t> message;
  };
  RawStun many;
  for (int i = 0; i < 25; ++i) many.add(kSoftware);
  const Row kRows[] = {
      {wire::StunError::kNotStun, std::vector<uint8_t>(21)},
      {wire::StunError::kTruncated, {}},
      {wire::StunError::kTooLarge, std::vector<uint8_t>(wire::kStunMessageSizeMax + 4)},
      {wire::StunError::kBadAttribute, RawStun().add_raw({0, 6, 0, 1}).bytes()},
      {wire::StunError::kTooManyAttributes, many.bytes()},
      {wire::StunError::kBadFingerprint, RawStun().add(0x8028, {1, 2, 3, 4}).bytes()},
  };
  Responder responder(kPlain);
  for (const Row& row : kRows) {
    const uint64_t before = total(responder.stats());
    EXPECT_FALSE(send(responder, arrived(row.message)));
    EXPECT_EQ(responder.stats().malformed[static_cast<size_t>(row.error)], 1u);
    EXPECT_EQ(total(responder.stats()), before + 1);
  }
}

TEST(StunResponder, CountsRequestsAndWhatBecameOfThem) {
  Responder responder(kPlain);
  send(responder, arrived(RawStun()));
  send(responder, arrived(RawStun(0x0001, kClassicCookie)));
  send(responder, arrived(RawStun().add(0x7fff)));
  send(responder, arrived(RawStun().add(kChangeRequest)));
  const Responder::Stats& stats = responder.stats();
  EXPECT_EQ(stats.requests, (std::array<uint64_t, kTransportCount>{4, 0, 0}));
  EXPECT_EQ(stats.successes, (std::array<uint64_t, kTransportCount>{2, 0, 0}));
  EXPECT_EQ(stats.requests_classic, 1u);
  EXPECT_EQ(stats.errors_unknown_attribute, 1u);
  EXPECT_EQ(stats.errors_bad_request, 1u);
  EXPECT_EQ(total(stats), 4u);
}

TEST(StunResponder, HasALabelForEachDrop) {
  std::vector<std::string> labels;
  for (size_t i = 0; i < Responder::kDropCount; ++i) {
    labels.emplace_back(label(static_cast<Responder::Drop>(i)));
    EXPECT_FALSE(labels.back().empty());
  }
  std::sort(labels.begin(), labels.end());
  EXPECT_EQ(std::adjacent_find(labels.begin(), labels.end()), labels.end());
}

TEST(StunResponder, AnswersAWholeBatchIntoOneOutbox) {
  Responder responder(kDiscovering);
  Outbox out;
  std::vector<std::vector<uint8_t>> expected;
  for (uint16_t port = 1; out.has_room(); ++port) {
    const Endpoint from{kClientV6.address, port};
    const RawStun request = RawStun().add_fingerprint();
    responder.step(arrived(request, from, kDiscoveryV6.endpoints[0][0]), out);
    expected.push_back(
        answer(kDiscovering, arrived(request, from, kDiscoveryV6.endpoints[0][0])).bytes);
  }
  EXPECT_GT(expected.size(), 400u);  // Replies take no more of the arena than they need.
  ASSERT_EQ(out.actions().size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    const auto& action = std::get<SendDatagram>(out.actions()[i]);
    EXPECT_TRUE(same_bytes(action.payload, expected[i])) << i;
    EXPECT_EQ(action.to.port, i + 1);
  }
}

}  // namespace
}  // namespace roost::core::stun
