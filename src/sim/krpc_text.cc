// SPDX-License-Identifier: MIT
#include "sim/krpc_text.h"

#include <algorithm>
#include <string>

namespace roost::sim {
namespace {

constexpr size_t kIdSize = 20;
// Of a transaction ID, a token or a value that anybody sends: numbers with more digits are noise.
constexpr size_t kDigitsMax = 5;

// How many bytes of `text` are the head "12:" of a string, and how many the string behind it has;
// no head is 0.
std::pair<size_t, size_t> string_head(std::string_view text) {
  const size_t colon = text.substr(0, kDigitsMax + 1).find(':');
  if (colon == text.npos || colon == 0) return {};
  size_t size = 0;
  for (const char digit : text.substr(0, colon)) {
    if (digit < '0' || digit > '9') return {};
    size = size * 10 + static_cast<size_t>(digit - '0');
  }
  if (text.size() - colon - 1 < size) return {};
  return {colon + 1, size};
}

// Of the one value at the front of `text`, lists and dictionaries with all that is in them; 0 if
// there is none.
size_t value_size(std::string_view text) {
  size_t at = 0;
  size_t depth = 0;
  do {
    const std::string_view rest = text.substr(at);
    if (rest.empty()) return 0;
    if (rest[0] == 'd' || rest[0] == 'l') {
      ++depth;
      ++at;
    } else if (rest[0] == 'e') {
      if (depth == 0) return 0;
      --depth;
      ++at;
    } else if (rest[0] == 'i') {
      const size_t end = rest.find('e');
      if (end == rest.npos) return 0;
      at += end + 1;
    } else {
      const auto [head, size] = string_head(rest);
      if (head == 0) return 0;
      at += head + size;
    }
  } while (depth > 0);
  return at;
}

// The value of a key as it is written; empty if there is none.
std::string_view find(std::string_view dictionary, std::string_view key) {
  if (dictionary.empty() || dictionary[0] != 'd') return {};
  for (std::string_view rest = dictionary.substr(1); !rest.empty();) {
    const auto [head, size] = string_head(rest);
    if (head == 0) return {};
    const std::string_view found = rest.substr(head, size);
    rest.remove_prefix(head + size);
    const size_t value = value_size(rest);
    if (value == 0) return {};
    if (found == key) return rest.substr(0, value);
    rest.remove_prefix(value);
  }
  return {};
}

std::string_view find_string(std::string_view dictionary, std::string_view key) {
  const std::string_view value = find(dictionary, key);
  const auto [head, size] = string_head(value);
  return value.substr(head, size);
}

std::optional<wire::NodeId> find_id(std::string_view dictionary, std::string_view key) {
  const std::string_view text = find_string(dictionary, key);
  if (text.size() != kIdSize) return {};
  wire::NodeId id;
  std::copy(text.begin(), text.end(), id.begin());
  return id;
}

void read_nodes(std::string_view text, bool is_v4, std::vector<wire::CompactNode>& nodes) {
  const size_t address_size = is_v4 ? 4 : 16;
  const size_t entry = kIdSize + address_size + 2;
  for (; text.size() >= entry; text.remove_prefix(entry)) {
    const auto* const at = reinterpret_cast<const uint8_t*>(text.data());
    wire::CompactNode node;
    std::copy(at, at + kIdSize, node.id.begin());
    const uint8_t* const address = at + kIdSize;
    node.endpoint.address = is_v4 ? IpAddress::v4(load_u32(address))
                                  : IpAddress(load_u64(address), load_u64(address + 8));
    node.endpoint.port = load_u16(address + address_size);
    nodes.push_back(node);
  }
}

void add_string(std::string& to, std::string_view text) {
  to.append(std::to_string(text.size())).append(":").append(text);
}

void add_id(std::string& to, const wire::NodeId& id) {
  add_string(to, as_text(id));
}

std::string compact(const Endpoint& endpoint) {
  const auto bytes = endpoint.address.v6_bytes();
  std::string text(as_text(bytes).substr(endpoint.address.is_v4() ? 12 : 0));
  text.push_back(static_cast<char>(endpoint.port >> 8));
  text.push_back(static_cast<char>(endpoint.port & 0xff));
  return text;
}

void add_nodes(std::string& to, std::string_view key, std::span<const wire::CompactNode> nodes,
               bool is_v4) {
  std::string text;
  for (const wire::CompactNode& node : nodes) {
    if (node.endpoint.address.is_v4() != is_v4) continue;
    text.append(as_text(node.id)).append(compact(node.endpoint));
  }
  if (text.empty()) return;
  add_string(to, key);
  add_string(to, text);
}

KrpcBytes bytes_of(std::string_view text) {
  return {text.begin(), text.end()};
}

}  // namespace

std::optional<KrpcText> read_krpc(Bytes datagram) {
  const std::string_view text = as_text(datagram);
  if (text.empty() || text[0] != 'd' || value_size(text) != text.size()) return {};
  const std::string_view kind = find_string(text, "y");
  if (kind != "q" && kind != "r" && kind != "e") return {};
  KrpcText result;
  result.kind = kind[0];
  result.transaction_id = find_string(text, "t");
  result.method = find_string(text, "q");
  result.is_read_only = find(text, "ro") == "i1e";
  const std::string_view body = find(text, result.kind == 'q' ? "a" : "r");
  result.id = find_id(body, "id");
  result.target = find_id(body, "target");
  if (!result.target) result.target = find_id(body, "info_hash");
  result.token = find_string(body, "token");
  if (result.kind == 'r') {
    read_nodes(find_string(body, "nodes"), true, result.nodes);
    read_nodes(find_string(body, "nodes6"), false, result.nodes);
  }
  return result;
}

KrpcBytes write_query(const KrpcQuestion& question) {
  std::string text = "d1:ad2:id";
  add_id(text, question.id);
  if (question.method == "announce_peer") text.append("12:implied_porti1e");
  if (question.target) {
    text.append(question.method == "find_node" ? "6:target" : "9:info_hash");
    add_id(text, *question.target);
  }
  if (question.method == "announce_peer") {
    text.append("4:porti6881e5:token");
    add_string(text, question.token);
  }
  text.append("e1:q");
  add_string(text, question.method);
  if (question.is_read_only) text.append("2:roi1e");
  text.append("1:t");
  add_string(text, question.transaction_id);
  text.append("1:v4:SIM\x01").append("1:y1:qe");
  return bytes_of(text);
}

KrpcBytes write_answer(const KrpcReply& reply) {
  std::string text = "d";
  if (reply.observed) {
    text.append("2:ip");
    add_string(text, compact(*reply.observed));
  }
  text.append("1:rd2:id");
  add_id(text, reply.id);
  add_nodes(text, "nodes", reply.nodes, true);
  add_nodes(text, "nodes6", reply.nodes, false);
  if (!reply.token.empty()) {
    text.append("5:token");
    add_string(text, reply.token);
  }
  text.append("e1:t");
  add_string(text, reply.transaction_id);
  text.append("1:y1:re");
  return bytes_of(text);
}

}  // namespace roost::sim
