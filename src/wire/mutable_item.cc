// SPDX-License-Identifier: MIT
#include "wire/mutable_item.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/check.h"
#include "base/crypto_hash.h"
#include "base/cursor.h"
#include "wire/bencode.h"

namespace roost::wire {
namespace {

bool is_within_bounds(const MutableItem& item) {
  return item.seq >= 0 && item.salt.size() <= kMutableItemSaltSizeMax && !item.value.empty() &&
         item.value.size() <= kMutableItemValueSizeMax;
}

void write_number(Writer& writer, int64_t number) {
  std::array<char, sizeof("-9223372036854775808")> digits;
  const auto result = std::to_chars(digits.begin(), digits.end(), number);
  writer.text({digits.data(), result.ptr});
}

// The string under `key` if it is exactly as long as `array`.
template <size_t kSize>
bool read_array(const BencodeView& dictionary, std::string_view key,
                std::array<uint8_t, kSize>& array) {
  const auto string = dictionary.find_string(key);
  if (!string || string->size() != kSize) return false;
  std::copy(string->begin(), string->end(), array.begin());
  return true;
}

}  // namespace

NodeId mutable_item_target(const PublicKey& key, Bytes salt) {
  CHECK(salt.size() <= kMutableItemSaltSizeMax);
  std::array<uint8_t, sizeof(PublicKey) + kMutableItemSaltSizeMax> text;
  const auto end =
      std::copy(salt.begin(), salt.end(), std::copy(key.begin(), key.end(), text.begin()));
  return sha1(Bytes(text.begin(), end));
}

Bytes signed_bytes(const MutableItem& item, MutableBytes buffer) {
  Writer writer(buffer);
  if (!item.salt.empty()) {
    writer.text("4:salt");
    write_number(writer, static_cast<int64_t>(item.salt.size()));
    writer.text(":");
    writer.bytes(item.salt);
  }
  writer.text("3:seqi");
  write_number(writer, item.seq);
  writer.text("e1:v");
  writer.bytes(item.value);
  return writer.ok() ? writer.written() : Bytes();
}

MutableItem sign_mutable_item(const SigningKey& key, int64_t seq, Bytes salt, Bytes value) {
  MutableItem item{key.public_key(), seq, {}, salt, value};
  CHECK(is_within_bounds(item) && BencodeView::parse(value).has_value());
  std::array<uint8_t, kMutableItemSignedSizeMax> buffer;
  item.signature = key.sign(signed_bytes(item, buffer));
  return item;
}

bool signature_matches(const MutableItem& item) {
  if (!is_within_bounds(item)) return false;
  std::array<uint8_t, kMutableItemSignedSizeMax> buffer;
  return roost::signature_matches(item.key, item.signature, signed_bytes(item, buffer));
}

std::string_view label(MutableItemError error) {
  switch (error) {
    case MutableItemError::kTooLarge: return "too_large";
    case MutableItemError::kNotCanonical: return "not_canonical";
    case MutableItemError::kBadKey: return "bad_key";
    case MutableItemError::kBadSalt: return "bad_salt";
    case MutableItemError::kBadSeq: return "bad_seq";
    case MutableItemError::kBadSignature: return "bad_signature";
    case MutableItemError::kBadValue: return "bad_value";
  }
  return "";
}

Bytes encode(const MutableItem& item, MutableBytes buffer) {
  const auto value = BencodeView::parse(item.value);  // One value, not two entries.
  if (!value || !is_within_bounds(item)) return {};
  BencodeWriter writer(buffer);
  writer.open_dictionary();
  writer.key("k");
  writer.string(item.key);
  if (!item.salt.empty()) {
    writer.key("salt");
    writer.string(item.salt);
  }
  writer.key("seq");
  writer.integer(item.seq);
  writer.key("sig");
  writer.string(item.signature);
  writer.key("v");
  writer.value(*value);
  writer.close();
  // The value may have been signed with keys in any order, or nest too deep one level further down.
  const Bytes encoded = writer.finish();
  return BencodeView::parse_canonical(encoded) ? encoded : Bytes();
}

Result<MutableItem, MutableItemError> parse_mutable_item(Bytes bytes) {
  if (bytes.size() > kMutableItemSizeMax) return Failure(MutableItemError::kTooLarge);
  const auto dictionary = BencodeView::parse_canonical(bytes);
  if (!dictionary || dictionary->kind() != BencodeKind::kDictionary) {
    return Failure(MutableItemError::kNotCanonical);
  }
  MutableItem item;
  if (!read_array(*dictionary, "k", item.key)) return Failure(MutableItemError::kBadKey);
  if (const auto salt = dictionary->find("salt")) {
    if (!salt->string()) return Failure(MutableItemError::kBadSalt);
    item.salt = *salt->string();
  }
  if (item.salt.size() > kMutableItemSaltSizeMax) return Failure(MutableItemError::kBadSalt);
  const auto seq = dictionary->find_integer("seq");
  if (!seq || *seq < 0) return Failure(MutableItemError::kBadSeq);
  item.seq = *seq;
  if (!read_array(*dictionary, "sig", item.signature)) {
    return Failure(MutableItemError::kBadSignature);
  }
  const auto value = dictionary->find("v");
  if (!value || value->bytes().size() > kMutableItemValueSizeMax) {
    return Failure(MutableItemError::kBadValue);
  }
  item.value = value->bytes();
  return item;
}

}  // namespace roost::wire
