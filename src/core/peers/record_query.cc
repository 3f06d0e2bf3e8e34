// SPDX-License-Identifier: MIT
#include "core/peers/record_query.h"

#include <array>
#include <string>

#include "base/check.h"
#include "base/crypto_hash.h"
#include "wire/bencode.h"
#include "wire/node_record.h"

namespace roost::core::peers {
namespace {

Bytes write_padded(const wire::KrpcHead& head, const wire::NodeId& id, const wire::NodeId& network,
                   Bytes padding, MutableBytes buffer) {
  wire::BencodeWriter writer(buffer);
  writer.open_dictionary();
  writer.key("a");
  writer.open_dictionary();
  writer.key("id");
  writer.string(id);
  writer.key("pad");
  writer.string(padding);
  writer.key("target");
  writer.string(network);
  writer.close();
  writer.key("q");
  writer.text(label(wire::KrpcMethod::kGet));
  if (head.is_read_only) {
    writer.key("ro");
    writer.integer(1);
  }
  writer.key("t");
  writer.string(head.transaction_id);
  if (!head.version.empty()) {
    writer.key("v");
    writer.string(head.version);
  }
  writer.key("y");
  writer.text("q");
  writer.close();
  return writer.finish();
}

}  // namespace

wire::NodeId network_infohash(std::string_view network_name) {
  return sha1(as_bytes("roost supernode v1" + std::string(network_name)));
}

Bytes write_record_query(const wire::KrpcHead& head, const wire::NodeId& id,
                         const wire::NodeId& network, MutableBytes buffer) {
  constexpr std::array<uint8_t, kRecordQuerySize> kZeros{};
  constexpr size_t kGuess = 300;  // A size of three digits, like the one that comes out.
  CHECK(buffer.size() == kRecordQuerySize);
  const Bytes guess = write_padded(head, id, network, Bytes(kZeros).first(kGuess), buffer);
  CHECK(!guess.empty());
  const size_t padding = kGuess + kRecordQuerySize - guess.size();
  const Bytes written = write_padded(head, id, network, Bytes(kZeros).first(padding), buffer);
  CHECK(written.size() == kRecordQuerySize);
  return written;
}

wire::KrpcResponse record_answer(const wire::NodeId& id, const wire::MutableItem& record) {
  wire::KrpcResponse response;
  response.id = id;
  response.value = record.value;
  response.key = record.key;
  response.signature = record.signature;
  response.seq = record.seq;
  return response;
}

std::optional<wire::MutableItem> read_record_answer(const wire::KrpcMessage& message) {
  if (message.kind != wire::KrpcKind::kResponse) return {};
  const auto response = parse_response(message);
  if (!response || response->value.empty() || !response->key || !response->signature ||
      !response->seq) {
    return {};
  }
  return wire::MutableItem{*response->key, *response->seq, *response->signature,
                           as_bytes(wire::kNodeRecordSalt), response->value};
}

}  // namespace roost::core::peers
