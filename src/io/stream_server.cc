// SPDX-License-Identifier: MIT
#include "io/stream_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <utility>

#include "io/clock.h"

namespace roost::io {
namespace {

uint64_t number_of(core::StreamId stream) {
  return static_cast<uint64_t>(stream);
}

// Linux hands these down to the connections that are accepted, which saves a call for each. No
// keep-alive: a peer that has gone is found by the deadlines, and probes would wake its radio.
void prepare_listener(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // Each reply leaves as one write.
  const int size = StreamServer::kSendBufferBytes;
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

}  // namespace

StreamServer::StreamServer(EventLoop& loop, const TlsContext& tls, const Options& options,
                           Deliver deliver)
    : loop_(loop),
      tls_(tls),
      options_(options),
      deliver_(std::move(deliver)),
      deadlines_(loop, options.stream_count_max, options.tick,
                 [this](uint32_t slot, MonoTime now) {
                   if (PublicStream* const stream = streams_.at_slot(slot)) {
                     stream->on_deadline(now);
                   }
                 }),
      settle_(loop, [this] { settle(); }),
      streams_(options.stream_count_max) {}

StreamServer::~StreamServer() = default;

void StreamServer::listen(FileDescriptor listener) {
  prepare_listener(listener.get());
  acceptors_.push_back(std::make_unique<Acceptor>(
      loop_, std::move(listener),
      [this](FileDescriptor fd, const Endpoint& from) { on_accept(std::move(fd), from); }));
}

void StreamServer::on_accept(FileDescriptor fd, const Endpoint& from) {
  if (streams_.is_full()) {
    ++stats_.table_full;
    return;
  }
  const uint64_t number = streams_.reserve();
  opening_ = core::StreamId{number};
  is_refused_ = false;
  deliver_(core::StreamOpened{opening_, from});
  const core::StreamId id = std::exchange(opening_, {});
  if (is_refused_) return;
  PublicStream& stream =
      streams_.put(number, std::make_unique<PublicStream>(loop_, std::move(fd), options_.limits,
                                                          static_cast<PublicStream::Host&>(*this),
                                                          id, from, read_clocks().mono));
  on_stream_changed(stream);
}

void StreamServer::refuse(const core::RefuseStream& refusal) {
  if (refusal.stream == opening_) {
    is_refused_ = true;
    return;
  }
  PublicStream* const stream = streams_.find(number_of(refusal.stream));
  if (stream != nullptr) stream->close(CloseReason::kRefused);
}

PublicStream* StreamServer::find(core::StreamId stream) const {
  return streams_.find(number_of(stream));
}

void StreamServer::send(const core::SendMessage& message) {
  PublicStream* const stream = streams_.find(number_of(message.stream));
  if (stream == nullptr) return;
  if (message.granted_lifetime) stream->keep(*message.granted_lifetime);
  stream->send(message.payload, message.may_be_dropped);
}

// A request's number holds the slot of its stream, so that no second table is needed.
core::RequestId StreamServer::next_request(core::StreamId stream) {
  const uint64_t slot = streams_.slot_of(number_of(stream));
  return core::RequestId{request_serial_++ << streams_.kSlotBits | slot};
}

void StreamServer::reply(const core::HttpReply& reply) {
  const auto slot = streams_.slot_of(static_cast<uint64_t>(reply.request));
  if (PublicStream* const stream = streams_.at_slot(slot)) stream->reply(reply);
}

void StreamServer::on_stream_sent(core::Transport transport, uint64_t bytes) {
  sent_bytes_[static_cast<size_t>(transport)] += bytes;
  settle_.schedule();
}

void StreamServer::on_stream_changed(PublicStream& stream) {
  const uint64_t number = number_of(stream.id());
  if (streams_.find(number) != nullptr && !stream.has_ended()) {
    deadlines_.set(streams_.slot_of(number), stream.deadline());
  }
}

void StreamServer::on_stream_ended(PublicStream& stream) {
  deadlines_.set(streams_.slot_of(number_of(stream.id())), {});
  ended_.push_back(stream.id());
  settle_.schedule();
}

// Tells the node what has happened while it could not be told, until nothing is left to tell.
void StreamServer::settle() {
  report_sent();
  while (!ended_.empty()) {
    const core::StreamId id = ended_.back();
    ended_.pop_back();
    const Endpoint from = streams_.find(number_of(id))->from();
    streams_.erase(number_of(id));
    deliver_(core::StreamClosed{id, from});
    report_sent();
    for (const auto& acceptor : acceptors_) acceptor->retry();
  }
}

void StreamServer::report_sent() {
  for (size_t i = 0; i < sent_bytes_.size(); ++i) {
    const uint64_t bytes = std::exchange(sent_bytes_[i], 0);
    if (bytes > 0) deliver_(core::StreamBytesSent{static_cast<core::Transport>(i), bytes});
  }
}

void StreamServer::stop() {
  acceptors_.clear();
  streams_.for_each([](PublicStream& stream) { stream.close(CloseReason::kStopped); });
  settle();
}

void StreamServer::write_metrics(node::MetricsWriter& out) const {
  stats_.write_metrics(out);
  uint64_t pauses = 0;
  for (const auto& acceptor : acceptors_) pauses += acceptor->pause_count();
  out.counter("roost_accept_pauses_total",
              "How often accepting stopped for want of file descriptors or memory.")
      .value(pauses);
  out.gauge("roost_tls_certificate_expiry_seconds", "When the TLS certificate expires, Unix time.")
      .value(static_cast<uint64_t>(tls_.expires_at().time_since_epoch().count()));
}

}  // namespace roost::io
