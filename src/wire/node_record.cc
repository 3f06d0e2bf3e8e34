// SPDX-License-Identifier: MIT
#include "wire/node_record.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "base/check.h"
#include "base/cursor.h"
#include "wire/bencode.h"
#include "wire/compact_address.h"

namespace roost::wire {
namespace {

using Error = NodeRecordError;

constexpr std::array kRoles = {NodeRole::kLeaf, NodeRole::kCandidate, NodeRole::kSupernode,
                               NodeRole::kDraining};
constexpr std::array kServices = {NodeService::kStun, NodeService::kTurn, NodeService::kDht};
static_assert(kRoles.size() == kNodeRoleCount && kServices.size() == kNodeServiceCount);

bool is_printable(char character) {
  return character >= ' ' && character <= '~';
}

void write_addresses(BencodeWriter& writer, std::string_view key, const NodeAddresses& addresses) {
  if (addresses.endpoints().empty()) return;
  writer.key(key);
  writer.open_list();
  for (const Endpoint& endpoint : addresses.endpoints()) {
    std::array<uint8_t, kCompactV6Size> buffer;
    Writer entry(buffer);
    write_compact(entry, endpoint);
    writer.string(entry.written());
  }
  writer.close();
}

bool read_addresses(const BencodeView& record, std::string_view key, NodeAddresses& addresses) {
  const auto list = record.find(key);
  if (!list) return true;
  bool is_good = list->kind() == BencodeKind::kList;
  list->for_each_item([&](const BencodeView& item) {
    const auto entry = item.string();
    const auto endpoint = entry ? read_compact(*entry) : std::nullopt;
    is_good = is_good && endpoint && addresses.add(*endpoint);
  });
  return is_good;
}

bool read_services(const BencodeView& record, NodeRecord& out) {
  const auto list = record.find("s");
  if (!list) return true;
  bool is_good = list->kind() == BencodeKind::kList;
  list->for_each_item([&](const BencodeView& item) {
    const auto name = item.string();
    is_good = is_good && name;
    for (const NodeService service : kServices) {
      if (name && as_text(*name) == label(service)) out.offer(service);
    }
  });
  return is_good;
}

bool read_role(const BencodeView& record, NodeRole& role) {
  const auto value = record.find("r");
  if (!value) return true;
  const auto name = value->string();
  if (!name) return false;
  const auto* const known = std::find_if(kRoles.begin(), kRoles.end(), [&](NodeRole candidate) {
    return label(candidate) == as_text(*name);
  });
  if (known != kRoles.end()) role = *known;
  return true;
}

bool read_software(const BencodeView& record, NodeSoftware& software) {
  const auto value = record.find("v");
  if (!value) return true;
  const auto text = value->string();
  return text && software.assign(as_text(*text));
}

bool read_capacity_class(const BencodeView& record, uint8_t& capacity) {
  const auto value = record.find("c");
  if (!value) return true;
  const auto number = value->integer();
  if (!number || *number < 0) return false;
  capacity = static_cast<uint8_t>(std::min<int64_t>(*number, kCapacityClassMax));
  return true;
}

}  // namespace

std::string_view label(NodeRole role) {
  switch (role) {
    case NodeRole::kLeaf: return "leaf";
    case NodeRole::kCandidate: return "candidate";
    case NodeRole::kSupernode: return "supernode";
    case NodeRole::kDraining: return "draining";
  }
  return "";
}

std::string_view label(NodeService service) {
  switch (service) {
    case NodeService::kStun: return "stun";
    case NodeService::kTurn: return "turn";
    case NodeService::kDht: return "dht";
  }
  return "";
}

std::string_view label(NodeRecordError error) {
  switch (error) {
    case Error::kTooLarge: return "too_large";
    case Error::kNotCanonical: return "not_canonical";
    case Error::kBadProtocolVersion: return "bad_protocol_version";
    case Error::kBadRole: return "bad_role";
    case Error::kBadCapacityClass: return "bad_capacity_class";
    case Error::kBadServices: return "bad_services";
    case Error::kBadAddresses: return "bad_addresses";
    case Error::kBadSoftware: return "bad_software";
  }
  return "";
}

uint8_t capacity_class(uint64_t bytes_per_second) {
  uint8_t result = 0;
  uint64_t threshold = 1'000'000 / 8;
  for (; result < kCapacityClassMax && bytes_per_second >= threshold; ++result) threshold *= 10;
  return result;
}

bool NodeAddresses::add(const Endpoint& endpoint) {
  if (size_ == endpoints_.size() || endpoint.port == 0 || endpoint.address.is_unspecified()) {
    return false;
  }
  endpoints_[size_++] = endpoint;
  return true;
}

bool NodeSoftware::assign(std::string_view text) {
  if (text.size() > text_.size() || !std::all_of(text.begin(), text.end(), is_printable)) {
    return false;
  }
  text_.fill('\0');
  std::copy(text.begin(), text.end(), text_.begin());
  size_ = text.size();
  return true;
}

Bytes encode(const NodeRecord& record, MutableBytes buffer) {
  CHECK(record.protocol_version > 0 && record.capacity_class <= kCapacityClassMax);
  BencodeWriter writer(buffer);
  writer.open_dictionary();
  writer.key("c");
  writer.integer(record.capacity_class);
  writer.key("p");
  writer.integer(record.protocol_version);
  writer.key("r");
  writer.text(label(record.role));
  if (record.services.any()) {
    writer.key("s");
    writer.open_list();
    for (const NodeService service : kServices) {
      if (record.offers(service)) writer.text(label(service));
    }
    writer.close();
  }
  write_addresses(writer, "tcp", record.tcp);
  write_addresses(writer, "tls", record.tls);
  write_addresses(writer, "udp", record.udp);
  if (!record.software.text().empty()) {
    writer.key("v");
    writer.text(record.software.text());
  }
  writer.close();
  return writer.finish();
}

Result<NodeRecord, NodeRecordError> parse_node_record(Bytes bytes) {
  if (bytes.size() > kNodeRecordSizeMax) return Failure(Error::kTooLarge);
  const auto view = BencodeView::parse_canonical(bytes);
  if (!view || view->kind() != BencodeKind::kDictionary) return Failure(Error::kNotCanonical);

  NodeRecord record;
  const auto version = view->find_integer("p");
  if (!version || *version < 1 || *version > std::numeric_limits<uint16_t>::max()) {
    return Failure(Error::kBadProtocolVersion);
  }
  record.protocol_version = static_cast<uint16_t>(*version);
  if (!read_role(*view, record.role)) return Failure(Error::kBadRole);
  if (!read_capacity_class(*view, record.capacity_class)) return Failure(Error::kBadCapacityClass);
  if (!read_services(*view, record)) return Failure(Error::kBadServices);
  if (!read_addresses(*view, "udp", record.udp) || !read_addresses(*view, "tcp", record.tcp) ||
      !read_addresses(*view, "tls", record.tls)) {
    return Failure(Error::kBadAddresses);
  }
  if (!read_software(*view, record.software)) return Failure(Error::kBadSoftware);
  return record;
}

MutableItem sign_node_record(const SigningKey& key, int64_t seq, Bytes record) {
  return sign_mutable_item(key, seq, as_bytes(kNodeRecordSalt), record);
}

Bytes encode_signed_node_record(const MutableItem& item, MutableBytes buffer) {
  MutableItem without_salt = item;
  without_salt.salt = {};
  return encode(without_salt, buffer);
}

Result<MutableItem, MutableItemError> parse_signed_node_record(Bytes bytes) {
  auto item = parse_mutable_item(bytes);
  if (item) item->salt = as_bytes(kNodeRecordSalt);
  return item;
}

}  // namespace roost::wire
