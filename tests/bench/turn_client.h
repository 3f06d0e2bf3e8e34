// SPDX-License-Identifier: MIT
#pragma once
// A TURN client over UDP (RFC 8656) with long-term credentials, as far as a load generator needs.
//
// One transaction at a time: it is begun, and then receive() and repeat() carry it on. The first
// Allocate goes without credentials, as everybody's does, so that the server's challenge is part of
// what an allocation costs. Answers that are not signed with the password are ignored.

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/crypto_hash.h"
#include "base/endpoint.h"
#include "wire/stun.h"

namespace bench {

struct TurnCredentials {
  std::string username = "bench";
  std::string password = "bench";
};

class TurnClient {
 public:
  enum class Progress : uint8_t { kWaiting, kDone, kRefused };

  static constexpr int64_t kRepeatNanoseconds = 200'000'000;
  static constexpr int kTriesMax = 20;

  // `socket` is connected to the server, and closed by somebody else; `credentials` must outlive
  // the client. `number` makes its transactions its own.
  TurnClient(int socket, const TurnCredentials& credentials, uint32_t number);

  void allocate();
  // Requires an allocation, both. One CreatePermission; one ChannelBind.
  void permit(const roost::Endpoint& peer);
  void bind(uint16_t channel, const roost::Endpoint& peer);

  int socket() const { return socket_; }
  Progress progress() const { return progress_; }
  unsigned error_code() const { return error_code_; }  // 0: no answer, or not one to that.
  const roost::Endpoint& relayed() const { return relayed_; }

  void receive();
  // Sends the request again if its answer is overdue.
  void repeat(int64_t now);

 private:
  static constexpr size_t kRequestSizeMax = 1024;

  void begin(roost::wire::StunMethod method);
  void send_request();
  void take(const roost::wire::StunView& view);
  void take_challenge(const roost::wire::StunView& view);

  int socket_;
  const TurnCredentials* credentials_;
  uint32_t number_;
  uint32_t transaction_count_ = 0;
  Progress progress_ = Progress::kDone;
  unsigned error_code_ = 0;
  int tries_ = 0;
  int challenges_ = 0;
  int64_t sent_nanoseconds_ = 0;
  roost::wire::StunMethod method_{};
  std::array<uint8_t, 12> id_{};
  roost::Endpoint peer_;
  uint16_t channel_ = 0;
  roost::Endpoint relayed_;
  std::string realm_;
  std::vector<uint8_t> nonce_;
  roost::Md5Digest key_{};
};

// Lets each client begin one transaction and carries all of them to their end, some at a time and
// without sleeping. False, after saying why on standard error, when one is refused.
[[nodiscard]] bool carry_out(std::span<TurnClient> clients,
                             const std::function<void(size_t index, TurnClient& client)>& begin);

}  // namespace bench
