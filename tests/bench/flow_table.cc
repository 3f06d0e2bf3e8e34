// SPDX-License-Identifier: MIT
#include "flow_table.h"

#include <cstring>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "forwarder.h"

namespace bench {
namespace {

constexpr size_t kTableSize = 65536;
constexpr int kPublicBufferBytes = 1024 * 1024;
constexpr int kFlowBufferBytes = 256 * 1024;

size_t place_of(const sockaddr_in& client) {
  const uint64_t key = uint64_t{client.sin_addr.s_addr} << 16 | client.sin_port;
  return static_cast<size_t>(key * 0x9e3779b97f4a7c15u >> 48);
}

}  // namespace

FlowTable::FlowTable(bool with_gro, Watch watch)
    : with_gro_(with_gro), watch_(std::move(watch)), table_(kTableSize) {}

FlowTable::~FlowTable() {
  if (public_ >= 0) close(public_);
  for (const Flow& flow : flows_) close(flow.socket);
}

int FlowTable::open_public(uint16_t port) {
  return public_ = open_socket(port, kPublicBufferBytes);
}

int FlowTable::open_socket(uint16_t port, int buffer_bytes) const {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes);  // Best effort.
  const int on = 1;
  if (with_gro_) setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

const Flow* FlowTable::find(const sockaddr_in& client) const {
  for (size_t at = place_of(client); table_[at] != 0; at = (at + 1) % kTableSize) {
    const Flow& flow = flows_[table_[at] - 1];
    if (flow.client.sin_port == client.sin_port &&
        flow.client.sin_addr.s_addr == client.sin_addr.s_addr) {
      return &flow;
    }
  }
  return nullptr;
}

void FlowTable::answer(const uint8_t* data, size_t size, const sockaddr_in& from) {
  const auto reply = [&](const void* bytes, size_t length) {
    sendto(public_, bytes, length, MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&from),
           sizeof from);
  };
  if (size == 20 && data[0] == 0 && data[1] == 1) return reply(data, size);
  JoinMessage join;
  if (size != sizeof join || data[0] != kJoin) return;
  std::memcpy(&join, data, sizeof join);
  const Flow* flow = find(from);
  if (flow == nullptr) {
    sockaddr_in peer{};
    peer.sin_family = AF_INET;
    peer.sin_addr.s_addr = join.address;
    peer.sin_port = join.port;
    flow = enter(from, peer);
  }
  if (flow == nullptr) return;
  sockaddr_in local{};
  socklen_t local_size = sizeof local;
  getsockname(flow->socket, reinterpret_cast<sockaddr*>(&local), &local_size);
  join.address = local.sin_addr.s_addr;
  join.port = local.sin_port;
  reply(&join, sizeof join);
}

const Flow* FlowTable::enter(const sockaddr_in& client, const sockaddr_in& peer) {
  if (flows_.size() == kFlowsMax) return nullptr;
  const Flow flow{open_socket(0, kFlowBufferBytes), client, peer};
  if (flow.socket < 0) return nullptr;
  const auto index = static_cast<uint32_t>(flows_.size());
  if (!watch_(flow, index)) {
    close(flow.socket);
    return nullptr;
  }
  flows_.push_back(flow);
  size_t at = place_of(client);
  while (table_[at] != 0) at = (at + 1) % kTableSize;
  table_[at] = index + 1;
  return &flows_.back();
}

}  // namespace bench
