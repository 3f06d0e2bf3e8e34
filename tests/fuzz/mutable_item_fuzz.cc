// SPDX-License-Identifier: MIT
//
// Any bytes as a carrier: parsing does not crash and accepts exactly what a naive reader accepts;
// what it accepts survives encoding unchanged, and its signature is judged by BEP 44's bytes, put
// together naively. Any bytes as a value: what is one is signed, matches, is carried, and stops
// matching with one bit changed.
#include "wire/mutable_item.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/crypto_sign.h"
#include "wire/bencode.h"

namespace roost::wire {
namespace {

std::string naive_signed_text(const MutableItem& item) {
  std::string text;
  if (!item.salt.empty()) {
    text += "4:salt" + std::to_string(item.salt.size()) + ":" + std::string(as_text(item.salt));
  }
  return text + "3:seqi" + std::to_string(item.seq) + "e1:v" + std::string(as_text(item.value));
}

bool is_naively_good(Bytes bytes) {
  const auto view = BencodeView::parse_canonical(bytes);
  if (!view || view->kind() != BencodeKind::kDictionary) return false;
  std::map<std::string, BencodeView> fields;
  view->for_each_entry([&](Bytes key, const BencodeView& value) {
    fields.emplace(std::string(as_text(key)), value);
  });
  const auto is_string = [&](const char* key, size_t size_min, size_t size_max) {
    const auto string = fields.contains(key) ? fields.at(key).string() : std::nullopt;
    return string && string->size() >= size_min && string->size() <= size_max;
  };
  return bytes.size() <= kMutableItemSizeMax && is_string("k", 32, 32) &&
         (!fields.contains("salt") || is_string("salt", 0, 64)) && fields.contains("seq") &&
         fields.at("seq").integer() >= 0 && is_string("sig", 64, 64) && fields.contains("v") &&
         fields.at("v").bytes().size() <= 1000;
}

void check_same(const MutableItem& a, const MutableItem& b) {
  CHECK(a.key == b.key && a.seq == b.seq && a.signature == b.signature);
  CHECK(same_bytes(a.salt, b.salt) && same_bytes(a.value, b.value));
}

void check_survives(const MutableItem& item) {
  std::array<uint8_t, kMutableItemSizeMax> buffer;
  const auto again = parse_mutable_item(encode(item, buffer));
  CHECK(again);
  check_same(*again, item);
}

void check_as_carrier(Bytes bytes) {
  const auto item = parse_mutable_item(bytes);
  CHECK(item.has_value() == is_naively_good(bytes));
  if (!item) return;
  const std::string text = naive_signed_text(*item);
  CHECK(signature_matches(*item) ==
        roost::signature_matches(item->key, item->signature, as_bytes(text)));
  check_survives(*item);
}

void check_as_value(Bytes bytes) {
  if (bytes.size() > kMutableItemValueSizeMax || !BencodeView::parse(bytes)) return;
  const SigningKey key{SigningKey::Seed()};
  const Bytes salt = bytes.first(std::min<size_t>(bytes.size() / 2, kMutableItemSaltSizeMax));
  const int64_t seq = int64_t{1} << (bytes.size() % 63);
  MutableItem item = sign_mutable_item(key, seq, salt, bytes);
  CHECK(signature_matches(item));
  // A carrier is canonical, and one level deeper than what it carries.
  const std::string one_deeper = "l" + std::string(as_text(bytes)) + "e";
  if (BencodeView::parse_canonical(as_bytes(one_deeper))) check_survives(item);

  std::vector<uint8_t> spoilt(bytes.begin(), bytes.end());
  spoilt[bytes.size() / 2] ^= 1;
  item.value = spoilt;
  CHECK(!signature_matches(item));
}

}  // namespace
}  // namespace roost::wire

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  roost::wire::check_as_carrier({data, size});
  roost::wire::check_as_value({data, size});
  return 0;
}
