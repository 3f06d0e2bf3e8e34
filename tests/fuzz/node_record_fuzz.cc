// SPDX-License-Identifier: MIT
//
// Any bytes: parsing does not crash and accepts exactly what a naive reader accepts, with the same
// contents; what it accepts stays within its bounds and survives encoding unchanged.
#include "wire/node_record.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/check.h"
#include "wire/bencode.h"

namespace roost::wire {
namespace {

using Fields = std::map<std::string, BencodeView>;

const BencodeView* field(const Fields& fields, const char* key) {
  const auto found = fields.find(key);
  return found == fields.end() ? nullptr : &found->second;
}

std::vector<BencodeView> items_of(const BencodeView& list) {
  std::vector<BencodeView> items;
  list.for_each_item([&](const BencodeView& item) { items.push_back(item); });
  return items;
}

// Addresses as text, or nothing when the field is no good.
std::optional<std::vector<std::string>> naive_addresses(const BencodeView* list) {
  std::vector<std::string> texts;
  if (list == nullptr) return texts;
  if (list->kind() != BencodeKind::kList) return {};
  for (const BencodeView& item : items_of(*list)) {
    const auto bytes = item.string();
    if (!bytes || (bytes->size() != 6 && bytes->size() != 18)) return {};
    const Bytes address = bytes->first(bytes->size() - 2);
    std::vector<uint8_t> mapped(10, 0);
    mapped.insert(mapped.end(), {0xff, 0xff});
    const bool is_mapped =
        address.size() == 16 && std::equal(mapped.begin(), mapped.end(), address.begin());
    const bool is_zero =
        std::all_of(address.begin(), address.end(), [](uint8_t byte) { return byte == 0; });
    const unsigned port = bytes->back() + 256u * (*bytes)[bytes->size() - 2];
    if (is_mapped || is_zero || port == 0) return {};
    if (address.size() == 4) mapped.insert(mapped.end(), address.begin(), address.end());
    if (address.size() == 16) mapped.assign(address.begin(), address.end());
    const auto ip = IpAddress::v6(std::span<const uint8_t, 16>(mapped.data(), 16));
    texts.push_back(Endpoint{ip, static_cast<uint16_t>(port)}.text());
  }
  if (texts.size() > 8) return {};
  return texts;
}

bool same_addresses(const NodeAddresses& addresses, const std::vector<std::string>& texts) {
  return std::equal(
      addresses.endpoints().begin(), addresses.endpoints().end(), texts.begin(), texts.end(),
      [](const Endpoint& endpoint, const std::string& text) { return endpoint.text() == text; });
}

bool is_naively_good(const Fields& fields) {
  const BencodeView* const version = field(fields, "p");
  if (version == nullptr || !version->integer()) return false;
  if (*version->integer() < 1 || *version->integer() > 65535) return false;
  const BencodeView* const capacity = field(fields, "c");
  if (capacity != nullptr && !(capacity->integer() >= 0)) return false;
  const BencodeView* const role = field(fields, "r");
  if (role != nullptr && !role->string()) return false;
  if (const BencodeView* const services = field(fields, "s")) {
    if (services->kind() != BencodeKind::kList) return false;
    for (const BencodeView& item : items_of(*services)) {
      if (!item.string()) return false;
    }
  }
  for (const char* const key : {"udp", "tcp", "tls"}) {
    if (!naive_addresses(field(fields, key))) return false;
  }
  if (const BencodeView* const software = field(fields, "v")) {
    const auto text = software->string();
    if (!text || text->size() > 32) return false;
    for (const uint8_t byte : *text) {
      if (byte < 32 || byte > 126) return false;
    }
  }
  return true;
}

void check_contents(const NodeRecord& record, const Fields& fields) {
  CHECK(record.protocol_version == field(fields, "p")->integer());
  const BencodeView* const capacity = field(fields, "c");
  const int64_t capacity_class = capacity == nullptr ? 0 : *capacity->integer();
  CHECK(record.capacity_class == std::min<int64_t>(capacity_class, 3));
  const BencodeView* const role = field(fields, "r");
  const std::string word(role == nullptr ? "" : as_text(*role->string()));
  const bool is_known = word == "candidate" || word == "supernode" || word == "draining";
  CHECK(label(record.role) == (is_known ? word : "leaf"));
  bool offers_stun = false;
  if (const BencodeView* const services = field(fields, "s")) {
    for (const BencodeView& item : items_of(*services)) {
      offers_stun = offers_stun || as_text(*item.string()) == "stun";
    }
  }
  CHECK(record.offers(NodeService::kStun) == offers_stun);
  CHECK(same_addresses(record.udp, *naive_addresses(field(fields, "udp"))));
  CHECK(same_addresses(record.tcp, *naive_addresses(field(fields, "tcp"))));
  CHECK(same_addresses(record.tls, *naive_addresses(field(fields, "tls"))));
  const BencodeView* const software = field(fields, "v");
  CHECK(record.software.text() == (software == nullptr ? "" : as_text(*software->string())));
}

void check(Bytes bytes) {
  const auto record = parse_node_record(bytes);
  const auto view = BencodeView::parse_canonical(bytes);
  Fields fields;
  if (view) {
    view->for_each_entry([&](Bytes key, const BencodeView& value) {
      fields.emplace(std::string(as_text(key)), value);
    });
  }
  CHECK(record.has_value() == (bytes.size() <= 1000 && is_naively_good(fields)));
  if (!record) return;
  check_contents(*record, fields);

  std::array<uint8_t, kNodeRecordSizeMax> buffer;
  const Bytes encoded = encode(*record, buffer);
  const auto again = parse_node_record(encoded);
  CHECK(again && *again == *record);

  const MutableItem item = sign_node_record(SigningKey{SigningKey::Seed()}, 1, encoded);
  std::array<uint8_t, kSignedNodeRecordSizeMax> signed_buffer;
  const auto carried = parse_signed_node_record(encode_signed_node_record(item, signed_buffer));
  CHECK(carried && signature_matches(*carried) && same_bytes(carried->value, encoded));
}

}  // namespace
}  // namespace roost::wire

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  roost::wire::check({data, size});
  return 0;
}
