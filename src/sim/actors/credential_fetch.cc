// SPDX-License-Identifier: MIT
#include "sim/actors/credential_fetch.h"

#include <charconv>

#include "base/bytes.h"
#include "base/check.h"
#include "base/crypto_hash.h"

namespace roost::sim::actors {
namespace {

// What stands behind "name": in JSON as flat as this.
std::string_view field(std::string_view json, std::string_view name) {
  const std::string key = "\"" + std::string(name) + "\":";
  const size_t found = json.find(key);
  if (found == json.npos) return {};
  std::string_view value = json.substr(found + key.size());
  const bool is_text = value.starts_with('"');
  if (is_text) value.remove_prefix(1);
  return value.substr(0, value.find_first_of(is_text ? "\"" : ",}"));
}

unsigned number(std::string_view digits) {
  unsigned value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

bool begins_with_zero_bits(const Sha256Digest& digest, unsigned bits) {
  for (unsigned i = 0; i < bits; ++i) {
    if ((digest[i / 8] & 0x80 >> i % 8) != 0) return false;
  }
  return true;
}

std::string solve(std::string_view challenge, unsigned effort) {
  for (uint64_t i = 0;; ++i) {
    const std::string answer = std::string(challenge) + "." + std::to_string(i);
    if (begins_with_zero_bits(sha256(as_bytes(answer)), effort)) return answer;
  }
}

}  // namespace

void CredentialFetch::begin() {
  ask({});
}

void CredentialFetch::cancel() {
  if (connection_) connection_->send(host_, PacketKind::kEnd);
  connection_.reset();
}

void CredentialFetch::ask(std::string_view work) {
  cancel();
  request_ = "GET /v1/turn";
  if (!work.empty()) request_.append("?work=").append(work);
  request_.append(" HTTP/1.1\r\nHost: node\r\n");
  if (!token_.empty()) request_.append("Authorization: Bearer ").append(token_).append("\r\n");
  request_.append("\r\n");
  const auto address = host_.address_towards(server_.address);
  CHECK(address.has_value());
  connection_.emplace(Endpoint{*address, host_.next_port()}, server_);
  connection_->send(host_, PacketKind::kOpen);
}

CredentialFetch::Result CredentialFetch::take(const Packet& packet) {
  const bool is_ours = connection_ && packet.kind != PacketKind::kDatagram &&
                       packet.destination == connection_->local() &&
                       packet.source == connection_->remote();
  if (!is_ours) return Result::kNotOurs;
  connection_->add(packet);
  while (connection_) {
    const auto segment = connection_->next();
    if (!segment) break;
    switch (segment->kind) {
      case PacketKind::kDatagram:
      case PacketKind::kWindow: break;
      case PacketKind::kOpen:
        connection_->send(host_, PacketKind::kData, as_bytes(request_));
        break;
      case PacketKind::kData: cancel(); return read(as_text(segment->payload));
      case PacketKind::kEnd: cancel(); return Result::kRefused;
    }
  }
  return Result::kPending;
}

CredentialFetch::Result CredentialFetch::read(std::string_view reply) {
  constexpr std::string_view kVersion = "HTTP/1.1 ";
  last_status_ = reply.starts_with(kVersion) ? static_cast<int>(number(reply.substr(9, 3))) : 0;
  const std::string_view body = reply.substr(std::min(reply.find("\r\n\r\n"), reply.size()));
  if (last_status_ == 200) {
    credentials_ = {std::string(field(body, "username")), std::string(field(body, "password"))};
    return credentials_.username.empty() ? Result::kRefused : Result::kGiven;
  }
  const std::string_view challenge = field(body, "challenge");
  const unsigned effort = number(field(body, "effort"));
  if (challenge.empty() || effort > kEffortMax) return Result::kRefused;
  ++solved_count_;
  ask(solve(challenge, effort));
  return Result::kPending;
}

}  // namespace roost::sim::actors
