// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "base/cursor.h"
#include "wire/stun.h"

namespace roost::wire {

// Writes one STUN message into a buffer that the caller owns.
//
// Attributes go in the order of the calls: integrity behind everything it protects, FINGERPRINT
// last. A message that does not fit its buffer comes out empty.
class StunBuilder {
 public:
  // A request or an indication of our own.
  StunBuilder(MutableBytes buffer, StunClass message_class, StunMethod method,
              std::span<const uint8_t, 12> transaction_id);
  // The answer to `request`: same method, same transaction. A classic request gets a classic
  // answer.
  StunBuilder(MutableBytes buffer, StunClass message_class, const StunView& request);

  void add(StunAttribute type, Bytes value);
  void add_u32(StunAttribute type, uint32_t value);
  void add_address(StunAttribute type, const Endpoint& endpoint);
  void add_xor_address(StunAttribute type, const Endpoint& endpoint);
  // `code` is 300..699.
  void add_error_code(unsigned code, std::string_view reason);
  void add_integrity(Bytes key);         // HMAC-SHA1.
  void add_integrity_sha256(Bytes key);  // Not truncated.
  void add_fingerprint();

  // What the message would measure with one more attribute of that value size.
  size_t size_with(size_t value_size) const;
  size_t size() const { return writer_.size(); }

  // The finished message; empty if it did not fit.
  Bytes finish() const;

 private:
  void begin(StunClass message_class, uint16_t method,
             std::span<const uint8_t, 16> cookie_and_transaction_id);
  void begin_attribute(StunAttribute type, size_t value_size);
  void end_attribute(size_t value_size);

  MutableBytes buffer_;
  Writer writer_;
};

// What an address attribute's value measures for that endpoint's family.
constexpr size_t address_value_size(const Endpoint& endpoint) {
  return endpoint.address.is_v4() ? 8 : 20;
}

}  // namespace roost::wire
