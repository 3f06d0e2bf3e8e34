// SPDX-License-Identifier: MIT
//
// Any bytes: parse() does not crash and accepts exactly what a naive reader accepts; every accessor
// of what it accepts is safe; and it means the same after it has been rebuilt.
#include "wire/stun.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/crypto_hash.h"
#include "wire/stun_builder.h"

namespace roost::wire {
namespace {

using Attributes = std::vector<std::pair<uint16_t, std::vector<uint8_t>>>;

Attributes attributes_of(const StunView& view) {
  Attributes attributes;
  view.for_each_attribute([&](const StunView::Attribute& attribute) {
    attributes.push_back(
        {static_cast<uint16_t>(attribute.type), {attribute.value.begin(), attribute.value.end()}});
  });
  return attributes;
}

// The attributes that count, or nothing where the message is none: a reader who copies everything.
std::optional<Attributes> read_naively(std::vector<uint8_t> message) {
  const size_t size = message.size();
  if (size < 20 || size > kStunMessageSizeMax || size % 4 != 0 || message[0] >= 64) return {};
  if (message[2] * 256u + message[3] != size - 20) return {};
  const bool is_classic =
      message[4] != 0x21 || message[5] != 0x12 || message[6] != 0xa4 || message[7] != 0x42;
  Attributes all;
  for (size_t at = 20; at < size;) {
    const auto type = static_cast<uint16_t>(message[at] * 256u + message[at + 1]);
    const size_t value_size = message[at + 2] * 256u + message[at + 3];
    if (at + 4 + value_size > size) return {};
    const auto begin = message.begin() + static_cast<ptrdiff_t>(at + 4);
    all.push_back({type, {begin, begin + static_cast<ptrdiff_t>(value_size)}});
    if (type == 0x8028 && !is_classic) {
      const uint32_t crc = crc32(Bytes(message).first(at)) ^ 0x5354554e;
      if (at + 8 != size || value_size != 4 || load_u32(&*begin) != crc) return {};
    }
    at += 4 + (value_size + 3) / 4 * 4;
  }
  if (all.size() > 24) return {};
  Attributes counted;
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].first == 0x8028 && !is_classic) break;
    counted.push_back(all[i]);
    if (all[i].first == 0x001c) break;
    if (all[i].first != 0x0008) continue;
    if (i + 1 < all.size() && all[i + 1].first == 0x001c) counted.push_back(all[i + 1]);
    break;
  }
  return counted;
}

void check_addresses(const StunView& view, StunAttribute type) {
  const auto value = view.find(type);
  const auto plain = view.find_address(type);
  const auto xored = view.find_xor_address(type);
  const bool is_v4 = value && value->size() == 8 && (*value)[1] == 1;
  const bool is_v6 = value && value->size() == 20 && (*value)[1] == 2;
  CHECK(plain.has_value() == (is_v4 || is_v6));
  CHECK(xored.has_value() == plain.has_value());
  if (!plain) return;
  CHECK(plain->port == load_u16(value->data() + 2));
  CHECK(xored->port == (plain->port ^ load_u16(view.cookie_and_transaction_id().data())));
  // Written again, they are read again.
  std::array<uint8_t, 20 + 2 * 24> buffer;
  StunBuilder builder(buffer, StunClass::kSuccess, view);
  builder.add_address(StunAttribute::kMappedAddress, *plain);
  builder.add_xor_address(StunAttribute::kXorMappedAddress, *xored);
  const auto again = StunView::parse(builder.finish());
  CHECK(again && again->find_address(StunAttribute::kMappedAddress) == plain);
  CHECK(again->find_xor_address(StunAttribute::kXorMappedAddress) == xored);
}

void check_accessors(const StunView& view, const Attributes& attributes) {
  CHECK(static_cast<unsigned>(view.message_class()) < 4);
  CHECK(static_cast<unsigned>(view.method()) < 0x1000);
  CHECK(stun_message_size(view.bytes()) == view.bytes().size());
  for (const auto& each : attributes) {
    const uint16_t number = each.first;
    const auto type = static_cast<StunAttribute>(number);
    const auto is_of_type = [number](const auto& attribute) { return attribute.first == number; };
    const auto first = std::find_if(attributes.begin(), attributes.end(), is_of_type);
    CHECK(same_bytes(view.find(type).value(), first->second));
    CHECK(view.find_u32(type).has_value() == (first->second.size() == 4));
    check_addresses(view, type);
  }
  if (const auto code = view.error_code()) CHECK(*code >= 300 && *code <= 699);
}

// The same attributes, written by the builder. Keys are not known, so digests are copied.
void check_rebuilt(const StunView& view, const Attributes& attributes) {
  std::array<uint8_t, kStunMessageSizeMax> buffer;
  StunBuilder builder(buffer, view.message_class(), view);
  for (const auto& [type, value] : attributes) builder.add(static_cast<StunAttribute>(type), value);
  if (view.has_fingerprint()) builder.add_fingerprint();
  const Bytes rebuilt = builder.finish();
  CHECK(!rebuilt.empty() && rebuilt.size() <= view.bytes().size());
  const auto again = StunView::parse(rebuilt);
  CHECK(again && attributes_of(*again) == attributes);
  CHECK(again->message_class() == view.message_class() && again->method() == view.method());
  CHECK(again->is_classic() == view.is_classic());
  CHECK(again->has_fingerprint() == view.has_fingerprint());
  CHECK(same_bytes(again->cookie_and_transaction_id(), view.cookie_and_transaction_id()));
}

// Signed by us, it matches under our key and under no other.
void check_signed(const StunView& view, const Attributes& attributes, Bytes key) {
  std::array<uint8_t, kStunMessageSizeMax + 24 + 36> buffer;
  StunBuilder builder(buffer, view.message_class(), view);
  for (const auto& [type, value] : attributes) {
    if (type != 0x0008 && type != 0x001c) builder.add(static_cast<StunAttribute>(type), value);
  }
  builder.add_integrity(key);
  builder.add_integrity_sha256(key);
  const auto again = StunView::parse(builder.finish());
  if (!again) return;  // Two attributes more may be too many.
  CHECK(again->integrity_matches(key) && again->integrity_sha256_matches(key));
  std::vector<uint8_t> other(key.begin(), key.end());
  other.push_back(1);
  CHECK(!again->integrity_matches(other) && !again->integrity_sha256_matches(other));
}

void check(Bytes message) {
  const auto view = StunView::parse(message);
  const auto naive = read_naively({message.begin(), message.end()});
  CHECK(view.has_value() == naive.has_value());
  if (!view) {
    CHECK(!label(view.error()).empty());
    return;
  }
  const Attributes attributes = attributes_of(*view);
  CHECK(attributes == *naive);
  check_accessors(*view, attributes);
  check_rebuilt(*view, attributes);
  const Bytes key = message.first(message.size() % 21);
  check_signed(*view, attributes, key);
  static_cast<void>(view->integrity_matches(key));
  static_cast<void>(view->integrity_sha256_matches(key));
}

}  // namespace
}  // namespace roost::wire

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  roost::wire::check({data, size});
  return 0;
}
