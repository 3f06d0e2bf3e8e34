// SPDX-License-Identifier: MIT
#include "sim/actors/hello_flooder.h"

#include <utility>

#include "base/check.h"

namespace roost::sim::actors {
namespace {

constexpr Duration kSecond = std::chrono::seconds(1);
constexpr uint16_t kFirstPort = 20000;
constexpr size_t kMessageLengthAt = 13 + 3;  // The last byte of it.

}  // namespace

HelloFlooder::HelloFlooder(Host& host, Network& network, const Options& options)
    : Actor(host), network_(network), options_(options) {
  CHECK(!options_.targets.empty() && options_.packets_per_second > 0 && options_.prefix_count > 0);
  set_alarm(now());
}

void HelloFlooder::on_alarm() {
  const auto trick = static_cast<Trick>(host().dice().below(kTrickCount));
  play(trick, options_.targets[host().dice().below(options_.targets.size())]);
  set_alarm(now() + kSecond / static_cast<int64_t>(options_.packets_per_second));
}

void HelloFlooder::play(Trick trick, const Endpoint& target) {
  Dice& dice = host().dice();
  switch (trick) {
    case Trick::kForgedHello: return forge(target, client_hello(any_random(), {}));
    case Trick::kOwnHello: return say_hello(target);
    case Trick::kProof:
    case Trick::kStolen:
    case Trick::kOtherPort:
    case Trick::kOtherHello:
    case Trick::kElsewhere:
    case Trick::kDamaged:
      if (auto given = any_given()) return bring(trick, std::move(*given));
      return say_hello(target);
    case Trick::kGuessed: {
      const auto cookie = dice.random().bytes<8>();
      return forge(target, client_hello(any_random(), cookie));
    }
    case Trick::kCut: {
      auto hello = client_hello(any_random(), {});
      hello.resize(dice.below(hello.size()));
      return forge(target, std::move(hello));
    }
    case Trick::kFragmented: {
      auto hello = client_hello(any_random(), {});
      hello[kMessageLengthAt] = static_cast<uint8_t>(hello[kMessageLengthAt] + dice.below(100) + 1);
      return forge(target, std::move(hello));
    }
    case Trick::kTrailingBytes: {
      auto hello = client_hello(any_random(), {});
      hello.resize(hello.size() + dice.between(1, 50));
      return forge(target, std::move(hello));
    }
    case Trick::kRecord: {
      constexpr DtlsPart kParts[] = {DtlsPart::kKeyExchange, DtlsPart::kMessage,
                                     DtlsPart::kCloseNotify};
      const DtlsPart part = kParts[dice.below(std::size(kParts))];
      const auto key = dice.random().bytes<std::tuple_size_v<DtlsKey>>();
      return forge(target, dtls_record(part, dice.below(100), key));
    }
  }
}

void HelloFlooder::bring(Trick trick, Given given) {
  Dice& dice = host().dice();
  Endpoint from = given.to;
  Endpoint to = given.server;
  if (trick == Trick::kStolen) return forge(to, client_hello(given.random, given.cookie));
  if (trick == Trick::kOtherPort) ++from.port;
  if (trick == Trick::kOtherHello) given.random = any_random();
  if (trick == Trick::kDamaged) {
    given.cookie[dice.below(given.cookie.size())] ^= static_cast<uint8_t>(1 << dice.below(8));
  }
  if (trick == Trick::kElsewhere) {
    const Endpoint& other = options_.targets[dice.below(options_.targets.size())];
    if (other.address.is_v4() == to.address.is_v4()) to = other;
  }
  host().send_datagram(from, to, client_hello(given.random, given.cookie));
}

void HelloFlooder::say_hello(const Endpoint& target) {
  const auto address = host().address_towards(target.address);
  CHECK(address.has_value());
  const uint64_t which = host().dice().below(kPortCount);
  randoms_[which] = any_random();
  host().send_datagram({*address, static_cast<uint16_t>(kFirstPort + which)}, target,
                       client_hello(randoms_[which], {}));
}

void HelloFlooder::forge(const Endpoint& target, std::vector<uint8_t> payload) {
  Dice& dice = host().dice();
  const uint64_t within = dice.below(options_.prefix_count) << 8 | 1;
  Packet packet;
  packet.source = {IpAddress::v4(options_.first_source.v4_value() + static_cast<uint32_t>(within)),
                   static_cast<uint16_t>(dice.between(1, 65535))};
  if (!target.address.is_v4()) packet.source.address = {0x2a01'0000'0000'0000 + within, 1};
  packet.destination = target;
  packet.payload = std::move(payload);
  network_.inject(std::move(packet));
}

HelloRandom HelloFlooder::any_random() {
  return host().dice().random().bytes<std::tuple_size_v<HelloRandom>>();
}

// The latest as often as any of them, fresh or stale.
std::optional<HelloFlooder::Given> HelloFlooder::any_given() {
  if (given_.empty()) return {};
  if (host().dice().below(2) == 0) return given_[latest_];
  return given_[host().dice().below(given_.size())];
}

void HelloFlooder::on_packet(Packet packet) {
  const auto record = DtlsRecord::read(packet.payload);
  if (!record) return;
  if (record->part == DtlsPart::kCertificate) ++association_count_;
  const size_t which = static_cast<size_t>(packet.destination.port) - kFirstPort;
  if (record->part != DtlsPart::kHelloVerifyRequest || which >= kPortCount) return;
  ++cookie_count_;
  latest_ = given_.size() < kGivenMax ? given_.size() : host().dice().below(kGivenMax);
  if (latest_ == given_.size()) given_.emplace_back();
  given_[latest_] = {packet.source,
                     packet.destination,
                     randoms_[which],
                     {record->payload.begin(), record->payload.end()}};
}

}  // namespace roost::sim::actors
