// SPDX-License-Identifier: MIT
//
// Goal: the probe says of a relay what is true of it, gives back what it took, and ends in time,
// whatever the network and the server do.
// Method: the real core::turn::Server, with a network of our own between: every hop takes 10 ms,
// and each test says what is lost on it.
#include "node/turn_probe.h"

#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <utility>

#include "base/crypto_hash.h"
#include "core/outbox.h"
#include "core/turn/server.h"
#include "wire/stun_builder.h"

namespace roost::node {
namespace {

using namespace std::chrono_literals;
using Data = std::vector<uint8_t>;
using Line = TurnProbe::Line;
using Outcome = TurnSession::Answer::Outcome;
using Step = TurnProbe::Step;
using Way = TurnProbe::Way;
using core::turn::Server;

constexpr MonoTime kStart{24h};
constexpr Duration kHop = 10ms;

Endpoint endpoint(std::string_view text) {
  return Endpoint::parse(text).value();
}
const Endpoint kServer = endpoint("5.5.5.5:3478");
const Endpoint kServerV6 = endpoint("[2a00:5::5]:3478");

Server::Options options() {
  Server::Options options;
  options.authenticator.users = {{"alice", "open sesame"}};
  options.addresses.relay = {kServer.address, kServerV6.address};
  options.addresses.own = options.addresses.relay;
  return options;
}

// Where a packet is on its way to.
enum class Hop : uint8_t { kToServer, kToRelay, kToLine };

class ProbeWorld {
 public:
  struct Packet {
    Hop hop;
    Line line;      // Whose it is, or was.
    Endpoint from;  // As the receiver sees it.
    Endpoint to;
    Data bytes;
    bool is_stun() const { return !bytes.empty() && bytes[0] < 4; }
    bool is_method(uint8_t method) const { return is_stun() && bytes[1] == method; }
  };

  explicit ProbeWorld(const Server::Options& of_server = options(), bool is_reliable = false,
                      const Endpoint& server_at = kServer)
      : server_at_(server_at), is_reliable_(is_reliable), server_(of_server, random_, kStart) {
    const std::string host = server_at.address.is_v4() ? "9.9.9.1:" : "[2606:4700::1]:";
    for (size_t i = 0; i < 3; ++i) ends_[i] = endpoint(host + std::to_string(1001 + i));
    peer_behind_nat = ends_[1];
  }

  // What gets through; everything, unless a test says otherwise.
  std::function<bool(const Packet&)> passes = [](const Packet&) { return true; };
  // Comes in additionally whenever something reaches the line.
  std::function<Data(const Packet&)> forges;
  // Where the relay sees the peer's packets come from.
  Endpoint peer_behind_nat;
  std::string password = "open sesame";
  std::function<void(TurnProbe&, MonoTime)> meddles = [](TurnProbe&, MonoTime) {};

  TurnProbe::Report run() {
    TurnProbe::Options of_probe;
    of_probe.server = server_at_;
    of_probe.is_reliable = is_reliable_;
    of_probe.login = {"alice", password};
    TurnProbe probe(of_probe, random_, now_);
    for (;;) {
      meddles(probe, now_);
      while (const auto out = probe.poll(now_)) send(*out);
      const auto deadline = probe.next_deadline();
      if (!deadline) break;
      const bool has_packet = !packets_.empty() && packets_.begin()->first <= *deadline;
      const MonoTime next = has_packet ? packets_.begin()->first : *deadline;
      now_ = std::max(now_, next);
      if (has_packet) {
        const Packet packet = packets_.begin()->second;
        packets_.erase(packets_.begin());
        arrive(packet, probe);
      }
    }
    took = now_ - kStart;
    EXPECT_LE(took, TurnProbe::kDurationMax);
    server_.check_invariants();
    return probe.report();
  }

  // A Refresh is kept back, and answered with a success at once.
  bool keeps_allocations = false;
  MonoTime released_at{};
  void release() {
    if (!kept_back_) return;
    const Packet packet = *std::exchange(kept_back_, {});
    keeps_allocations = false;
    is_deaf_ = true;
    arrive_at_server(packet);
    is_deaf_ = false;
  }

  size_t open_socket_count() const { return sockets_.size(); }
  const Server& server() const { return server_; }
  Duration took{};
  // Somebody else takes a relayed address.
  void occupy() {
    const Endpoint other = endpoint("8.8.8.8:1");
    TurnSession session({false, 3s}, {"alice", "open sesame"}, random_);
    session.start(now_, {.method = TurnSession::Method::kAllocate});
    while (session.is_waiting()) {
      const auto request = session.poll(now_);
      ASSERT_TRUE(request);
      occupied_ = &session;
      step([&](core::Outbox& out) {
        server_.step({now_, {}}, core::DatagramArrived{0, {server_at_, 0}, other, *request}, out);
      });
    }
    occupied_ = nullptr;
    ASSERT_TRUE(session.relayed());
  }

 private:
  void send(const TurnProbe::Outgoing& out) {
    const Data bytes(out.bytes.begin(), out.bytes.end());
    const Endpoint from = ends_[static_cast<size_t>(out.line)];
    if (out.to == server_at_) return put({Hop::kToServer, out.line, from, out.to, bytes});
    EXPECT_EQ(out.line, Line::kPeer);
    put({Hop::kToRelay, out.line, peer_behind_nat, out.to, bytes});
  }

  void put(const Packet& packet) {
    if (!is_deaf_ && passes(packet)) packets_.emplace(now_ + kHop, packet);
  }

  void arrive(const Packet& packet, TurnProbe& probe) {
    switch (packet.hop) {
      case Hop::kToLine:
        if (forges) probe.take(now_, packet.line, packet.from, forges(packet));
        return probe.take(now_, packet.line, packet.from, packet.bytes);
      case Hop::kToRelay:
        for (const auto& [relay, local] : sockets_) {
          if (local != packet.to) continue;
          const core::RelayId id = relay;
          return step([&](core::Outbox& out) {
            server_.step({now_, {}}, core::RelayDatagramArrived{id, packet.from, packet.bytes},
                         out);
          });
        }
        return;
      case Hop::kToServer: return arrive_at_server(packet);
    }
  }

  void arrive_at_server(const Packet& packet) {
    if (packet.is_method(0x01)) {
      Data buffer(100);
      wire::StunBuilder reply(buffer, wire::StunClass::kSuccess,
                              *wire::StunView::parse(packet.bytes));
      reply.add_xor_address(wire::StunAttribute::kXorMappedAddress, packet.from);
      const Bytes bytes = reply.finish();
      return put({Hop::kToLine, packet.line, server_at_, {}, {bytes.begin(), bytes.end()}});
    }
    if (packet.is_method(0x04) && keeps_allocations) {
      kept_back_ = packet;
      released_at = now_;
      const Data reply = signed_success(packet.bytes);
      return put({Hop::kToLine, packet.line, server_at_, {}, reply});
    }
    step([&](core::Outbox& out) {
      const Now now{now_, {}};
      const bool may_be_relayed = Server::may_be_relayed(packet.bytes);
      if (is_reliable_ && packet.line != Line::kPeer) {
        const core::MessageArrived input{stream_of(packet.line),
                                         core::Transport::kTcp,
                                         {server_at_, 0},
                                         packet.from,
                                         packet.bytes};
        if (!may_be_relayed || !server_.relay(now, input, out)) server_.step(now, input, out);
      } else {
        const core::DatagramArrived input{0, {server_at_, 0}, packet.from, packet.bytes};
        if (!may_be_relayed || !server_.relay(now, input, out)) server_.step(now, input, out);
      }
    });
  }

  static Data signed_success(const Data& request) {
    Data buffer(200);
    wire::StunBuilder reply(buffer, wire::StunClass::kSuccess, *wire::StunView::parse(request));
    reply.add_integrity_sha256(sha256(as_bytes("alice:roost:open sesame")));
    const Bytes bytes = reply.finish();
    return {bytes.begin(), bytes.end()};
  }

  static core::StreamId stream_of(Line line) {
    return core::StreamId{100 + static_cast<uint64_t>(line)};
  }

  template <typename Step>
  void step(Step take_step) {
    core::Outbox out;
    take_step(out);
    std::vector<core::OpenRelay> asked;
    for (const core::Action& action : out.actions()) carry_out(action, asked);
    for (const core::OpenRelay& open : asked) {
      const Endpoint local{open.address, next_port_++};
      sockets_[open.relay] = local;
      step_opened(core::RelayOpened{open.relay, local});
    }
  }
  void step_opened(const core::RelayOpened& opened) {
    core::Outbox out;
    server_.step({now_, {}}, opened, out);
    std::vector<core::OpenRelay> none;
    for (const core::Action& action : out.actions()) carry_out(action, none);
  }

  void carry_out(const core::Action& action, std::vector<core::OpenRelay>& asked) {
    if (const auto* datagram = std::get_if<core::SendDatagram>(&action)) {
      Data bytes(datagram->head.begin(), datagram->head.end());
      bytes.insert(bytes.end(), datagram->payload.begin(), datagram->payload.end());
      if (occupied_ != nullptr) return occupied_->take(now_, bytes);
      const auto end = std::find(ends_.begin(), ends_.end(), datagram->to);
      ASSERT_NE(end, ends_.end());
      put({Hop::kToLine, static_cast<Line>(end - ends_.begin()), server_at_, {}, bytes});
    } else if (const auto* message = std::get_if<core::SendMessage>(&action)) {
      const Line line = message->stream == stream_of(Line::kClient) ? Line::kClient : Line::kSecond;
      put({Hop::kToLine, line, server_at_, {}, {message->payload.begin(), message->payload.end()}});
    } else if (const auto* relayed = std::get_if<core::SendFromRelay>(&action)) {
      if (relayed->to != peer_behind_nat) return;
      put({Hop::kToLine,
           Line::kPeer,
           sockets_.at(relayed->relay),
           {},
           {relayed->payload.begin(), relayed->payload.end()}});
    } else if (const auto* closed = std::get_if<core::CloseRelay>(&action)) {
      sockets_.erase(closed->relay);
    } else if (const auto* open = std::get_if<core::OpenRelay>(&action)) {
      asked.push_back(*open);
    }
  }

  Endpoint server_at_;
  bool is_reliable_;
  SeededRandom random_{7};
  MonoTime now_ = kStart;
  Server server_;
  std::array<Endpoint, 3> ends_;
  std::multimap<MonoTime, Packet> packets_;
  std::map<core::RelayId, Endpoint> sockets_;
  uint16_t next_port_ = 50000;
  TurnSession* occupied_ = nullptr;
  std::optional<Packet> kept_back_;
  bool is_deaf_ = false;
};

std::vector<Step> steps_of(const TurnProbe::Report& report) {
  std::vector<Step> steps;
  for (const auto& step : report.steps) steps.push_back(step.step);
  return steps;
}

void expect_works(const TurnProbe::Report& report, Way way) {
  EXPECT_FALSE(report.failed) << label(report.steps[*report.failed].step);
  EXPECT_EQ(report.way, way);
  EXPECT_TRUE(report.is_gone);
}

void expect_fails(const TurnProbe::Report& report, Step step, Outcome outcome, unsigned code = 0) {
  ASSERT_TRUE(report.failed);
  const TurnProbe::StepReport& failed = report.steps.at(*report.failed);
  EXPECT_EQ(label(failed.step), label(step));
  EXPECT_EQ(failed.answer.outcome, outcome);
  EXPECT_EQ(failed.answer.error_code, code);
}

void expect_diverted(const TurnProbe::Report& report, Step step) {
  ASSERT_TRUE(report.diverted);
  EXPECT_EQ(label(report.steps.at(*report.diverted).step), label(step));
}

const std::vector<Step> kDirectSteps = {Step::kBinding,    Step::kAllocate, Step::kPeerBinding,
                                        Step::kPermission, Step::kKnock,    Step::kChannel,
                                        Step::kEcho,       Step::kRelease,  Step::kGone};

TEST(TurnProbe, FindsThatARelayWorks) {
  ProbeWorld world;
  const auto report = world.run();
  expect_works(report, Way::kDirect);
  EXPECT_EQ(steps_of(report), kDirectSteps);
  EXPECT_TRUE(report.is_reached_from_outside);
  EXPECT_EQ(report.mapped, endpoint("9.9.9.1:1001"));
  EXPECT_EQ(report.relayed, endpoint("5.5.5.5:50000"));
  EXPECT_EQ(report.peer, endpoint("9.9.9.1:1002"));
  EXPECT_EQ(report.realm, "roost");
  EXPECT_TRUE(report.uses_sha256);
  EXPECT_EQ(report.lifetime_seconds, 600u);
  EXPECT_EQ(report.echo.sent, 10u);
  EXPECT_EQ(report.echo.reached, 10u);
  EXPECT_EQ(report.echo.returned, 10u);
  EXPECT_EQ(report.echo.round_trip_min, 4 * kHop);
  EXPECT_EQ(report.echo.round_trip_median, 4 * kHop);
  EXPECT_EQ(report.steps[1].answer.request_count, 2u);  // The challenge.
  EXPECT_EQ(report.steps[1].answer.took, 4 * kHop);
  EXPECT_EQ(world.open_socket_count(), 0u);
}

TEST(TurnProbe, WorksOverAStreamAndOverIpv6) {
  ProbeWorld stream(options(), true);
  expect_works(stream.run(), Way::kDirect);
  EXPECT_EQ(stream.open_socket_count(), 0u);
  ProbeWorld v6(options(), false, kServerV6);
  const auto report = v6.run();
  expect_works(report, Way::kDirect);
  EXPECT_EQ(report.relayed, endpoint("[2a00:5::5]:50000"));
}

// A symmetric NAT maps the peer anew for the relayed address.
TEST(TurnProbe, TakesThePeersAddressFromWhatTheRelaySees) {
  ProbeWorld world;
  world.peer_behind_nat = endpoint("9.9.9.1:7777");
  const auto report = world.run();
  expect_works(report, Way::kDirect);
  EXPECT_EQ(report.peer, endpoint("9.9.9.1:7777"));
}

TEST(TurnProbe, NeedsNoAnswerToThePeerFromTheServer) {
  ProbeWorld world;
  world.passes = [](const ProbeWorld::Packet& packet) {
    return packet.line != Line::kPeer || packet.hop != Hop::kToServer;
  };
  expect_works(world.run(), Way::kDirect);
}

TEST(TurnProbe, MakesASecondAllocationThePeerWhereOursIsForbidden) {
  Server::Options forbidding = options();
  forbidding.peers = core::turn::PeerPolicy({}, {*Prefix::parse("9.9.9.0/24")});
  for (const bool is_reliable : {false, true}) {
    ProbeWorld world(forbidding, is_reliable);
    const auto report = world.run();
    expect_works(report, Way::kRelayToRelay);
    expect_diverted(report, Step::kPermission);
    EXPECT_FALSE(report.is_reached_from_outside);
    EXPECT_EQ(report.peer, endpoint("5.5.5.5:50001"));
    EXPECT_EQ(report.echo.returned, 10u);
    EXPECT_EQ(world.open_socket_count(), 0u);
    EXPECT_EQ(world.server().stats().allocations[1], 2u);
  }
}

TEST(TurnProbe, MakesASecondAllocationThePeerWhereNothingComesThrough) {
  ProbeWorld closed_in;
  closed_in.passes = [](const ProbeWorld::Packet& packet) { return packet.hop != Hop::kToRelay; };
  auto report = closed_in.run();
  expect_works(report, Way::kRelayToRelay);
  expect_diverted(report, Step::kKnock);
  EXPECT_EQ(report.steps[*report.diverted].answer.outcome, Outcome::kTimedOut);

  ProbeWorld closed_out;
  closed_out.passes = [](const ProbeWorld::Packet& packet) {
    return packet.hop != Hop::kToLine || packet.line != Line::kPeer || packet.is_stun();
  };
  report = closed_out.run();
  expect_works(report, Way::kRelayToRelay);
  expect_diverted(report, Step::kEcho);
  EXPECT_EQ(closed_out.open_socket_count(), 0u);
}

TEST(TurnProbe, DoesWithoutAPeerSocket) {
  ProbeWorld world;
  world.meddles = [](TurnProbe& probe, MonoTime now) {
    if (now == kStart) probe.lose(now, Line::kPeer, "no way there");
  };
  const auto report = world.run();
  expect_works(report, Way::kRelayToRelay);
  expect_diverted(report, Step::kPeerBinding);
}

TEST(TurnProbe, SaysInWhichDirectionPacketsAreLost) {
  ProbeWorld world;
  unsigned to_peer = 0;
  unsigned to_relay = 0;
  world.passes = [&](const ProbeWorld::Packet& packet) {
    const bool is_echo = packet.bytes.size() == EchoTrain::kPacketSize;
    if (is_echo && packet.hop == Hop::kToLine && packet.line == Line::kPeer) return ++to_peer > 3;
    if (is_echo && packet.hop == Hop::kToRelay) return ++to_relay > 2;
    return true;
  };
  const auto report = world.run();
  expect_works(report, Way::kDirect);
  EXPECT_EQ(report.echo.sent, 10u);
  EXPECT_EQ(report.echo.reached, 7u);
  EXPECT_EQ(report.echo.returned, 5u);
}

// The first copy of each request, or of each reply, is lost.
TEST(TurnProbe, GetsThroughLoss) {
  for (const bool loses_requests : {true, false}) {
    SCOPED_TRACE(loses_requests);
    ProbeWorld world;
    std::set<Data> seen;
    world.passes = [&](const ProbeWorld::Packet& packet) {
      const bool is_request = packet.hop == Hop::kToServer;
      const bool is_data = packet.hop == Hop::kToLine && packet.is_method(0x17);
      if (!packet.is_stun() || is_data || is_request != loses_requests) return true;
      // By type and transaction: a lifetime counts down from reply to reply.
      const Data header(packet.bytes.begin(), packet.bytes.begin() + 20);
      return !seen.insert(header).second;
    };
    const auto report = world.run();
    expect_works(report, Way::kDirect);
    EXPECT_EQ(report.steps[0].answer.request_count, 2u);
    EXPECT_EQ(report.steps[0].answer.took, 500ms + 2 * kHop);
    EXPECT_EQ(world.open_socket_count(), 0u);
  }
}

TEST(TurnProbe, TellsEachRefusalWithItsStep) {
  ProbeWorld wrong;
  wrong.password = "open barley";
  expect_fails(wrong.run(), Step::kAllocate, Outcome::kRefused, 401);

  Server::Options small = options();
  small.table.allocations = 1;
  ProbeWorld full(small);
  full.occupy();
  expect_fails(full.run(), Step::kAllocate, Outcome::kRefused, 508);

  Server::Options thrifty = options();
  thrifty.table.allocations_per_user = {0, 1, 1, 1};
  ProbeWorld used_up(thrifty);
  used_up.occupy();
  expect_fails(used_up.run(), Step::kAllocate, Outcome::kRefused, 486);

  Server::Options without_v6 = options();
  without_v6.addresses.relay = {kServer.address};
  // The client reached it at a link-local address, where nothing is relayed from.
  ProbeWorld no_family(without_v6, false, endpoint("[fe80::5]:3478"));
  expect_fails(no_family.run(), Step::kAllocate, Outcome::kRefused, 440);
}

TEST(TurnProbe, GivesBackTheFirstWhereTheSecondIsRefused) {
  Server::Options thrifty = options();
  thrifty.table.allocations_per_user = {0, 1, 1, 1};
  thrifty.peers = core::turn::PeerPolicy({}, {*Prefix::parse("9.9.9.0/24")});
  ProbeWorld world(thrifty);
  const auto report = world.run();
  expect_fails(report, Step::kSecondAllocate, Outcome::kRefused, 486);
  expect_diverted(report, Step::kPermission);
  EXPECT_TRUE(report.is_gone);
  EXPECT_EQ(world.open_socket_count(), 0u);
}

TEST(TurnProbe, TellsASilentServerInTime) {
  ProbeWorld world;
  world.passes = [](const ProbeWorld::Packet&) { return false; };
  const auto report = world.run();
  expect_fails(report, Step::kAllocate, Outcome::kTimedOut);
  EXPECT_EQ(report.steps.back().answer.request_count, 3u);
  EXPECT_EQ(world.took, Duration(6s));
}

// Each step is answered at the very last moment.
TEST(TurnProbe, EndsInTimeWhateverTakesLong) {
  ProbeWorld world;
  std::map<Data, unsigned> seen;
  world.passes = [&](const ProbeWorld::Packet& packet) {
    return packet.hop != Hop::kToServer || !packet.is_stun() || ++seen[packet.bytes] == 3;
  };
  const auto report = world.run();
  EXPECT_TRUE(report.failed);
  EXPECT_EQ(report.steps[*report.failed].answer.outcome, Outcome::kTimedOut);
  EXPECT_LE(world.took, TurnProbe::kDurationMax);
}

TEST(TurnProbe, TellsAnAllocationThatIsNotGivenBack) {
  ProbeWorld world;
  world.passes = [](const ProbeWorld::Packet& packet) { return !packet.is_method(0x04); };
  const auto report = world.run();
  expect_fails(report, Step::kRelease, Outcome::kTimedOut);
  EXPECT_EQ(report.way, Way::kDirect);
  EXPECT_FALSE(report.is_gone);
}

// A server that does not give back what it was told to: it never hears of it, and says otherwise.
TEST(TurnProbe, TellsAnAllocationThatIsStillThere) {
  ProbeWorld world;
  world.keeps_allocations = true;
  const auto report = world.run();
  expect_fails(report, Step::kGone, Outcome::kSuccess);
  EXPECT_EQ(report.steps.back().answer.request_count, 5u);
  EXPECT_GT(report.steps.back().answer.took, Duration(2400ms));
  EXPECT_FALSE(report.is_gone);
}

TEST(TurnProbe, WaitsForAServerThatClearsAwayLater) {
  ProbeWorld world;
  world.keeps_allocations = true;
  world.meddles = [&](TurnProbe& probe, MonoTime now) {
    // The first has been answered with a success.
    if (probe.report().steps.size() == 8 && now >= world.released_at + 100ms) world.release();
  };
  const auto report = world.run();
  expect_works(report, Way::kDirect);
  EXPECT_EQ(report.steps.back().answer.request_count, 2u);
  EXPECT_EQ(world.open_socket_count(), 0u);
}

TEST(TurnProbe, TellsALostConnectionWhereverItWas) {
  for (Duration at = 0ms; at < 640ms; at += 15ms) {
    SCOPED_TRACE(at.count());
    ProbeWorld world(options(), true);
    bool is_lost = false;
    world.meddles = [&](TurnProbe& probe, MonoTime now) {
      if (is_lost || now < kStart + at) return;
      is_lost = true;
      probe.lose(now, Line::kClient, "closed by the server");
    };
    const auto report = world.run();
    ASSERT_TRUE(is_lost);
    ASSERT_TRUE(report.failed);
    EXPECT_EQ(report.steps[*report.failed].answer.outcome, Outcome::kLost);
  }
}

TEST(TurnProbe, TellsALostSecondConnection) {
  Server::Options forbidding = options();
  forbidding.peers = core::turn::PeerPolicy({}, {*Prefix::parse("9.9.9.0/24")});
  for (Duration at = 120ms; at < 600ms; at += 15ms) {
    SCOPED_TRACE(at.count());
    ProbeWorld world(forbidding, true);
    bool is_lost = false;
    world.meddles = [&](TurnProbe& probe, MonoTime now) {
      if (is_lost || now < kStart + at) return;
      is_lost = true;
      probe.lose(now, Line::kSecond, "closed by the server");
    };
    const auto report = world.run();
    ASSERT_TRUE(report.failed);
    EXPECT_EQ(report.steps[*report.failed].answer.outcome, Outcome::kLost);
    EXPECT_TRUE(report.is_gone);  // The first one was given back.
  }
}

// Whatever a stranger sends along with each packet changes nothing.
TEST(TurnProbe, IsNotFooledByWhatOthersSend) {
  Server::Options forbidding = options();
  forbidding.peers = core::turn::PeerPolicy({}, {*Prefix::parse("9.9.9.0/24")});
  const std::function<Data(const ProbeWorld::Packet&)> forgeries[] = {
      [](const ProbeWorld::Packet&) { return Data(); },
      [](const ProbeWorld::Packet&) { return Data(4, 0x40); },
      [](const ProbeWorld::Packet& packet) {  // Another transaction's.
        Data bytes = packet.bytes;
        if (bytes.size() >= 20) bytes[15] ^= 1;
        return bytes;
      },
      [](const ProbeWorld::Packet& packet) {
        Data bytes = packet.bytes;
        bytes.pop_back();
        return bytes;
      },
      [](const ProbeWorld::Packet& packet) {  // A refusal of what was asked, unsigned.
        const auto view = wire::StunView::parse(packet.bytes);
        if (!view || view->message_class() != wire::StunClass::kSuccess ||
            view->method() == wire::StunMethod::kBinding) {
          return Data();
        }
        Data buffer(100);
        wire::StunBuilder reply(buffer, wire::StunClass::kError, *view);
        reply.add_error_code(437, "");
        const Bytes bytes = reply.finish();
        return Data(bytes.begin(), bytes.end());
      },
      [](const ProbeWorld::Packet& packet) {  // A knock that never was.
        const auto view = wire::StunView::parse(packet.bytes);
        if (!view || view->method() != wire::StunMethod::kData) return Data();
        Data buffer(100);
        wire::StunBuilder data(buffer, wire::StunClass::kIndication, wire::StunMethod::kData,
                               std::array<uint8_t, 12>{});
        data.add_xor_address(wire::StunAttribute::kXorPeerAddress, endpoint("6.6.6.6:6"));
        data.add(wire::StunAttribute::kData, Data(16));
        const Bytes bytes = data.finish();
        return Data(bytes.begin(), bytes.end());
      },
  };
  for (size_t i = 0; i < std::size(forgeries); ++i) {
    SCOPED_TRACE(i);
    ProbeWorld direct;
    direct.forges = forgeries[i];
    const auto report = direct.run();
    expect_works(report, Way::kDirect);
    EXPECT_EQ(report.peer, endpoint("9.9.9.1:1002"));
    EXPECT_EQ(report.echo.returned, 10u);
    ProbeWorld diverted(forbidding);
    diverted.forges = forgeries[i];
    expect_works(diverted.run(), Way::kRelayToRelay);
  }
}

TEST(TurnProbe, NamesItsStepsApart) {
  std::set<std::string_view> names;
  for (int step = 0; step <= static_cast<int>(Step::kGone); ++step) {
    names.insert(label(static_cast<Step>(step)));
  }
  EXPECT_EQ(names.size(), static_cast<size_t>(Step::kGone) + 1);
}

}  // namespace
}  // namespace roost::node
