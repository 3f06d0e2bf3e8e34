// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "sim/actors/actor.h"
#include "sim/dtls_record.h"
#include "sim/network.h"

namespace roost::sim::actors {

// Sends ClientHellos in others' names and in its own, gathers the cookies that it is given, and
// tries what they are good for: elsewhere, later, for somebody else, or for another hello. Where
// one is good it begins an association and leaves it at that.
class HelloFlooder final : public Actor {
 public:
  enum class Trick : uint8_t {
    kForgedHello,  // In anybody's name,
    kOwnHello,     // or as who it is: only so it is given a cookie.
    kProof,        // The cookie from where it was given, fresh or stale,
    kStolen,       // in another's name,
    kOtherPort,    // from another port,
    kOtherHello,   // with another hello,
    kElsewhere,    // or to another address or node.
    kDamaged,      // One bit of it is another.
    kGuessed,
    kCut,
    kFragmented,
    kTrailingBytes,
    kRecord,  // What comes behind the hellos, in anybody's name.
  };
  static constexpr size_t kTrickCount = 13;

  struct Options {
    std::vector<Endpoint> targets;
    uint64_t packets_per_second = 20;
    // Sources are any address of the /24s that follow each other from there on.
    IpAddress first_source = IpAddress::v4(0x28000000);  // 40.0.0.0
    uint64_t prefix_count = 10'000;
  };

  // `network` must outlive the flooder.
  HelloFlooder(Host& host, Network& network, const Options& options);

  void on_packet(Packet packet) override;

  void stop() { clear_alarm(); }
  uint64_t cookie_count() const { return cookie_count_; }
  uint64_t association_count() const { return association_count_; }  // That were begun for it.

 private:
  static constexpr size_t kPortCount = 16;
  // Enough for some of them to be stale.
  static constexpr size_t kGivenMax = 256;

  struct Given {
    Endpoint server;
    Endpoint to;
    HelloRandom random{};
    std::vector<uint8_t> cookie;
  };

  void on_alarm() override;
  void play(Trick trick, const Endpoint& target);
  void bring(Trick trick, Given given);
  void say_hello(const Endpoint& target);
  void forge(const Endpoint& target, std::vector<uint8_t> payload);
  HelloRandom any_random();
  std::optional<Given> any_given();

  Network& network_;
  Options options_;
  std::array<HelloRandom, kPortCount> randoms_{};  // Of the last hello from each port.
  std::vector<Given> given_;
  size_t latest_ = 0;
  uint64_t cookie_count_ = 0;
  uint64_t association_count_ = 0;
};

}  // namespace roost::sim::actors
