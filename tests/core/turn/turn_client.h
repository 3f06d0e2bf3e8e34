// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "base/crypto_hash.h"
#include "turn/turn_world.h"
#include "wire/channel_data.h"
#include "wire/stun_builder.h"

namespace roost::core::turn {

// A TURN client that speaks both generations of RFC 8489's credentials, and what it is answered.

// What stands for a message that is missing, so that the test fails and goes on.
inline constexpr std::array<uint8_t, 20> kEmptyMessage = {0, 0, 0, 0, 0x21, 0x12, 0xa4, 0x42};

// What a client was answered; may be nothing.
struct Reply {
  Data bytes;

  bool is_there() const { return !bytes.empty(); }
  StunView view() const {
    const auto parsed = StunView::parse(bytes);
    EXPECT_TRUE(parsed);
    return parsed ? *parsed : StunView::parse(kEmptyMessage).value();
  }
  bool is_success() const { return is_there() && view().message_class() == StunClass::kSuccess; }
  // 0 for success, -1 for no reply.
  int code() const {
    if (!is_there()) return -1;
    return static_cast<int>(view().error_code().value_or(0));
  }
  std::string text(StunAttribute type) const {
    const auto value = view().find(type);
    return value ? std::string(as_text(*value)) : std::string();
  }
  std::optional<uint32_t> lifetime() const { return view().find_u32(StunAttribute::kLifetime); }
  // All relayed addresses, in order.
  std::vector<Endpoint> relayed() const {
    std::vector<Endpoint> found;
    view().for_each_attribute([&](const StunView::Attribute& attribute) {
      if (attribute.type != StunAttribute::kXorRelayedAddress) return;
      found.push_back(view().read_xor_address(attribute.value).value());
    });
    return found;
  }
};

struct Credentials {
  std::string username = "alice";
  std::string password = "open sesame";
  bool signs_with_sha256 = false;    // MESSAGE-INTEGRITY-SHA256 instead of MESSAGE-INTEGRITY.
  bool has_sha256_password = false;  // PASSWORD-ALGORITHM SHA-256 instead of MD5 by silence.
  bool uses_userhash = false;
  bool has_fingerprint = false;
};
inline const Credentials kAlice;
inline const Credentials kBob{.username = "bob", .password = "secret"};
inline const Credentials kModernAlice{
    .signs_with_sha256 = true, .has_sha256_password = true, .uses_userhash = true};

inline Data key_of(const Credentials& who, std::string_view realm) {
  const std::string text = who.username + ":" + std::string(realm) + ":" + who.password;
  if (who.has_sha256_password) {
    const Sha256Digest digest = sha256(as_bytes(text));
    return {digest.begin(), digest.end()};
  }
  const Md5Digest digest = md5(as_bytes(text));
  return {digest.begin(), digest.end()};
}

class Client {
 public:
  Client(World& world, std::string_view address, const Credentials& who = kAlice)
      : credentials(who), endpoint(turn::endpoint(address)), world_(world) {
    if (!endpoint.address.is_v4()) local = {kServerV6, 0};
  }
  static Client on_stream(World& world, uint64_t stream, Transport transport = Transport::kTcp,
                          const Credentials& who = kAlice) {
    Client client(world, "192.0.2.77:50000", who);
    client.transport = transport;
    client.stream = StreamId{stream};
    return client;
  }

  // A request with its credentials, or without any.
  Data request(StunMethod method, const Attributes& attributes) {
    return build(method, attributes);
  }
  Data naked_request(StunMethod method, const Attributes& attributes) {
    return build_naked(StunClass::kRequest, method, attributes);
  }

  // Sends it, and returns what comes back to this client, which is one message or none.
  Reply send(const Data& bytes) {
    deliver(bytes);
    if (world_.to_clients.empty()) return {};
    EXPECT_EQ(world_.to_clients.size(), 1u);
    const ToClient sent = world_.take_client();
    expect_is_for_me(sent);
    return {sent.bytes};
  }
  void deliver(const Data& bytes) {
    if (transport == Transport::kUdp) {
      world_.arrive(DatagramArrived{socket, local, endpoint, bytes});
    } else {
      world_.arrive(MessageArrived{stream, transport, local, endpoint, bytes});
    }
  }
  void expect_is_for_me(const ToClient& sent) const {
    EXPECT_EQ(sent.is_datagram, transport == Transport::kUdp);
    if (!sent.is_datagram) {
      EXPECT_EQ(sent.stream, stream);
      return;
    }
    EXPECT_EQ(sent.to, endpoint);
    EXPECT_EQ(sent.local.endpoint, local.endpoint);
    EXPECT_EQ(sent.socket, socket);
  }

  // Answers the challenge where there is none yet, asks, and checks that the reply is signed with
  // our key in the way we signed, and is of our transaction.
  Reply ask(StunMethod method, const Attributes& attributes) {
    if (nonce.empty()) get_nonce();
    const Data bytes = request(method, attributes);
    const Reply reply = send(bytes);
    if (reply.is_there()) expect_is_signed(reply, bytes);
    return reply;
  }
  void expect_is_signed(const Reply& reply, const Data& request_bytes) const {
    EXPECT_TRUE(
        same_bytes(reply.view().cookie_and_transaction_id(), Bytes(request_bytes).subspan(4, 16)));
    EXPECT_EQ(reply.view().has_fingerprint(), credentials.has_fingerprint);
    if (reply.code() == 401 || reply.code() == 438) return;
    const Data key = key_of(credentials, realm);
    EXPECT_EQ(reply.view().integrity_sha256_matches(key), credentials.signs_with_sha256);
    EXPECT_EQ(reply.view().integrity_matches(key), !credentials.signs_with_sha256);
  }
  void get_nonce() {
    const Reply challenge = send(naked_request(StunMethod::kAllocate, {udp()}));
    EXPECT_EQ(challenge.code(), 401);
    if (challenge.is_there()) learn(challenge);
  }
  void learn(const Reply& challenge) {
    nonce = challenge.text(StunAttribute::kNonce);
    realm = challenge.text(StunAttribute::kRealm);
    algorithms = challenge.text(StunAttribute::kPasswordAlgorithms);
  }

  // The usual steps of a client.
  Reply allocate(Attributes attributes = {}) {
    attributes.insert(attributes.begin(), udp());
    const Reply reply = ask(StunMethod::kAllocate, attributes);
    if (reply.is_success()) relayed = reply.relayed().at(0);
    return reply;
  }
  Reply refresh(const Attributes& attributes) { return ask(StunMethod::kRefresh, attributes); }
  int permit(const Endpoint& to) { return ask(StunMethod::kCreatePermission, {peer(to)}).code(); }
  int bind(uint16_t number, const Endpoint& to) {
    return ask(StunMethod::kChannelBind, {turn::channel(number), peer(to)}).code();
  }
  void indicate(const Endpoint& to, std::string_view text, Attributes more = {}) {
    more.push_back(peer(to));
    more.push_back(turn::data(text));
    deliver(build_naked(StunClass::kIndication, StunMethod::kSend, more));
  }
  void send_channel_data(uint16_t number, std::string_view text) {
    const auto header = wire::channel_data_header(number, text.size());
    Data bytes(header.begin(), header.end());
    bytes.insert(bytes.end(), text.begin(), text.end());
    if (transport != Transport::kUdp) bytes.resize((bytes.size() + 3) / 4 * 4);
    deliver(bytes);
  }
  // A peer of ours sends to our relayed address.
  void receive_from(const Endpoint& from, std::string_view text) {
    world_.arrive_from_peer(world_.relay_at(relayed), from, data_of(text));
  }

  // `behind` is put where nobody may believe it: behind the integrity.
  Data build(StunMethod method, const Attributes& attributes, const Attributes& behind = {}) {
    Data buffer(4096);
    wire::StunBuilder builder(buffer, StunClass::kRequest, method, next_transaction());
    add(builder, attributes);
    if (credentials.uses_userhash) {
      builder.add(StunAttribute::kUserhash, sha256(as_bytes(credentials.username + ":" + realm)));
    } else {
      builder.add(StunAttribute::kUsername, as_bytes(credentials.username));
    }
    builder.add(StunAttribute::kRealm, as_bytes(realm));
    builder.add(StunAttribute::kNonce, as_bytes(nonce));
    if (credentials.has_sha256_password) {
      builder.add(StunAttribute::kPasswordAlgorithms, as_bytes(algorithms));
      builder.add(StunAttribute::kPasswordAlgorithm, std::array<uint8_t, 4>{0, 2, 0, 0});
    }
    const Data key = key_of(credentials, realm);
    if (credentials.signs_with_sha256) {
      builder.add_integrity_sha256(key);
    } else {
      builder.add_integrity(key);
    }
    add(builder, behind);
    if (credentials.has_fingerprint) builder.add_fingerprint();
    const Bytes message = builder.finish();
    return {message.begin(), message.end()};
  }
  Data build_naked(StunClass message_class, StunMethod method, const Attributes& attributes) {
    Data buffer(4096);
    wire::StunBuilder builder(buffer, message_class, method, next_transaction());
    add(builder, attributes);
    if (credentials.has_fingerprint) builder.add_fingerprint();
    const Bytes message = builder.finish();
    return {message.begin(), message.end()};
  }

  Credentials credentials;
  Endpoint endpoint;
  LocalEnd local{kServerV4, 0};
  SocketId socket = 3;
  Transport transport = Transport::kUdp;
  StreamId stream{};
  std::string realm, nonce, algorithms;
  Endpoint relayed;  // The first of what was allocated.

 private:
  static void add(wire::StunBuilder& builder, const Attributes& attributes) {
    for (const Attribute& attribute : attributes) {
      if (const auto* xored = std::get_if<Endpoint>(&attribute.value)) {
        builder.add_xor_address(attribute.type, *xored);
      } else {
        builder.add(attribute.type, std::get<Data>(attribute.value));
      }
    }
  }
  std::array<uint8_t, 12> next_transaction() {
    std::array<uint8_t, 12> id{};
    store_u16(id.data(), endpoint.port);
    store_u64(id.data() + 4, ++transaction_count_);
    return id;
  }

  World& world_;
  uint64_t transaction_count_ = 0;
};

}  // namespace roost::core::turn
