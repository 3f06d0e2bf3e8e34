// SPDX-License-Identifier: MIT
#include "app/probe_lines.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <utility>

#include "io/clock.h"
#include "io/socket_address.h"

namespace roost::app {
namespace {

MonoTime now() {
  return io::read_clocks().mono;
}

}  // namespace

ProbeLines::ProbeLines(const StunUri& uri, ProbeConnection client, Duration timeout)
    : uri_(uri), timeout_(timeout), server_(client.remote()), client_(std::move(client)) {
  // A name may have several addresses, and the second allocation is to be the same server's.
  uri_.host = server_.address.text();
}

void ProbeLines::play(node::TurnProbe& probe) {
  for (;;) {
    while (const auto outgoing = probe.poll(now())) send(*outgoing, probe);
    const auto deadline = probe.next_deadline();
    if (!deadline) return;
    wait(*deadline);
    drain(Line::kClient, client_, probe);
    drain(Line::kSecond, second_, probe);
    drain_peer(probe);
  }
}

void ProbeLines::send(const node::TurnProbe::Outgoing& outgoing, node::TurnProbe& probe) {
  if (outgoing.line == Line::kPeer) return send_from_peer(outgoing, probe);
  std::optional<ProbeConnection>& connection = outgoing.line == Line::kClient ? client_ : second_;
  if (!connection && outgoing.line == Line::kSecond) {
    auto opened = ProbeConnection::open(uri_, now() + timeout_);
    if (!opened) return probe.lose(now(), Line::kSecond, opened.error());
    connection.emplace(std::move(*opened));
  }
  if (!connection) return;  // It is lost, and the probe knows.
  const auto sent = connection->send(outgoing.bytes);
  if (sent) return;
  connection.reset();
  probe.lose(now(), outgoing.line, sent.error());
}

void ProbeLines::send_from_peer(const node::TurnProbe::Outgoing& outgoing, node::TurnProbe& probe) {
  sockaddr_storage to{};
  const socklen_t size = io::to_sockaddr(outgoing.to, to);
  if (!peer_.is_open()) {
    peer_ = io::FileDescriptor(socket(to.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  }
  const ssize_t sent = sendto(peer_.get(), outgoing.bytes.data(), outgoing.bytes.size(), 0,
                              reinterpret_cast<const sockaddr*>(&to), size);
  // What the network loses is lost; a machine without a way there is another thing.
  if (sent >= 0 || errno == EAGAIN || errno == ENOBUFS) return;
  probe.lose(now(), Line::kPeer,
             "cannot send to " + outgoing.to.text() + ": " + std::strerror(errno));
}

void ProbeLines::wait(MonoTime until) const {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now());
  std::array<pollfd, 3> polled{};
  nfds_t count = 0;
  for (const std::optional<ProbeConnection>* connection : {&client_, &second_}) {
    if (*connection) polled[count++] = {(*connection)->descriptor(), POLLIN, 0};
  }
  if (peer_.is_open()) polled[count++] = {peer_.get(), POLLIN, 0};
  poll(polled.data(), count, static_cast<int>(std::clamp<int64_t>(left.count(), 0, 60'000)));
}

void ProbeLines::drain(Line line, std::optional<ProbeConnection>& connection,
                       node::TurnProbe& probe) {
  while (connection) {
    const auto message = connection->receive(MonoTime());
    if (!message) {
      connection.reset();
      return probe.lose(now(), line, message.error());
    }
    if (message->empty()) return;
    probe.take(now(), line, server_, *message);
  }
}

void ProbeLines::drain_peer(node::TurnProbe& probe) {
  std::array<uint8_t, 2048> buffer;
  while (peer_.is_open()) {
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    const ssize_t count = recvfrom(peer_.get(), buffer.data(), buffer.size(), 0,
                                   reinterpret_cast<sockaddr*>(&from), &size);
    if (count < 0) return;
    const auto sender = io::from_sockaddr(from);
    if (!sender) continue;
    probe.take(now(), Line::kPeer, *sender, Bytes(buffer).first(static_cast<size_t>(count)));
  }
}

}  // namespace roost::app
