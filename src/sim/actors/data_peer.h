// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "sim/actors/actor.h"
#include "sim/actors/transfer.h"
#include "sim/connection.h"

namespace roost::sim::actors {

// A peer of relayed TCP: what it does with who connects to it depends on the port. It connects to
// relayed addresses when it is told.
class DataPeer final : public Actor {
 public:
  enum class Manner : uint8_t {
    kHonest,
    kSlow,     // Reads little at a time.
    kSilent,   // Never answers.
    kClosing,  // Ends at once, having said nothing.
    kRefusing,
    kBreaking,  // Is gone in the middle.
  };
  static constexpr size_t kMannerCount = 6;
  static constexpr uint16_t kFirstPort = 7000;
  static constexpr uint64_t kBytesMax = 20'000;  // Of what it says.
  static constexpr Duration kPatience = std::chrono::seconds(90);

  DataPeer(Host& host, TransferOracle& transfers) : Actor(host), transfers_(transfers) {}

  void on_packet(Packet packet) override;

  Endpoint endpoint(bool is_v4, Manner manner);
  // Connects to a relayed address of its family, honestly.
  void call(const Endpoint& relayed);
  uint64_t refused_call_count() const { return refused_call_count_; }

 private:
  struct Conversation {
    Connection connection;
    Manner manner;
    bool is_call;
    MonoTime until;
    std::optional<Transfer> transfer{};
  };
  using Ends = std::pair<Endpoint, Endpoint>;

  void on_alarm() override;
  void answer(const Packet& open, Manner manner);
  void begin(Conversation& conversation);
  // False when it is over.
  bool take(Conversation& conversation, const Packet& segment);
  bool pump(Conversation& conversation);
  void break_off(Conversation& conversation);

  TransferOracle& transfers_;
  std::map<Ends, Conversation> conversations_;
  bool is_ticking_ = false;
  uint64_t refused_call_count_ = 0;
};

}  // namespace roost::sim::actors
