// SPDX-License-Identifier: MIT
#include "relay_network.h"

#include <cstdio>
#include <cstring>
#include <netinet/udp.h>
#include <optional>
#include <poll.h>
#include <span>
#include <unistd.h>

#include "forwarder.h"

namespace bench {
namespace {

constexpr uint16_t kChannel = uint16_t{kChannelFirstByte} << 8;
// Not the server's own address, which peers are refused at.
constexpr uint32_t kPeerAddress = 0x7f000002;
constexpr uint32_t kFirstClientAddress = 0x7f100000;
// A server limits how often a prefix is challenged, and Roost's counts by /24.
constexpr uint32_t kClientsPerPrefix = 8;
// So that the generator is not what loses packets.
constexpr int kBufferBytes = 1024 * 1024;

uint32_t client_address(uint32_t number) {
  return kFirstClientAddress + (number / kClientsPerPrefix << 8) + number % kClientsPerPrefix + 1;
}

sockaddr_in socket_address(uint32_t address, uint16_t port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_addr.s_addr = htonl(address);
  result.sin_port = htons(port);
  return result;
}

// Bound to that address.
int open_socket(uint32_t address, bool with_gro) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  const int on = 1;
  if (with_gro) setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kBufferBytes, sizeof kBufferBytes);
  const sockaddr_in local = socket_address(address, 0);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&local), sizeof local) == 0) return fd;
  close(fd);
  return -1;
}

bool connect_to(int fd, const sockaddr_in& to) {
  return ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
}

sockaddr_in bound_address(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return address;
}

roost::Endpoint to_endpoint(const sockaddr_in& address) {
  return {roost::IpAddress::v4(ntohl(address.sin_addr.s_addr)), ntohs(address.sin_port)};
}

bool fail(const char* what) {
  std::perror(what);
  return false;
}

// Asks the forwarder for a flow to the peer; where it is, or nothing.
std::optional<sockaddr_in> join(int client, const sockaddr_in& peer) {
  constexpr int kTriesMax = 10;
  constexpr int kWaitMilliseconds = 200;
  JoinMessage message;
  message.address = peer.sin_addr.s_addr;
  message.port = peer.sin_port;
  for (int i = 0; i < kTriesMax; ++i) {
    if (send(client, &message, sizeof message, 0) < 0) continue;
    pollfd polled{client, POLLIN, 0};
    if (poll(&polled, 1, kWaitMilliseconds) <= 0) continue;
    JoinMessage reply;
    if (recv(client, &reply, sizeof reply, 0) != sizeof reply || reply.kind[0] != kJoin) continue;
    sockaddr_in flow{};
    flow.sin_family = AF_INET;
    flow.sin_addr.s_addr = reply.address;
    flow.sin_port = reply.port;
    return flow;
  }
  return std::nullopt;
}

}  // namespace

RelayNetwork::~RelayNetwork() {
  for (const TurnClient& client : clients_) close(client.socket());
  for (const int peer : peers_) close(peer);
}

bool RelayNetwork::open_clients(uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    const auto number = static_cast<uint32_t>(clients_.size());
    const int fd = open_socket(client_address(number), options_.with_gro);
    if (fd < 0) return fail("relay_load: socket of a client");
    clients_.emplace_back(fd, options_.credentials, number);
    if (!connect_to(fd, options_.target)) return fail("relay_load: connect to the server");
  }
  return true;
}

bool RelayNetwork::allocate() {
  const bool succeeded = carry_out(std::span(clients_).subspan(allocated_),
                                   [](size_t, TurnClient& client) { client.allocate(); });
  allocated_ = clients_.size();
  return succeeded;
}

bool RelayNetwork::connect() {
  if (options_.mode == RelayMode::kForwarder) return open_peers() && join_forwarder();
  if (options_.mode == RelayMode::kDirect) return open_peers() && connect_directly();
  if (options_.mode != RelayMode::kPairs && !open_peers()) return false;
  const auto peer_of = [this](size_t i) {
    return options_.mode == RelayMode::kPairs ? clients_[i ^ 1].relayed()
                                              : to_endpoint(bound_address(peers_[i]));
  };
  const bool succeeded =
      carry_out(clients_, [&](size_t i, TurnClient& client) { client.permit(peer_of(i)); }) &&
      carry_out(clients_, [&](size_t i, TurnClient& client) { client.bind(kChannel, peer_of(i)); });
  if (!succeeded) return false;
  for (size_t i = 0; i < peers_.size(); ++i) {
    const roost::Endpoint& relayed = clients_[i].relayed();
    const sockaddr_in address = socket_address(relayed.address.v4_value(), relayed.port);
    if (!connect_to(peers_[i], address)) return fail("relay_load: connect to a relayed address");
  }
  return true;
}

bool RelayNetwork::open_peers() {
  for (size_t i = 0; i < clients_.size(); ++i) {
    const int fd = open_socket(kPeerAddress, options_.with_gro);
    if (fd < 0) return fail("relay_load: socket of a peer");
    peers_.push_back(fd);
  }
  return true;
}

bool RelayNetwork::join_forwarder() {
  for (size_t i = 0; i < clients_.size(); ++i) {
    const auto flow = join(clients_[i].socket(), bound_address(peers_[i]));
    if (!flow || !connect_to(peers_[i], *flow)) return fail("relay_load: no flow of the forwarder");
  }
  return true;
}

bool RelayNetwork::connect_directly() {
  for (size_t i = 0; i < clients_.size(); ++i) {
    const int client = clients_[i].socket();
    if (!connect_to(client, bound_address(peers_[i])) ||
        !connect_to(peers_[i], bound_address(client))) {
      return fail("relay_load: connect past the server");
    }
  }
  return true;
}

std::vector<Lane> RelayNetwork::lanes() const {
  std::vector<Lane> lanes;
  const auto add = [&lanes](const LaneEnd& from, const LaneEnd& to) {
    Lane& lane = lanes.emplace_back();
    lane.from = from;
    lane.to = to;
  };
  for (size_t i = 0; i < clients_.size(); ++i) {
    // 0 where nobody would take the channel header away.
    const LaneEnd client{clients_[i].socket(),
                         options_.mode == RelayMode::kDirect ? uint16_t{0} : kChannel};
    if (options_.mode == RelayMode::kPairs) {
      add(client, {clients_[i ^ 1].socket(), kChannel});
    } else {
      const LaneEnd peer{peers_[i], 0};
      add(client, peer);
      add(peer, client);
    }
  }
  return lanes;
}

}  // namespace bench
