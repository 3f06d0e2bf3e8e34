// SPDX-License-Identifier: MIT
//
// Any sequence of calls into a buffer of any size: the message is, byte for byte, that of a naive
// model which appends to a vector, or it is empty where the model's does not fit; and nothing is
// written outside of the buffer.
#include "wire/stun_builder.h"

#include <algorithm>
#include <fuzzer/FuzzedDataProvider.h>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/crypto_hash.h"

namespace roost::wire {
namespace {

class NaiveMessage {
 public:
  NaiveMessage(unsigned message_class, unsigned method, Bytes cookie_and_transaction_id) {
    // RFC 8489 §5, figure 3, bit by bit.
    unsigned type = (message_class & 1) << 4 | (message_class & 2) << 7;
    for (unsigned bit = 0; bit < 12; ++bit) {
      const unsigned place = bit < 4 ? bit : bit < 7 ? bit + 1 : bit + 2;
      type |= (method >> bit & 1) << place;
    }
    append_u16(type);
    append_u16(0);
    append(cookie_and_transaction_id);
  }

  void add(unsigned type, const std::vector<uint8_t>& value) {
    append_u16(type);
    append_u16(static_cast<unsigned>(value.size()));
    append(value);
    while (bytes_.size() % 4 != 0) bytes_.push_back(0);
    tell_length(0);
  }
  void add_address(unsigned type, const Endpoint& endpoint, bool is_xored) {
    const auto address = endpoint.address.v6_bytes();
    const bool is_v4 = endpoint.address.is_v4();
    std::vector<uint8_t> value = {0, static_cast<uint8_t>(is_v4 ? 1 : 2)};
    value.push_back(static_cast<uint8_t>(endpoint.port >> 8));
    value.push_back(static_cast<uint8_t>(endpoint.port));
    value.insert(value.end(), address.begin() + (is_v4 ? 12 : 0), address.end());
    if (is_xored) {
      value[2] ^= bytes_[4];
      value[3] ^= bytes_[5];
      for (size_t i = 4; i < value.size(); ++i) value[i] ^= bytes_[i];
    }
    add(type, value);
  }
  void add_integrity(Bytes key) {
    tell_length(24);
    const auto digest = hmac_sha1(key, bytes_);
    add(0x0008, {digest.begin(), digest.end()});
  }
  void add_integrity_sha256(Bytes key) {
    tell_length(36);
    const auto digest = hmac_sha256(key, bytes_);
    add(0x001c, {digest.begin(), digest.end()});
  }
  void add_fingerprint() {
    tell_length(8);
    std::vector<uint8_t> value(4);
    store_u32(value.data(), crc32(bytes_) ^ 0x5354554e);
    add(0x8028, value);
  }
  const std::vector<uint8_t>& bytes() const { return bytes_; }

 private:
  void append(Bytes bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  void append_u16(unsigned value) {
    bytes_.push_back(static_cast<uint8_t>(value >> 8));
    bytes_.push_back(static_cast<uint8_t>(value));
  }
  void tell_length(size_t more) {
    store_u16(bytes_.data() + 2, static_cast<uint16_t>(bytes_.size() - 20 + more));
  }

  std::vector<uint8_t> bytes_;
};

Endpoint consume_endpoint(FuzzedDataProvider& input) {
  const auto port = input.ConsumeIntegral<uint16_t>();
  if (input.ConsumeBool()) return {IpAddress::v4(input.ConsumeIntegral<uint32_t>()), port};
  const auto high = input.ConsumeIntegral<uint64_t>();
  return {IpAddress(high, input.ConsumeIntegral<uint64_t>()), port};
}

void call_both(FuzzedDataProvider& input, StunBuilder& builder, NaiveMessage& naive) {
  const auto number = input.ConsumeIntegral<uint16_t>();
  const auto type = static_cast<StunAttribute>(number);
  switch (input.ConsumeIntegralInRange(0, 7)) {
    case 0: {
      const auto value = input.ConsumeBytes<uint8_t>(input.ConsumeIntegralInRange<size_t>(0, 300));
      CHECK(builder.size_with(value.size()) == builder.size() + 4 + (value.size() + 3) / 4 * 4);
      builder.add(type, value);
      naive.add(number, value);
      break;
    }
    case 1: {
      std::vector<uint8_t> value(4);
      store_u32(value.data(), input.ConsumeIntegral<uint32_t>());
      builder.add_u32(type, load_u32(value.data()));
      naive.add(number, value);
      break;
    }
    case 2:
    case 3: {
      const Endpoint endpoint = consume_endpoint(input);
      CHECK(address_value_size(endpoint) == (endpoint.address.is_v4() ? 8 : 20));
      const bool is_xored = input.ConsumeBool();
      if (is_xored) {
        builder.add_xor_address(type, endpoint);
      } else {
        builder.add_address(type, endpoint);
      }
      naive.add_address(number, endpoint, is_xored);
      break;
    }
    case 4: {
      const unsigned code = input.ConsumeIntegralInRange(300u, 699u);
      const std::string reason = input.ConsumeRandomLengthString(128);
      builder.add_error_code(code, reason);
      std::vector<uint8_t> value = {0, 0, static_cast<uint8_t>(code / 100),
                                    static_cast<uint8_t>(code % 100)};
      value.insert(value.end(), reason.begin(), reason.end());
      naive.add(0x0009, value);
      break;
    }
    case 5: {
      const auto key = input.ConsumeBytes<uint8_t>(number % 100);
      builder.add_integrity(key);
      naive.add_integrity(key);
      break;
    }
    case 6: {
      const auto key = input.ConsumeBytes<uint8_t>(number % 100);
      builder.add_integrity_sha256(key);
      naive.add_integrity_sha256(key);
      break;
    }
    default: builder.add_fingerprint(); naive.add_fingerprint();
  }
}

void check(FuzzedDataProvider& input) {
  constexpr size_t kGuard = 32;
  const auto size = input.ConsumeIntegralInRange<size_t>(0, 2000);
  std::vector<uint8_t> memory(size + kGuard, 0x5a);
  const MutableBytes buffer = MutableBytes(memory).first(size);
  const unsigned message_class = input.ConsumeIntegralInRange(0u, 3u);
  const unsigned method = input.ConsumeIntegralInRange(0u, 0xfffu);
  std::array<uint8_t, 16> id;
  store_u32(id.data(), kStunMagicCookie);
  for (size_t i = 4; i < id.size(); ++i) id[i] = input.ConsumeIntegral<uint8_t>();

  StunBuilder builder(buffer, static_cast<StunClass>(message_class),
                      static_cast<StunMethod>(method), Bytes(id).last<12>());
  NaiveMessage naive(message_class, method, id);
  // Once something did not fit, nothing comes out, whatever follows.
  bool fits = naive.bytes().size() <= size;
  while (input.remaining_bytes() > 0) {
    CHECK(builder.finish().empty() || same_bytes(builder.finish(), naive.bytes()));
    call_both(input, builder, naive);
    fits = fits && naive.bytes().size() <= size;
    if (naive.bytes().size() > size + 400) break;
  }
  CHECK(fits ? same_bytes(builder.finish(), naive.bytes()) : builder.finish().empty());
  CHECK(std::all_of(memory.end() - kGuard, memory.end(), [](uint8_t b) { return b == 0x5a; }));
}

}  // namespace
}  // namespace roost::wire

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzedDataProvider input(data, size);
  roost::wire::check(input);
  return 0;
}
