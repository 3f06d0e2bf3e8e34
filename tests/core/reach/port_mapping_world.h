// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <functional>
#include <gtest/gtest.h>
#include <vector>

#include "core/reach/port_mapping.h"
#include "fake_gateway.h"

namespace roost::core::reach {

// We, a gateway, and a wire between that loses what the test says, in virtual time.

using namespace std::chrono_literals;
using State = PortMapping::State;
using Protocol = PortMapping::Protocol;
using GatewayProtocol = PortMapping::GatewayProtocol;
using Speech = FakeGateway::Speech;

inline constexpr SocketId kSocket = 2;
inline constexpr uint8_t kUdp = 17;
inline constexpr uint8_t kTcp = 6;
inline constexpr Duration kWay = 1ms;
inline const Endpoint kOurs = *Endpoint::parse("192.168.1.10:40000");
inline const IpAddress kGateway = *IpAddress::parse("192.168.1.1");
inline const Endpoint kPublic = *Endpoint::parse("9.9.9.9:3478");

struct Sent {
  MonoTime at{};
  FakeGateway::Datagram payload{};

  bool is_pcp_map() const { return payload.size() == 60; }
  bool is_nat_pmp_map() const { return payload.size() == 12; }
  bool is_map() const { return is_pcp_map() || is_nat_pmp_map(); }
  uint8_t protocol() const {
    if (is_pcp_map()) return payload[36];
    return payload[1] == 1 ? kUdp : kTcp;
  }
};

class PortMappingWorld : public testing::Test {
 protected:
  MonoTime now() const { return MonoTime(100h) + passed_; }

  // With what the gateway speaks from now on.
  void begin(bool is_pcp = true) {
    gateway_.pcp = is_pcp ? Speech::kSpeaks : Speech::kComplains;
    gateway_.nat_pmp = is_pcp ? Speech::kComplains : Speech::kSpeaks;
    attach();
  }
  void attach() {
    if (mapping_.mapping_count() == 0) {
      mapping_.want(now(), Protocol::kUdp, 3478);
      mapping_.want(now(), Protocol::kTcp, 3478);
    }
    mapping_.set_gateway(now(), {});
    mapping_.set_gateway(now(), PortMapping::Gateway{gateway_address_, kSocket, local_});
  }

  void run_for(Duration duration) {
    const Duration end = passed_ + duration;
    for (;;) {
      const auto deadline = mapping_.next_deadline();
      const MonoTime arrival = on_its_way_.empty() ? MonoTime::max() : on_its_way_.front().at;
      const MonoTime next = std::min(deadline.value_or(MonoTime::max()), arrival);
      if (next > MonoTime(100h) + end) break;
      passed_ = std::max(passed_, next - MonoTime(100h));
      if (arrival <= now()) {
        const Sent answer = on_its_way_.front();
        on_its_way_.erase(on_its_way_.begin());
        hear(answer.payload);
      } else {
        step();
      }
    }
    passed_ = end;
  }

  void step() {
    mapping_.step(now(), DeadlinePassed(), out_);
    for (const Action& action : out_.actions()) {
      const auto& sent = std::get<SendDatagram>(action);
      EXPECT_EQ(kSocket, sent.from);
      EXPECT_EQ((Endpoint{gateway_address_, 5351}), sent.to);
      const Sent request{now(), {sent.payload.begin(), sent.payload.end()}};
      sent_.push_back(request);
      if (loses_ && loses_(request)) continue;
      if (const auto answer = gateway_.answer(now(), sent.payload)) {
        on_its_way_.push_back({now() + kWay, *answer});
      }
    }
    out_.clear();
    const auto deadline = mapping_.next_deadline();
    EXPECT_TRUE(!deadline || *deadline > now() || ++idle_ < 100'000) << "does not pass";
  }

  bool hear(Bytes payload, const Endpoint& from, uint32_t interface_index = 0) {
    return mapping_.heard(now(), {kSocket, LocalEnd{kOurs, interface_index}, from, payload});
  }
  bool hear(Bytes payload) { return hear(payload, Endpoint{gateway_address_, 5351}); }

  std::vector<MonoTime> times_of(const std::function<bool(const Sent&)>& is_meant) const {
    std::vector<MonoTime> times;
    for (const Sent& sent : sent_) {
      if (is_meant(sent)) times.push_back(sent.at);
    }
    return times;
  }

  State state(size_t index) const { return mapping_.mapping(index).state; }
  bool all_are(State state) const { return this->state(0) == state && this->state(1) == state; }
  // What we believe to have is what the gateway knows.
  void expect_both_are_there() const {
    for (const size_t index : {size_t{0}, size_t{1}}) {
      const auto& mapping = mapping_.mapping(index);
      EXPECT_EQ("granted", label(mapping.state)) << index;
      const auto theirs = gateway_.mapping(now(), static_cast<uint8_t>(mapping.protocol), 3478);
      ASSERT_TRUE(theirs);
      EXPECT_EQ(theirs->external_port, mapping.external.port);
      EXPECT_EQ(gateway_.external, mapping.external.address);
      EXPECT_LE(mapping.until, theirs->until + kWay);
    }
  }

  SeededRandom random_{1};
  Duration passed_{};
  IpAddress gateway_address_ = kGateway;
  LocalEnd local_{kOurs, 0};
  FakeGateway gateway_{MonoTime(90h)};
  PortMapping mapping_{random_};
  Outbox out_;
  std::vector<Sent> sent_;
  std::vector<Sent> on_its_way_;
  std::function<bool(const Sent&)> loses_;
  size_t idle_ = 0;
};

}  // namespace roost::core::reach
