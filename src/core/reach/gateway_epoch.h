// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"

namespace roost::core::reach {

// Whether a gateway still remembers what it has granted. Each of its responses says for how many
// seconds it has remembered mappings; where that does not go with our clock since the response
// before, the gateway has begun anew, and the mappings are gone. The first response is believed.
class GatewayEpoch {
 public:
  // Clocks tick apart by whole seconds, and packets wait.
  static constexpr int64_t kToleranceSeconds = 2;

  // False if the gateway has begun anew. Each remembers what it was given, whatever it says.
  [[nodiscard]] bool goes_on_by_pcp(MonoTime now, uint32_t seconds);      // RFC 6887 §8.5.
  [[nodiscard]] bool goes_on_by_nat_pmp(MonoTime now, uint32_t seconds);  // RFC 6886 §3.6.
  void forget() { last_.reset(); }

 private:
  struct Response {
    MonoTime at{};
    int64_t seconds = 0;
  };

  std::optional<Response> last_;
};

}  // namespace roost::core::reach
