// SPDX-License-Identifier: MIT
#include "sim/actors/flooder.h"

#include "base/check.h"
#include "sim/actors/transaction.h"

namespace roost::sim::actors {
namespace {

constexpr Duration kTick = std::chrono::milliseconds(10);

}  // namespace

Flooder::Flooder(Host& host, Network& network, const Options& options)
    : Actor(host), network_(network), options_(options) {
  CHECK(!options_.targets.empty() && options_.prefix_count > 0);
  set_alarm(now());
}

void Flooder::on_alarm() {
  constexpr uint64_t kMillion = 1'000'000;
  owed_millionths_ += options_.packets_per_second * static_cast<uint64_t>(kTick.count());
  for (; owed_millionths_ >= kMillion; owed_millionths_ -= kMillion) send_one();
  set_alarm(now() + kTick);
}

void Flooder::send_one() {
  Dice& dice = host().dice();
  Packet packet;
  packet.source = forged_source();
  packet.destination = options_.targets[dice.below(options_.targets.size())];
  const bool is_noise =
      options_.load == Load::kNoise || (options_.load == Load::kMixed && dice.below(2) == 0);
  if (is_noise) {
    packet.payload.resize(dice.below(200));
    dice.random().fill(packet.payload);
  } else {
    packet.payload = binding_request({}, dice);
  }
  ++sent_count_;
  network_.inject(std::move(packet));
}

Endpoint Flooder::forged_source() {
  Dice& dice = host().dice();
  const uint64_t prefix = dice.below(options_.prefix_count);
  const uint64_t within = dice.any();
  const auto port = static_cast<uint16_t>(dice.between(1, 65535));
  const IpAddress& first = options_.first_source;
  if (first.is_v4()) {
    const auto address = first.v4_value() + static_cast<uint32_t>(prefix << 8 | (within & 0xff));
    return {IpAddress::v4(address), port};
  }
  return {IpAddress(first.high() + (prefix << 8 | (within & 0xff)), dice.any()), port};
}

}  // namespace roost::sim::actors
