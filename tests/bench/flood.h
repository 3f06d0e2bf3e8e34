// SPDX-License-Identifier: MIT
#pragma once
// Allocate requests without credentials, at a fixed rate, from many network prefixes of loopback.
//
// One socket sends them all, each from an address of its own (IP_PKTINFO), in turn over the
// prefixes; it also takes the answers, so that the server is not spared delivering them.

#include <array>
#include <cstddef>
#include <cstdint>
#include <netinet/in.h>
#include <sys/socket.h>

namespace bench {

class Flood {
 public:
  struct Options {
    uint64_t rate_per_second = 0;
    uint32_t prefixes = 10'000;
  };
  struct Counters {
    uint64_t sent = 0;
    uint64_t challenged = 0;  // Answers, which are all challenges or `unexpected`.
    uint64_t unexpected = 0;
    uint64_t unoffered = 0;  // Not sent in time, or not taken by the kernel.
  };

  static constexpr uint32_t kPrefixesMax = 1 << 14;  // Each a /24 of 127.64.0.0/10.

  Flood(const sockaddr_in& target, const Options& options);
  ~Flood();
  Flood(const Flood&) = delete;
  Flood& operator=(const Flood&) = delete;

  // False with errno set where there is no such socket.
  [[nodiscard]] bool open();
  // Sends what is due; to be called much more often than that.
  void turn(int64_t now);

  const Counters& counters() const { return counters_; }

 private:
  // STUN's header and REQUESTED-TRANSPORT: the shortest that a server has to answer.
  static constexpr size_t kRequestSize = 28;
  static constexpr size_t kAnswerSizeMax = 512;
  static constexpr uint64_t kSentAtOnceMax = 8;  // So that the flow beside it has its turn.

  void send();
  void receive();

  sockaddr_in target_;
  Options options_;
  Counters counters_;
  int socket_ = -1;
  int64_t started_ = 0;
  uint64_t due_before_ = 0;
  uint32_t next_ = 0;
  std::array<uint8_t, kRequestSize> request_;
};

}  // namespace bench
