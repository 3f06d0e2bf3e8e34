// SPDX-License-Identifier: MIT
//
// Goal: the simulated machine begins, keeps, replaces and ends associations as the daemon's does.
// Method: a shell that notes what it is told, and a client's host whose datagrams are made by hand.
#include "sim/associations.h"

#include <gtest/gtest.h>

#include "sim/world.h"

namespace roost::sim {
namespace {

using namespace std::chrono_literals;
using core::StreamId;

constexpr HelloRandom kRandom{1};

class Ears final : public Program {
 public:
  explicit Ears(Host& home) : host(home) {}
  void on_packet(Packet packet) override { packets.push_back(std::move(packet)); }
  void on_wake_up(uint64_t what) override {
    if (associations != nullptr) associations->on_wake_up(StreamId{what});
  }
  Host& host;
  Associations* associations = nullptr;
  std::vector<Packet> packets;
};

class AssociationsTest : public testing::Test, public Associations::Shell {
 protected:
  AssociationsTest() {
    world_.set_links(kPerfectLink);
    node_.associations = &associations_;
  }

  StreamId next_stream() override { return StreamId{++stream_count_}; }
  void send_record(const Endpoint& from, const Endpoint& to, Bytes record) override {
    node_.host.send_datagram(from, to, record);
  }
  void owe(const core::Input& input) override {
    const auto* const opened = std::get_if<core::StreamOpened>(&input);
    const auto* const closed = std::get_if<core::StreamClosed>(&input);
    if (opened != nullptr) told_ += "+" + std::to_string(static_cast<uint64_t>(opened->stream));
    if (closed != nullptr) told_ += "-" + std::to_string(static_cast<uint64_t>(closed->stream));
  }
  void wake_association(MonoTime when, StreamId stream) override {
    node_.host.wake_up(when, static_cast<uint64_t>(stream));
  }

  void accept(uint64_t digest = 1) {
    const auto hello = client_hello(kRandom, as_bytes("8 bytes!"));
    associations_.accept({0, {local_, 0}, client_end_, hello, digest});
  }
  // What the client has been sent since it was last asked.
  std::vector<DtlsPart> heard(Duration time = 0s) {
    world_.run_for(time + 1ms);
    std::vector<DtlsPart> parts;
    for (const Packet& packet : std::exchange(client_.packets, {})) {
      const auto record = DtlsRecord::read(packet.payload);
      EXPECT_TRUE(record);
      if (!record) continue;
      parts.push_back(record->part);
      if (record->part == DtlsPart::kCertificate) key_ = record->key;
    }
    return parts;
  }
  // What the node gets to see of it.
  std::optional<std::string> say(DtlsPart part, uint64_t sequence, std::string_view text = {}) {
    const Packet packet{PacketKind::kDatagram, 0, client_end_, local_,
                        dtls_record(part, sequence, key_, as_bytes(text))};
    std::optional<core::MessageArrived> message;
    EXPECT_TRUE(associations_.take(packet, message) || associations_.count() == 0);
    if (!message) return {};
    EXPECT_EQ(message->transport, core::Transport::kDtls);
    EXPECT_EQ(message->from, client_end_);
    return std::string(as_text(message->payload));
  }
  void open() {
    accept();
    associations_.begin_accepted();
    EXPECT_EQ(heard(), std::vector{DtlsPart::kCertificate});
    say(DtlsPart::kKeyExchange, 0);
    EXPECT_EQ(heard(), std::vector{DtlsPart::kFinished});
  }
  bool answer(std::optional<Duration> granted = {}) {
    core::SendMessage message{StreamId{1}, as_bytes("an answer")};
    message.granted_lifetime = granted;
    return associations_.send(message);
  }

  World world_{1};
  Ears& node_ = world_.run<Ears>(world_.add_host());
  Ears& client_ = world_.run<Ears>(world_.add_host());
  Endpoint local_{node_.host.addresses().front(), 3478};
  Endpoint client_end_{client_.host.addresses().front(), 5000};
  Associations associations_{node_.host, *this};
  uint64_t stream_count_ = 0;
  std::string told_;
  DtlsKey key_{};
};

TEST_F(AssociationsTest, CarryMessagesOnceTheyAreOpen) {
  open();
  EXPECT_EQ(told_, "+1");
  EXPECT_EQ(say(DtlsPart::kMessage, 1, "a question"), "a question");
  EXPECT_EQ(say(DtlsPart::kMessage, 1, "a question"), std::nullopt);  // The same datagram again.
  EXPECT_TRUE(answer());
  EXPECT_EQ(heard(), std::vector{DtlsPart::kMessage});
  say(DtlsPart::kCloseNotify, 2);
  EXPECT_EQ(told_, "+1-1");
  EXPECT_EQ(associations_.count(), 0u);
  EXPECT_FALSE(answer());
}

TEST_F(AssociationsTest, TakeNothingWithoutTheirKeyOrTooEarly) {
  accept();
  EXPECT_EQ(say(DtlsPart::kKeyExchange, 0), std::nullopt);  // Not begun.
  associations_.begin_accepted();
  EXPECT_EQ(heard(), std::vector{DtlsPart::kCertificate});
  EXPECT_EQ(say(DtlsPart::kMessage, 1, "too early"), std::nullopt);
  EXPECT_FALSE(answer());
  const DtlsKey key = std::exchange(key_, {});
  for (const DtlsPart part : {DtlsPart::kKeyExchange, DtlsPart::kMessage, DtlsPart::kCloseNotify}) {
    EXPECT_EQ(say(part, 2, "forged"), std::nullopt);
  }
  key_ = key;
  EXPECT_EQ(told_, "+1");
  EXPECT_TRUE(heard().empty());
}

TEST_F(AssociationsTest, LeaveToTheNodeWhatIsNotTheirs) {
  open();
  std::optional<core::MessageArrived> message;
  const std::vector<uint8_t> hello = client_hello(kRandom, {});
  const std::vector<uint8_t> stun(20);
  Endpoint other = client_end_;
  ++other.port;
  const auto record = dtls_record(DtlsPart::kMessage, 1, key_);
  for (const Packet& packet : {Packet{PacketKind::kDatagram, 0, client_end_, local_, hello},
                               Packet{PacketKind::kDatagram, 0, client_end_, local_, stun},
                               Packet{PacketKind::kDatagram, 0, client_end_, local_, {}},
                               Packet{PacketKind::kDatagram, 0, other, local_, record}}) {
    EXPECT_FALSE(associations_.take(packet, message));
  }
}

TEST_F(AssociationsTest, RepeatTheCertificateAndGiveUp) {
  accept();
  associations_.begin_accepted();
  EXPECT_EQ(heard().size(), 1u);
  EXPECT_EQ(heard(900ms).size(), 0u);
  EXPECT_EQ(heard(200ms).size(), 1u);   // After 1 s,
  EXPECT_EQ(heard(1800ms).size(), 0u);  // 3 s,
  EXPECT_EQ(heard(200ms).size(), 1u);
  EXPECT_EQ(heard(3800ms).size(), 0u);  // and 7 s.
  EXPECT_EQ(heard(200ms).size(), 1u);
  EXPECT_EQ(told_, "+1");
  EXPECT_EQ(heard(3s).size(), 0u);
  EXPECT_EQ(told_, "+1-1");
}

TEST_F(AssociationsTest, EndWhenTheClientIsSilent) {
  open();
  EXPECT_TRUE(heard(Associations::kSilentTimeMax - 100ms).empty());
  EXPECT_EQ(heard(200ms), std::vector{DtlsPart::kCloseNotify});
  EXPECT_EQ(told_, "+1-1");
}

TEST_F(AssociationsTest, AreKeptOnceTheyWereAnswered) {
  open();
  say(DtlsPart::kMessage, 1, "a question");
  EXPECT_TRUE(answer());
  heard(Associations::kIdleTimeMax - 100ms);
  EXPECT_EQ(associations_.count(), 1u);
  EXPECT_EQ(heard(200ms), std::vector{DtlsPart::kCloseNotify});
  EXPECT_EQ(told_, "+1-1");
}

TEST_F(AssociationsTest, AreKeptAsLongAsWasGranted) {
  open();
  say(DtlsPart::kMessage, 1, "a question");
  EXPECT_TRUE(answer(10min));
  heard(10min);
  EXPECT_EQ(associations_.count(), 1u);
  EXPECT_TRUE(answer(0s));  // That is taken back.
  heard(1s);
  EXPECT_EQ(told_, "+1-1");
}

TEST_F(AssociationsTest, EndWhenWhatWasGrantedDoes) {
  open();
  say(DtlsPart::kMessage, 1, "a question");
  EXPECT_TRUE(answer(10min));
  heard(10min + Associations::kIdleTimeMax - 1s);
  EXPECT_EQ(told_, "+1");
  heard(2s);
  EXPECT_EQ(told_, "+1-1");
}

TEST_F(AssociationsTest, AreReplacedByAnotherHelloOnly) {
  open();
  accept();  // A copy of its own.
  EXPECT_EQ(told_, "+1");
  accept(2);
  EXPECT_EQ(told_, "+1-1+2");
  accept(3);  // The node has not yet heard of that before.
  EXPECT_EQ(told_, "+1-1+2");
  EXPECT_EQ(associations_.count(), 1u);
  associations_.begin_accepted();
  EXPECT_EQ(heard(), std::vector{DtlsPart::kCertificate});
}

TEST_F(AssociationsTest, AreRefusedWithoutAWordBeforeTheyBegin) {
  accept();
  associations_.refuse(StreamId{1});
  associations_.begin_accepted();
  EXPECT_TRUE(heard(1min).empty());
  EXPECT_EQ(told_, "+1");
  EXPECT_FALSE(associations_.has(StreamId{1}));
}

TEST_F(AssociationsTest, AreRefusedWithAWordLater) {
  open();
  associations_.refuse(StreamId{1});
  EXPECT_EQ(heard(), std::vector{DtlsPart::kCloseNotify});
  EXPECT_EQ(told_, "+1-1");
}

TEST_F(AssociationsTest, AreGoneWithThePower) {
  open();
  associations_.clear();
  EXPECT_TRUE(heard(1min).empty());
  EXPECT_EQ(told_, "+1");
  EXPECT_EQ(associations_.count(), 0u);
}

}  // namespace
}  // namespace roost::sim
