// SPDX-License-Identifier: MIT
#include "flood.h"

#include <algorithm>
#include <cstring>
#include <unistd.h>

namespace bench {
namespace {

constexpr uint32_t kFirstAddress = 0x7f400001;
constexpr uint16_t kChallenge = 0x0113;  // An Allocate error response.
constexpr int kBufferBytes = 1024 * 1024;

}  // namespace

Flood::Flood(const sockaddr_in& target, const Options& options)
    : target_(target), options_(options), request_{0, 3,    0, 8, 0x21, 0x12, 0xa4, 0x42, 0, 0,
                                                   0, 0,    0, 0, 0,    0,    0,    0,    0, 0,
                                                   0, 0x19, 0, 4, 17,   0,    0,    0} {}

Flood::~Flood() {
  if (socket_ >= 0) close(socket_);
}

bool Flood::open() {
  socket_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket_ < 0) return false;
  setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &kBufferBytes, sizeof kBufferBytes);
  sockaddr_in any{};  // So that it also gets the answers to whatever it sent from.
  any.sin_family = AF_INET;
  return bind(socket_, reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0;
}

void Flood::turn(int64_t now) {
  if (started_ == 0) started_ = now;
  const auto due = static_cast<uint64_t>(static_cast<double>(now - started_) / 1e9 *
                                         static_cast<double>(options_.rate_per_second));
  const uint64_t owed = due - due_before_;
  if (owed == 0) return;
  due_before_ = due;
  // What this process was kept from sending is not made up for.
  const uint64_t count = std::min(owed, kSentAtOnceMax);
  counters_.unoffered += owed - count;
  for (uint64_t i = 0; i < count; ++i) send();
  receive();
}

void Flood::send() {
  // The rest of the transaction ID stays zero.
  const uint64_t number = counters_.sent + counters_.unoffered;
  std::memcpy(request_.data() + 8, &number, sizeof number);
  iovec part{request_.data(), request_.size()};
  alignas(cmsghdr) std::array<uint8_t, CMSG_SPACE(sizeof(in_pktinfo))> control{};
  msghdr message{};
  message.msg_name = &target_;
  message.msg_namelen = sizeof target_;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = IPPROTO_IP;
  header->cmsg_type = IP_PKTINFO;
  header->cmsg_len = CMSG_LEN(sizeof(in_pktinfo));
  in_pktinfo source{};
  source.ipi_spec_dst.s_addr = htonl(kFirstAddress + (next_ << 8));
  std::memcpy(CMSG_DATA(header), &source, sizeof source);
  next_ = (next_ + 1) % options_.prefixes;
  if (sendmsg(socket_, &message, MSG_DONTWAIT) > 0) {
    ++counters_.sent;
  } else {
    ++counters_.unoffered;
  }
}

void Flood::receive() {
  std::array<uint8_t, kAnswerSizeMax> answer;
  // As many as were sent at once, and some that were late.
  for (uint64_t i = 0; i < 2 * kSentAtOnceMax; ++i) {
    const ssize_t size = recv(socket_, answer.data(), answer.size(), MSG_DONTWAIT);
    if (size < 0) return;
    const bool is_challenge = size >= 20 && (answer[0] << 8 | answer[1]) == kChallenge;
    ++(is_challenge ? counters_.challenged : counters_.unexpected);
  }
}

}  // namespace bench
