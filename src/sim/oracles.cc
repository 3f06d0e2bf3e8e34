// SPDX-License-Identifier: MIT
#include "sim/oracles.h"

#include <algorithm>

#include "base/check.h"
#include "sim/finder_oracle.h"
#include "sim/stream_relay_oracle.h"

namespace roost::sim {
namespace {

constexpr uint64_t kMillion = 1'000'000;

// The prefix that limits count by, from the addresses' own definition.
Prefix limited_as(const IpAddress& address) {
  return Prefix::of(address, address.is_v4() ? 120 : 56);
}

bool is_one_of(const std::vector<IpAddress>& addresses, const IpAddress& address) {
  return std::find(addresses.begin(), addresses.end(), address) != addresses.end();
}

// 12 × year + month - 1 of a day since 1970, by counting: slow, and hard to get wrong.
int64_t month_number(int64_t days) {
  for (int64_t year = 1970;; ++year) {
    const bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    for (int64_t month = 0; month < 12; ++month) {
      constexpr int64_t kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
      const int64_t length = kDays[month] + (month == 1 && is_leap);
      if (days < length) return 12 * year + month;
      days -= length;
    }
  }
}

// The XOR-MAPPED-ADDRESS or, without a magic cookie, the MAPPED-ADDRESS of a STUN message, byte by
// byte from RFC 8489 §14.1, §14.2 and RFC 3489 §11.2.1.
std::optional<Endpoint> read_mapped_address(Bytes message) {
  if (message.size() < 20) return {};
  const bool is_classic = load_u32(message.data() + 4) != 0x2112a442;
  for (size_t at = 20; at + 4 <= message.size();) {
    const unsigned type = load_u16(message.data() + at);
    const size_t size = load_u16(message.data() + at + 2);
    if (at + 4 + size > message.size()) return {};
    const Bytes value = message.subspan(at + 4, size);
    at += 4 + (size + 3) / 4 * 4;
    if (type != (is_classic ? 0x0001 : 0x0020) || (size != 8 && size != 20)) continue;
    std::array<uint8_t, 20> plain{};
    std::copy(value.begin(), value.end(), plain.begin());
    for (size_t i = 2; i < size && !is_classic; ++i) {
      plain[i] ^= message[i < 4 ? i + 2 : i];  // The port by the cookie's first half.
    }
    const uint16_t port = load_u16(plain.data() + 2);
    if (size == 8) return Endpoint{IpAddress::v4(load_u32(plain.data() + 4)), port};
    return Endpoint{IpAddress(load_u64(plain.data() + 4), load_u64(plain.data() + 12)), port};
  }
  return {};
}

}  // namespace

// ---- ReplyOracle

void ReplyOracle::check(MonoTime at, const core::Input& input,
                        std::span<const core::Action> actions) {
  // Who is answered: the sender, or whoever waits for what has come.
  std::optional<Waiting> cause;
  if (const auto* const datagram = std::get_if<core::DatagramArrived>(&input)) {
    cause = Waiting{datagram->from, {}, datagram->payload.size()};
  } else if (const auto* const message = std::get_if<core::MessageArrived>(&input)) {
    cause = Waiting{{}, message->stream, message->payload.size()};
  } else {
    const auto* const opened = std::get_if<core::RelayOpened>(&input);
    const auto* const refused = std::get_if<core::RelayRefused>(&input);
    const auto found = opened    ? waiting_.find(opened->relay)
                       : refused ? waiting_.find(refused->relay)
                                 : waiting_.end();
    if (found != waiting_.end()) {
      cause = found->second;
      waiting_.erase(found);
    }
  }
  std::multiset<core::StreamId> due_streams = due(input, actions);
  size_t count = 0;
  for (const core::Action& action : actions) {
    note(cause, action);
    if (const auto* const send = std::get_if<core::SendDatagram>(&action)) {
      const bool is_of_dht = !send->payload.empty() && send->payload[0] == 'd';
      if (send->payer != core::Payer::kService || is_of_dht) continue;
      if (is_bare_binding_request(send->payload)) continue;
      if (++count > 1) verdict_.fail(at, "two datagrams in answer to one");
      check_datagram(at, cause && cause->stream == core::StreamId{} ? &*cause : nullptr, *send);
    } else if (const auto* const answer = std::get_if<core::SendMessage>(&action)) {
      if (answer->payer != core::Payer::kService) continue;
      if (const auto told = due_streams.find(answer->stream); told != due_streams.end()) {
        due_streams.erase(told);
        continue;
      }
      if (++count > 1) verdict_.fail(at, "two messages in answer to one");
      if (!cause || cause->stream != answer->stream) {
        verdict_.fail(at, "a message on a stream that did not ask");
      }
    }
  }
}

void ReplyOracle::forget() {
  waiting_.clear();
  connecting_.clear();
  owners_.clear();
}

void ReplyOracle::note(const std::optional<Waiting>& cause, const core::Action& action) {
  if (const auto* const open = std::get_if<core::OpenRelay>(&action)) {
    if (!cause) return;
    waiting_[open->relay] = *cause;
    owners_[open->relay] = cause->stream;
  } else if (const auto* const close = std::get_if<core::CloseRelay>(&action)) {
    owners_.erase(close->relay);
  } else if (const auto* const connect = std::get_if<core::ConnectPeer>(&action)) {
    if (cause) connecting_[connect->connection] = cause->stream;
  }
}

std::multiset<core::StreamId> ReplyOracle::due(const core::Input& input,
                                               std::span<const core::Action> actions) {
  std::multiset<core::StreamId> streams;
  const auto answer = [&](core::PeerConnectionId connection) {
    const auto found = connecting_.find(connection);
    if (found == connecting_.end()) return;
    streams.insert(found->second);
    connecting_.erase(found);
  };
  if (const auto* const there = std::get_if<core::PeerConnected>(&input)) answer(there->connection);
  if (const auto* const failed = std::get_if<core::PeerFailed>(&input)) answer(failed->connection);
  const auto* const arrived = std::get_if<core::PeerArrived>(&input);
  for (const core::Action& action : actions) {
    const auto* const close = std::get_if<core::ClosePeer>(&action);
    const bool gives_up = close != nullptr && std::holds_alternative<core::DeadlinePassed>(input);
    if (gives_up) answer(close->connection);
    const bool takes_on = arrived != nullptr && std::holds_alternative<core::TakePeer>(action);
    const auto owner = takes_on ? owners_.find(arrived->relay) : owners_.end();
    if (owner != owners_.end()) streams.insert(owner->second);
  }
  return streams;
}

void ReplyOracle::check_datagram(MonoTime at, const Waiting* cause,
                                 const core::SendDatagram& send) {
  if (cause == nullptr) return verdict_.fail(at, "a datagram that no datagram caused");
  if (send.to != cause->from) {
    verdict_.fail(at, "asked by " + cause->from.text() + ", answered to " + send.to.text());
  }
  const size_t bytes = send.head.size() + send.payload.size();
  if (bytes > kRatioMax * cause->bytes) {
    verdict_.fail(at,
                  std::to_string(bytes) + " bytes in answer to " + std::to_string(cause->bytes));
  }
  if (!is_one_of(own_addresses_, send.local.endpoint.address)) {
    verdict_.fail(at, "answered from " + send.local.endpoint.text() + ", which is not ours");
  }
}

// ---- StreamOracle

StreamOracle::StreamOracle(Verdict& verdict, const node::Config& config) : verdict_(verdict) {
  set_bounds(config);
}

void StreamOracle::set_bounds(const node::Config& config) {
  connections_max_ = config.donate.connections;
  connections_per_prefix_max_ = config.admission.connections_per_prefix;
}

void StreamOracle::forget() {
  open_.clear();
  seen_.clear();
  asked_.clear();
  by_prefix_.clear();
}

void StreamOracle::check(MonoTime at, const core::Input& input,
                         std::span<const core::Action> actions, uint32_t node_open_count) {
  const auto* const opened = std::get_if<core::StreamOpened>(&input);
  const auto* const closed = std::get_if<core::StreamClosed>(&input);
  const auto* const request = std::get_if<core::HttpRequestArrived>(&input);
  const auto* const message = std::get_if<core::MessageArrived>(&input);
  if (message != nullptr) asked_.insert(message->stream);
  // A Connect (RFC 6062) is answered once its peer has answered, or has not in time.
  const bool is_late = std::holds_alternative<core::PeerConnected>(input) ||
                       std::holds_alternative<core::PeerFailed>(input) ||
                       std::holds_alternative<core::DeadlinePassed>(input);
  bool is_refused = false;
  size_t reply_count = 0;
  for (const core::Action& action : actions) {
    if (const auto* const refuse = std::get_if<core::RefuseStream>(&action)) {
      const bool is_opening = opened != nullptr && opened->stream == refuse->stream;
      const bool is_asking = message != nullptr && message->stream == refuse->stream;
      const bool is_due = ((is_opening || is_asking) && !is_refused) ||
                          (is_late && asked_.contains(refuse->stream));
      if (!is_due) verdict_.fail(at, "a stream refused that has neither opened nor asked");
      is_refused = true;
    } else if (const auto* const reply = std::get_if<core::HttpReply>(&action)) {
      ++reply_count;
      const bool is_due = request != nullptr && request->request == reply->request;
      if (!is_due) verdict_.fail(at, "an HTTP reply that nobody waits for");
    }
  }
  if (reply_count != (request != nullptr ? 1 : 0)) {
    verdict_.fail(at, std::to_string(reply_count) + " replies to one HTTP request");
  }
  if (opened != nullptr) check_opened(at, *opened, is_refused);
  if (closed != nullptr) {
    const auto found = open_.find(closed->stream);
    if (found == open_.end()) {
      verdict_.fail(at, "a stream closed that is not open");
    } else {
      if (--by_prefix_[found->second] == 0) by_prefix_.erase(found->second);
      open_.erase(found);
      asked_.erase(closed->stream);
    }
  }
  if (node_open_count != open_.size()) {
    verdict_.fail(at, "the node counts " + std::to_string(node_open_count) + " streams, open are " +
                          std::to_string(open_.size()));
  }
}

void StreamOracle::check_opened(MonoTime at, const core::StreamOpened& input, bool is_refused) {
  if (!seen_.insert(input.stream).second) verdict_.fail(at, "a stream's number used again");
  if (is_refused) return;
  const Prefix prefix = limited_as(input.from.address);
  open_.emplace(input.stream, prefix);
  if (open_.size() > connections_max_) {
    verdict_.fail(at, std::to_string(open_.size()) + " streams open");
  }
  if (++by_prefix_[prefix] > connections_per_prefix_max_) {
    verdict_.fail(at, std::to_string(by_prefix_[prefix]) + " streams open of " + prefix.text());
  }
}

// ---- AccountOracle

void AccountOracle::check(MonoTime at, const core::Input& input, uint64_t before, uint64_t after) {
  const bool is_message = std::holds_alternative<core::DatagramArrived>(input) ||
                          std::holds_alternative<core::MessageArrived>(input);
  if (is_message && after != before + 1) {
    verdict_.fail(at, "one message counted " + std::to_string(after - before) + " times");
  }
}

// ---- DonationOracle

DonationOracle::DonationOracle(Verdict& verdict, const node::Config::Donate& donate)
    : verdict_(verdict), donate_(donate) {}

void DonationOracle::check(const Now& now, const core::Input& input,
                           std::span<const core::Action> actions) {
  for (const core::Action& action : actions) check_action(now, action);
  // The kernel has answered already.
  if (std::holds_alternative<core::PeerArrived>(input)) sent_handshake(now);
  const auto* const written = std::get_if<core::StreamBytesSent>(&input);
  if (written == nullptr || written->transport != core::Transport::kDtls) return;
  wrote(now, written->bytes + written->datagrams * kHeaderBytes);
}

void DonationOracle::check_action(const Now& now, const core::Action& action) {
  if (const auto* const relayed = std::get_if<core::SendFromRelay>(&action)) {
    sent(now, relayed->payload.size() + kHeaderBytes);
  } else if (const auto* const message = std::get_if<core::SendMessage>(&action)) {
    // Data on a stream is paid for like a datagram, answers when they are written.
    if (message->payer == core::Payer::kService) return;
    const uint64_t bytes = message->payload.size() + kHeaderBytes;
    if (message->is_datagram) prepaid_bytes_ += bytes;
    sent(now, bytes);
  } else if (const auto* const forward = std::get_if<core::ForwardPeerData>(&action)) {
    sent(now, StreamRelayOracle::cost_of(forward->bytes));
  } else if (std::holds_alternative<core::ConnectPeer>(action)) {
    sent_handshake(now);
  } else if (const auto* const send = std::get_if<core::SendDatagram>(&action)) {
    sent(now, send->head.size() + send->payload.size() + kHeaderBytes);
  }
}

void DonationOracle::sent(const Now& now, uint64_t bytes) {
  turn_the_month(now);
  month_.bytes += bytes;
  if (donate_.monthly_bytes != 0 && month_.bytes - refusal_bytes_ > donate_.monthly_bytes) {
    verdict_.fail(now.mono, std::to_string(month_.bytes) + " bytes sent this month");
  }
  const uint64_t rate = donate_.bandwidth_bytes_per_second;
  if (rate == 0) return;
  // The level of a bucket that leaks `rate` is above `burst` exactly if some span of time that ends
  // now has seen more than both together.
  const uint64_t burst = std::max(rate, kBurstBytesMin);
  const auto elapsed_us = static_cast<uint64_t>((now.mono - level_at_).count());
  const bool is_empty = elapsed_us >= level_ / rate + 1;
  level_ = is_empty ? 0 : level_ - std::min(level_, elapsed_us * rate);
  level_at_ = now.mono;
  level_ += bytes * kMillion;
  if (level_ > burst * kMillion) {
    verdict_.fail(now.mono, std::to_string(level_ / kMillion) + " bytes sent, and not " +
                                std::to_string(burst) + ", within one burst");
  }
}

void DonationOracle::sent_refusal(const Now& now, uint64_t bytes) {
  if (bytes > kRefusalBytesMax) {
    verdict_.fail(now.mono, std::to_string(bytes) + " bytes to say that we are full");
  }
  exceed(now, bytes);
}

void DonationOracle::exceed(const Now& now, uint64_t bytes) {
  turn_the_month(now);
  month_.bytes += bytes;
  refusal_bytes_ += bytes;
}

void DonationOracle::wrote(const Now& now, uint64_t bytes) {
  const uint64_t prepaid = std::min(prepaid_bytes_, bytes);
  prepaid_bytes_ -= prepaid;
  bytes -= prepaid;
  CHECK(!answers_.empty());
  const uint64_t answer = std::min(answers_.front(), bytes);
  answers_.pop_front();
  bytes -= answer;
  if (answer > 0) sent(now, answer);
  if (bytes > kRecordBytesMax) {
    verdict_.fail(now.mono, std::to_string(bytes) + " bytes of DTLS around what was said");
  }
  exceed(now, bytes);
}

void DonationOracle::check_month(const Now& now, const Month& claimed) {
  if (claimed == month_) return;
  // The node may look at the calendar when it sends nothing, too.
  turn_the_month(now);
  if (claimed == month_) return;
  verdict_.fail(now.mono, "the node counts " + std::to_string(claimed.bytes) + " bytes in month " +
                              std::to_string(claimed.number) + ", sent were " +
                              std::to_string(month_.bytes) + " in month " +
                              std::to_string(month_.number));
}

void DonationOracle::crashed() {
  level_ = 0;
  level_at_ = {};
  prepaid_bytes_ = 0;
  answers_.clear();
}

void DonationOracle::restored(const Now& now, const Month& claimed) {
  if (claimed.number != month_.number || claimed.bytes < month_.bytes ||
      claimed.bytes > month_.bytes + kAheadBytesMax) {
    verdict_.fail(now.mono, "the node goes on with " + std::to_string(claimed.bytes) +
                                " bytes in month " + std::to_string(claimed.number) +
                                ", sent were " + std::to_string(month_.bytes) + " in month " +
                                std::to_string(month_.number));
  }
  month_ = claimed;
}

void DonationOracle::set_donation(const node::Config::Donate& donate) {
  donate_ = donate;
  level_ = 0;
}

int64_t DonationOracle::month_number_at(WallTime wall) {
  const int64_t day = wall.time_since_epoch().count() / 86400;
  if (day != day_) month_of_day_ = month_number(day);
  day_ = day;
  return month_of_day_;
}

void DonationOracle::turn_the_month(const Now& now) {
  if (!now.wall) return;
  const int64_t number = month_number_at(*now.wall);
  if (number <= month_.number) return;
  // What went out before any clock was known belongs to the first month that is.
  if (month_.number != 0) {
    month_.bytes = 0;
    refusal_bytes_ = 0;
  }
  month_.number = number;
}

// ---- MappedAddressOracle

void MappedAddressOracle::check(MonoTime at, Bytes reply, const std::optional<Endpoint>& truth) {
  if (!truth) return;
  ++checked_;
  const auto told = read_mapped_address(reply);
  if (told == truth) return;
  verdict_.fail(at, "told " + (told ? told->text() : "nothing") + ", seen as " + truth->text());
}

// ---- LivenessOracle

LivenessOracle::ClientId LivenessOracle::add_client(std::string name) {
  clients_.push_back({std::move(name)});
  return clients_.size() - 1;
}

void LivenessOracle::succeeded(ClientId client, MonoTime began_at) {
  ++successes_;
  if (healed_at_ && began_at >= *healed_at_) ++clients_[client].successes_since_healed;
}

void LivenessOracle::failed(ClientId client, MonoTime began_at, MonoTime at) {
  ++failures_;
  if (healed_at_ && began_at >= *healed_at_) {
    verdict_.fail(at, clients_[client].name + " asked in a healed world and got nothing");
  }
}

void LivenessOracle::end(MonoTime at) {
  CHECK(healed_at_.has_value());
  for (const Client& client : clients_) {
    if (client.successes_since_healed > 0) continue;
    verdict_.fail(at, client.name + " got nothing since the world was healed");
  }
}

}  // namespace roost::sim
