// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string_view>

#include "sim/actors/actor.h"
#include "sim/actors/discovery_client.h"
#include "sim/actors/transaction.h"
#include "sim/oracles.h"
#include "sim/verdict.h"

namespace roost::sim::actors {

// What RFC 3489 §10.1 calls what it finds.
enum class ClassicKind : uint8_t {
  kOpenInternet,
  kSymmetricFirewall,
  kFullCone,
  kRestrictedCone,
  kPortRestrictedCone,
  kSymmetric,
};
std::string_view label(ClassicKind kind);

// What the flow chart makes of such a behaviour.
ClassicKind classic_kind_of(const NatBehaviour& behaviour);

// A client of RFC 3489, without magic cookie, that goes through the flow chart of §10.1. Begins
// anew when not even the first question is answered.
class ClassicClient final : public Actor {
 public:
  // The oracles must outlive the client.
  ClassicClient(Host& host, const Endpoint& server, Verdict& verdict, MappedAddressOracle& mapped);

  void on_packet(Packet packet) override;

  // Empty until it is done.
  std::optional<ClassicKind> result() const { return result_; }
  void begin();

 private:
  enum class Test : uint8_t { kFirst, kSecond, kFirstElsewhere, kThird, kDone };

  void on_alarm() override;
  void start(Test test);
  void take(const Answer& answer);
  void take_silence();
  void finish(ClassicKind kind);

  Endpoint server_;
  Verdict& verdict_;
  MappedAddressOracle& mapped_oracle_;
  Test test_ = Test::kDone;
  Endpoint local_;
  Endpoint to_;
  Endpoint changed_;  // CHANGED-ADDRESS.
  Endpoint mapped_;   // MAPPED-ADDRESS of the first answer.
  std::optional<Transaction> transaction_;
  std::optional<ClassicKind> result_;
};

}  // namespace roost::sim::actors
