// SPDX-License-Identifier: MIT
#include "sim/dht_oracle.h"

#include <algorithm>
#include <optional>

namespace roost::sim {
namespace {

constexpr size_t kTokensKept = 3;  // Two are good at a time, and one has just been sent.
// Nodes count whole seconds.
constexpr Duration kRounding = std::chrono::seconds(1);
// And keep proofs by the minute.
constexpr Duration kProofRounding = std::chrono::minutes(1);

bool is_of_dht(Bytes payload) {
  return !payload.empty() && payload[0] == 'd';
}

// Blocks of the IANA registries that are not the Internet's, as far as worlds have them.
bool is_special(const IpAddress& address) {
  if (!address.is_v4()) {
    const bool is_documentation = address.high() >> 32 == 0x2001'0db8;
    return address.high() >> 61 != 1 || is_documentation;  // 2000::/3.
  }
  const uint32_t value = address.v4_value();
  const uint32_t first = value >> 24;
  return first == 0 || first == 10 || first == 127 || first >= 224 || value >> 22 == 0x6440 >> 6 ||
         value >> 16 == 0xa9fe || value >> 20 == 0xac1 || value >> 16 == 0xc0a8;
}

// BEP 42, from its text: CRC-32C over the masked address with the random number in its top bits.
bool is_id_of(const wire::NodeId& id, const IpAddress& address) {
  constexpr uint8_t kMaskV4[] = {0x03, 0x0f, 0x3f, 0xff};
  constexpr uint8_t kMaskV6[] = {0x01, 0x03, 0x07, 0x0f, 0x1f, 0x3f, 0x7f, 0xff};
  const auto whole = address.v6_bytes();
  const size_t count = address.is_v4() ? 4 : 8;
  uint32_t crc = ~uint32_t{0};
  for (size_t i = 0; i < count; ++i) {
    uint8_t byte = address.is_v4() ? whole[12 + i] & kMaskV4[i] : whole[i] & kMaskV6[i];
    if (i == 0) byte = static_cast<uint8_t>(byte | (id[19] & 7) << 5);
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82f6'3b78 : 0);
  }
  return (~crc ^ load_u32(id.data())) >> 11 == 0;  // The first 21 bits.
}

}  // namespace

void DhtOracle::check(MonoTime at, const core::Input& input,
                      std::span<const core::Action> actions) {
  expire(at);
  const auto* const datagram = std::get_if<core::DatagramArrived>(&input);
  const bool is_heard = datagram != nullptr && is_of_dht(datagram->payload);
  const auto heard = is_heard ? read_krpc(datagram->payload) : std::nullopt;
  if (heard) hear(at, datagram->from, *heard);
  // What is no message may be answered by an error, which counts all the same.
  const bool is_query = is_heard && (!heard || heard->kind == 'q');

  size_t bytes = 0;
  size_t answers = 0;
  for (const core::Action& action : actions) {
    const auto* const send = std::get_if<core::SendDatagram>(&action);
    if (send == nullptr || !is_of_dht(send->payload)) continue;
    if (is_query && send->to.address == datagram->from.address) bytes += send->payload.size();
    const auto said = read_krpc(send->payload);
    answers += said && said->kind != 'q';
    check_sent(at, is_query ? datagram : nullptr, *send);
  }
  answer_count_ += answers;
  if (answers > 1) verdict_.fail(at, "two answers to a query of the DHT");
  if (is_query && bytes > kRatioMax * datagram->payload.size() &&
      !is_proven(at, datagram->from.address)) {
    verdict_.fail(at, std::to_string(bytes) + " bytes of the DHT for " +
                          std::to_string(datagram->payload.size()) + " of an unproven address");
  }
}

void DhtOracle::hear(MonoTime at, const Endpoint& from, const KrpcText& text) {
  if (text.kind == 'q') {
    if (text.is_read_only) {
      read_only_.insert(from);
    } else {
      read_only_.erase(from);
    }
    const auto tokens = tokens_.find(from.address);
    const bool is_known =
        !text.token.empty() && tokens != tokens_.end() &&
        std::find(tokens->second.begin(), tokens->second.end(), text.token) != tokens->second.end();
    if (is_known) proven_at_[from.address] = at;
    return;
  }
  if (!open_.contains({from, std::string(text.transaction_id)})) return;
  proven_at_[from.address] = at;
  if (text.kind != 'r' || !text.id) return;
  auto& ids = answered_at_[from];
  std::erase_if(ids, [at](const auto& id) { return at - id.second > kFreshFor + kRounding; });
  ids[*text.id] = at;
}

void DhtOracle::check_sent(MonoTime at, const core::DatagramArrived* query,
                           const core::SendDatagram& send) {
  const auto said = read_krpc(send.payload);
  if (!said) return verdict_.fail(at, "sends what is no message of the DHT");
  if (said->kind == 'q') {
    if (query == nullptr || send.to.address != query->from.address) {
      check_unasked(at, send.to.address);
    }
    const std::string id(said->transaction_id);
    if (open_.emplace(send.to, id).second) questions_.push_back({at, send.to, id});
    return;
  }
  if (query == nullptr || send.to != query->from) {
    verdict_.fail(at, "an answer of the DHT to " + send.to.text() + ", who has not asked");
  }
  for (const wire::CompactNode& node : said->nodes) check_handed_out(at, node);
  if (!said->token.empty()) {
    auto& tokens = tokens_[send.to.address];
    if (tokens.empty() || tokens.back() != said->token) tokens.emplace_back(said->token);
    if (tokens.size() > kTokensKept) tokens.pop_front();
  }
}

void DhtOracle::check_unasked(MonoTime at, const IpAddress& to) {
  if (is_proven(at, to)) return;
  unasked_.emplace_back(at, to);
  const size_t count = ++unasked_counts_[to];
  unasked_max_ = std::max(unasked_max_, count);
  if (count == kUnaskedPerHourMax + 1) {
    verdict_.fail(at, to.text() + ", which never answers, is asked more than " +
                          std::to_string(kUnaskedPerHourMax) + " times an hour");
  }
}

void DhtOracle::check_handed_out(MonoTime at, const wire::CompactNode& node) {
  const Endpoint& endpoint = node.endpoint;
  ++handed_out_;
  handed_out_alive_ += truth_ && truth_(endpoint);
  const auto wrong = [&](std::string_view what) {
    verdict_.fail(at, "hands out " + endpoint.text() + ", which " + std::string(what));
  };
  if (is_special(endpoint.address) || endpoint.port == 0) wrong("is nowhere");
  if (!is_id_of(node.id, endpoint.address)) wrong("may not have that ID");
  if (read_only_.contains(endpoint)) wrong("is read-only");
  const auto answered = answered_at_.find(endpoint);
  if (answered == answered_at_.end()) return wrong("has never answered");
  const auto under_id = answered->second.find(node.id);
  if (under_id == answered->second.end()) return wrong("has not answered under that ID");
  if (at - under_id->second > kFreshFor + kRounding) wrong("has not answered for an hour");
}

bool DhtOracle::is_proven(MonoTime at, const IpAddress& address) const {
  const auto proven = proven_at_.find(address);
  return proven != proven_at_.end() && at - proven->second <= kProvenFor + kProofRounding;
}

void DhtOracle::expire(MonoTime at) {
  for (; !questions_.empty() && at - questions_.front().asked_at > kAnswerWithin;
       questions_.pop_front()) {
    open_.erase({questions_.front().to, questions_.front().transaction_id});
  }
  for (; !unasked_.empty() && at - unasked_.front().first > std::chrono::hours(1);
       unasked_.pop_front()) {
    const auto found = unasked_counts_.find(unasked_.front().second);
    if (--found->second == 0) unasked_counts_.erase(found);
  }
}

void DhtOracle::check_ring(MonoTime at, const core::dht::ContactRing& ring) {
  std::vector<IpAddress> contacts;
  ring.for_each(MonoTime(), [&contacts](const wire::CompactNode& contact, Duration) {
    contacts.push_back(contact.endpoint.address);
  });
  check_ring(at, contacts);
}

void DhtOracle::check_ring(MonoTime at, const std::vector<IpAddress>& contacts) {
  std::map<Prefix, size_t> counts;
  std::set<IpAddress> addresses;
  for (const IpAddress& address : contacts) {
    if (!addresses.insert(address).second) {
      verdict_.fail(at, address.text() + " is in the ring twice");
    }
    const Prefix prefix = Prefix::of(address, address.is_v4() ? 96 + 24 : 48);
    if (++counts[prefix] == kPerPrefixMax + 1) {
      verdict_.fail(at, prefix.text() + " has more than its share of the ring");
    }
  }
}

void DhtOracle::forget() {
  proven_at_.clear();
  questions_.clear();
  open_.clear();
  tokens_.clear();
}

}  // namespace roost::sim
