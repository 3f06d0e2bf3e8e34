// SPDX-License-Identifier: MIT
#include "wire/krpc.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "base/check.h"
#include "base/cursor.h"

namespace roost::wire {
namespace {

using Method = KrpcMethod;

struct NamedMethod {
  std::string_view name;
  Method method;
};
constexpr std::array kMethods = {
    NamedMethod{"ping", Method::kPing},
    NamedMethod{"find_node", Method::kFindNode},
    NamedMethod{"get_peers", Method::kGetPeers},
    NamedMethod{"announce_peer", Method::kAnnouncePeer},
    NamedMethod{"get", Method::kGet},
    NamedMethod{"put", Method::kPut},
    NamedMethod{"sample_infohashes", Method::kSampleInfohashes},
};
static_assert(kMethods.size() + 1 == kKrpcMethodCount);

Method method_of(std::string_view name) {
  for (const NamedMethod& known : kMethods) {
    if (known.name == name) return known.method;
  }
  return Method::kUnknown;
}

// The key of what a query is about; empty where there is no such thing.
std::string_view target_key(Method method) {
  switch (method) {
    case Method::kFindNode:
    case Method::kGet:
    case Method::kSampleInfohashes: return "target";
    case Method::kGetPeers:
    case Method::kAnnouncePeer: return "info_hash";
    case Method::kPing:
    case Method::kPut:
    case Method::kUnknown: return "";
  }
  return "";
}

template <size_t kSize>
std::optional<std::array<uint8_t, kSize>> read_array(Bytes bytes) {
  std::array<uint8_t, kSize> array;
  if (bytes.size() != kSize) return {};
  std::copy(bytes.begin(), bytes.end(), array.begin());
  return array;
}

void read_want(const BencodeView& list, KrpcQuery& query) {
  list.for_each_item([&query](const BencodeView& item) {
    const std::string_view family = as_text(item.string().value_or(Bytes()));
    query.wants_v4 |= family == "n4";
    query.wants_v6 |= family == "n6";
  });
}

// What the arguments hold, by key, and which of them were not what they should be.
struct QueryReader {
  KrpcQuery query;
  bool has_id = false;
  bool has_target = false;
  bool has_port = false;
  bool has_token = false;
  bool is_key_bad = false;
  bool is_seq_bad = false;

  void read(std::string_view key, const BencodeView& value) {
    const Bytes string = value.string().value_or(Bytes());
    if (key == "id") {
      has_id = read_id(string, query.id);
    } else if (key == target_key(query.method)) {
      has_target = read_id(string, query.target);
    } else if (key == "want") {
      read_want(value, query);
    } else if (key == "token") {
      query.token = string;
      has_token = !string.empty() && string.size() <= kTokenSizeMax;
    } else if (key == "port") {
      const int64_t port = value.integer().value_or(0);
      has_port = port > 0 && port <= std::numeric_limits<uint16_t>::max();
      if (has_port) query.port = static_cast<uint16_t>(port);
    } else if (key == "implied_port") {
      query.has_implied_port = value.integer().value_or(0) != 0;
    } else if (key == "seed") {
      query.is_seed = value.integer().value_or(0) != 0;
    } else if (key == "scrape") {
      query.wants_scrape = value.integer().value_or(0) != 0;
    } else {
      read_item(key, value, string);
    }
  }

  // BEP 44.
  void read_item(std::string_view key, const BencodeView& value, Bytes string) {
    if (key == "v") {
      query.value = value.bytes();
    } else if (key == "salt") {
      query.salt = string;
    } else if (key == "k") {
      query.key = read_array<sizeof(PublicKey)>(string);
      is_key_bad |= !query.key;
    } else if (key == "sig") {
      query.signature = read_array<sizeof(Signature)>(string);
      is_key_bad |= !query.signature;
    } else if (key == "seq") {
      query.seq = value.integer();
      is_seq_bad |= query.seq.value_or(-1) < 0;
    } else if (key == "cas") {
      query.cas = value.integer();
      is_seq_bad |= query.cas.value_or(-1) < 0;
    }
  }

  static bool read_id(Bytes string, NodeId& id) {
    const auto read = read_node_id(string);
    if (read) id = *read;
    return read.has_value();
  }
};

// A whole number of entries, or none.
Bytes whole_entries(Bytes entries, size_t entry_size) {
  return entries.size() % entry_size == 0 ? entries : Bytes();
}

void write_value(BencodeWriter& writer, Bytes encoded) {
  const auto view = BencodeView::parse(encoded);
  CHECK(view.has_value());
  writer.value(*view);
}

void write_string(BencodeWriter& writer, std::string_view key, Bytes string) {
  if (string.empty()) return;
  writer.key(key);
  writer.string(string);
}

template <typename Array>
void write_string(BencodeWriter& writer, std::string_view key, const std::optional<Array>& string) {
  if (!string) return;
  writer.key(key);
  writer.string(*string);
}

void write_integer(BencodeWriter& writer, std::string_view key, std::optional<int64_t> integer) {
  if (!integer) return;
  writer.key(key);
  writer.integer(*integer);
}

void write_flag(BencodeWriter& writer, std::string_view key, bool is_set) {
  if (is_set) write_integer(writer, key, 1);
}

void write_observed(BencodeWriter& writer, const KrpcHead& head) {
  if (!head.observed) return;
  std::array<uint8_t, kCompactV6Size> buffer;
  Writer compact(buffer);
  write_compact(compact, *head.observed);
  writer.key("ip");
  writer.string(compact.written());
}

// "4:spam" of so many bytes.
size_t string_size(size_t bytes) {
  size_t digits = 1;
  for (size_t rest = bytes; rest >= 10; rest /= 10) ++digits;
  return digits + 1 + bytes;
}

// Of what write_string() writes,
size_t entry_size(std::string_view key, size_t bytes) {
  return bytes == 0 ? 0 : string_size(key.size()) + string_size(bytes);
}

// and write_integer().
size_t entry_size(std::string_view key, std::optional<int64_t> integer) {
  if (!integer) return 0;
  std::array<char, sizeof("-9223372036854775808")> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), *integer).ptr;
  return string_size(key.size()) + static_cast<size_t>(end - digits.data()) + 2;
}

template <typename Array>
size_t entry_size(std::string_view key, const std::optional<Array>& string) {
  return string ? string_size(key.size()) + string_size(string->size()) : 0;
}

// From "t" to the end of the message.
Bytes finish(BencodeWriter& writer, const KrpcHead& head, std::string_view kind) {
  CHECK(!head.transaction_id.empty() && head.transaction_id.size() <= kTransactionIdSizeMax);
  writer.key("t");
  writer.string(head.transaction_id);
  write_string(writer, "v", head.version);
  writer.key("y");
  writer.text(kind);
  writer.close();
  return writer.finish();
}

}  // namespace

std::string_view label(KrpcMethod method) {
  for (const NamedMethod& known : kMethods) {
    if (known.method == method) return known.name;
  }
  return "unknown";
}

std::string_view label(KrpcMessageError error) {
  switch (error) {
    case KrpcMessageError::kTooLarge: return "too_large";
    case KrpcMessageError::kNotBencoding: return "not_bencoding";
    case KrpcMessageError::kNoTransactionId: return "no_transaction_id";
    case KrpcMessageError::kUnknownKind: return "unknown_kind";
    case KrpcMessageError::kNoBody: return "no_body";
  }
  return "";
}

std::string_view label(KrpcQueryError error) {
  switch (error) {
    case KrpcQueryError::kBadId: return "bad id";
    case KrpcQueryError::kBadTarget: return "bad target";
    case KrpcQueryError::kBadPort: return "bad port";
    case KrpcQueryError::kBadToken: return "bad token";
    case KrpcQueryError::kBadValue: return "missing v";
    case KrpcQueryError::kBadKey: return "bad k or sig";
    case KrpcQueryError::kBadSeq: return "bad seq or cas";
  }
  return "";
}

Result<KrpcMessage, KrpcMessageError> parse_krpc(Bytes datagram) {
  using Error = KrpcMessageError;
  if (datagram.size() > kKrpcSizeMax) return Failure(Error::kTooLarge);
  const auto view = BencodeView::parse(datagram);
  if (!view || view->kind() != BencodeKind::kDictionary) return Failure(Error::kNotBencoding);

  KrpcHead head;
  std::string_view kind;
  Bytes method;
  std::optional<BencodeView> arguments, answer, error;
  view->for_each_entry([&](Bytes key, const BencodeView& value) {
    const std::string_view name = as_text(key);
    const Bytes string = value.string().value_or(Bytes());
    if (name == "t") head.transaction_id = string;
    if (name == "y") kind = as_text(string);
    if (name == "q") method = string;
    if (name == "v") head.version = string;
    if (name == "ip") head.observed = read_compact(string);
    if (name == "ro") head.is_read_only = value.integer().value_or(0) == 1;
    if (name == "a") arguments = value;
    if (name == "r") answer = value;
    if (name == "e") error = value;
  });
  if (head.transaction_id.empty() || head.transaction_id.size() > kTransactionIdSizeMax) {
    return Failure(Error::kNoTransactionId);
  }
  const auto is = [](const std::optional<BencodeView>& body, BencodeKind wanted) {
    return body && body->kind() == wanted;
  };
  if (kind == "q") {
    if (!is(arguments, BencodeKind::kDictionary)) return Failure(Error::kNoBody);
    return KrpcMessage{head, KrpcKind::kQuery, method_of(as_text(method)), *arguments};
  }
  if (kind == "r") {
    if (!is(answer, BencodeKind::kDictionary)) return Failure(Error::kNoBody);
    return KrpcMessage{head, KrpcKind::kResponse, Method::kUnknown, *answer};
  }
  if (kind == "e") {
    if (!is(error, BencodeKind::kList)) return Failure(Error::kNoBody);
    return KrpcMessage{head, KrpcKind::kError, Method::kUnknown, *error};
  }
  return Failure(Error::kUnknownKind);
}

Result<KrpcQuery, KrpcQueryError> parse_query(const KrpcMessage& message) {
  using Error = KrpcQueryError;
  CHECK(message.kind == KrpcKind::kQuery && message.method != Method::kUnknown);
  QueryReader reader;
  KrpcQuery& query = reader.query;
  query.method = message.method;
  message.body.for_each_entry(
      [&reader](Bytes key, const BencodeView& value) { reader.read(as_text(key), value); });

  if (!reader.has_id) return Failure(Error::kBadId);
  if (!target_key(query.method).empty() && !reader.has_target) return Failure(Error::kBadTarget);
  if (query.method == Method::kGet && reader.is_seq_bad) return Failure(Error::kBadSeq);
  if (query.method == Method::kAnnouncePeer) {
    if (!reader.has_token) return Failure(Error::kBadToken);
    if (query.has_implied_port) query.port = 0;
    if (!query.has_implied_port && !reader.has_port) return Failure(Error::kBadPort);
  }
  if (query.method == Method::kPut) {
    if (!reader.has_token) return Failure(Error::kBadToken);
    if (query.value.empty()) return Failure(Error::kBadValue);
    if (reader.is_key_bad || query.key.has_value() != query.signature.has_value()) {
      return Failure(Error::kBadKey);
    }
    if (reader.is_seq_bad || (query.key && !query.seq)) return Failure(Error::kBadSeq);
  }
  return query;
}

std::optional<KrpcResponse> parse_response(const KrpcMessage& message) {
  CHECK(message.kind == KrpcKind::kResponse);
  KrpcResponse response;
  bool has_id = false;
  message.body.for_each_entry([&](Bytes key, const BencodeView& value) {
    const std::string_view name = as_text(key);
    const Bytes string = value.string().value_or(Bytes());
    if (name == "id") has_id = QueryReader::read_id(string, response.id);
    if (name == "nodes") response.nodes = whole_entries(string, kCompactNodeV4Size);
    if (name == "nodes6") response.nodes6 = whole_entries(string, kCompactNodeV6Size);
    if (name == "token" && string.size() <= kTokenSizeMax) response.token = string;
    if (name == "values" && value.kind() == BencodeKind::kList) response.peers = value.bytes();
    if (name == "v") response.value = value.bytes();
    if (name == "k") response.key = read_array<sizeof(PublicKey)>(string);
    if (name == "sig") response.signature = read_array<sizeof(Signature)>(string);
    if (name == "seq") response.seq = value.integer();
    if (name == "interval") response.interval = value.integer();
    if (name == "num") response.stored_count = value.integer();
    if (name == "samples" && value.kind() == BencodeKind::kString) {
      response.samples = whole_entries(string, sizeof(NodeId));
    }
  });
  if (!has_id) return {};
  return response;
}

KrpcError parse_error(const KrpcMessage& message) {
  CHECK(message.kind == KrpcKind::kError);
  KrpcError error;
  size_t at = 0;
  message.body.for_each_item([&](const BencodeView& item) {
    if (at == 0) error.code = item.integer().value_or(0);
    if (at == 1) error.text = item.string().value_or(Bytes());
    ++at;
  });
  return error;
}

Bytes encode(const KrpcHead& head, const KrpcQuery& query, MutableBytes buffer) {
  CHECK(query.method != Method::kUnknown);
  BencodeWriter writer(buffer);
  writer.open_dictionary();
  writer.key("a");
  writer.open_dictionary();
  write_integer(writer, "cas", query.cas);
  writer.key("id");
  writer.string(query.id);
  write_flag(writer, "implied_port", query.has_implied_port);
  const std::string_view target = target_key(query.method);
  if (target == "info_hash") write_string(writer, target, Bytes(query.target));
  write_string(writer, "k", query.key);
  if (query.method == Method::kAnnouncePeer) write_integer(writer, "port", query.port);
  write_string(writer, "salt", query.salt);
  write_flag(writer, "scrape", query.wants_scrape);
  write_flag(writer, "seed", query.is_seed);
  write_integer(writer, "seq", query.seq);
  write_string(writer, "sig", query.signature);
  if (target == "target") write_string(writer, target, Bytes(query.target));
  write_string(writer, "token", query.token);
  if (!query.value.empty()) {
    writer.key("v");
    write_value(writer, query.value);
  }
  if (query.wants_v4 || query.wants_v6) {
    writer.key("want");
    writer.open_list();
    if (query.wants_v4) writer.text("n4");
    if (query.wants_v6) writer.text("n6");
    writer.close();
  }
  writer.close();
  writer.key("q");
  writer.text(label(query.method));
  write_flag(writer, "ro", head.is_read_only);
  return finish(writer, head, "q");
}

Bytes encode(const KrpcHead& head, const KrpcResponse& response, MutableBytes buffer) {
  BencodeWriter writer(buffer);
  writer.open_dictionary();
  write_observed(writer, head);
  writer.key("r");
  writer.open_dictionary();
  writer.key("id");
  writer.string(response.id);
  write_integer(writer, "interval", response.interval);
  write_string(writer, "k", response.key);
  write_string(writer, "nodes", response.nodes);
  write_string(writer, "nodes6", response.nodes6);
  write_integer(writer, "num", response.stored_count);
  write_string(writer, "samples", response.samples);
  write_integer(writer, "seq", response.seq);
  write_string(writer, "sig", response.signature);
  write_string(writer, "token", response.token);
  if (!response.value.empty()) {
    writer.key("v");
    write_value(writer, response.value);
  }
  if (!response.peers.empty()) {
    writer.key("values");
    write_value(writer, response.peers);
  }
  writer.close();
  return finish(writer, head, "r");
}

size_t encoded_size(const KrpcHead& head, const KrpcResponse& response) {
  const size_t observed = head.observed ? compact_size(head.observed->address) : 0;
  const auto list_size = [](std::string_view key, Bytes encoded) {
    return encoded.empty() ? 0 : string_size(key.size()) + encoded.size();
  };
  // "r" and its dictionary are 5 bytes, the message's own dictionary 2, and "y" is 6.
  return 2 + entry_size("ip", observed) + 5 + entry_size("id", response.id.size()) +
         entry_size("interval", response.interval) + entry_size("k", response.key) +
         entry_size("nodes", response.nodes.size()) + entry_size("nodes6", response.nodes6.size()) +
         entry_size("num", response.stored_count) + entry_size("samples", response.samples) +
         entry_size("seq", response.seq) + entry_size("sig", response.signature) +
         entry_size("token", response.token.size()) + list_size("v", response.value) +
         list_size("values", response.peers) + entry_size("t", head.transaction_id.size()) +
         entry_size("v", head.version.size()) + 6;
}

Bytes encode(const KrpcHead& head, KrpcErrorCode code, std::string_view text, MutableBytes buffer) {
  BencodeWriter writer(buffer);
  writer.open_dictionary();
  writer.key("e");
  writer.open_list();
  writer.integer(static_cast<int64_t>(code));
  writer.text(text);
  writer.close();
  write_observed(writer, head);
  return finish(writer, head, "e");
}

Bytes write_peers(std::span<const Endpoint> peers, MutableBytes buffer) {
  BencodeWriter writer(buffer);
  writer.open_list();
  for (const Endpoint& peer : peers) {
    std::array<uint8_t, kCompactV6Size> compact;
    Writer entry(compact);
    write_compact(entry, peer);
    writer.string(entry.written());
  }
  writer.close();
  return writer.finish();
}

}  // namespace roost::wire
