// SPDX-License-Identifier: MIT
#include "io/public_stream.h"

#include <algorithm>
#include <utility>

#include "io/clock.h"
#include "io/peer_connection.h"
#include "io/socket_address.h"
#include "node/stream_framing.h"

namespace roost::io {
namespace {

std::optional<MonoTime> earlier(std::optional<MonoTime> a, std::optional<MonoTime> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

}  // namespace

PublicStream::PublicStream(EventLoop& loop, FileDescriptor fd, const Limits& limits, Host& host,
                           core::StreamId id, const Endpoint& from, MonoTime now)
    : limits_(limits),
      host_(host),
      id_(id),
      from_(from),
      opening_deadline_(now + limits.opening_time_max),
      stream_(loop, std::move(fd), limits.buffers, *this) {
  ++host_.stats().open[static_cast<size_t>(kind_)];
}

PublicStream::~PublicStream() {
  --host_.stats().open[static_cast<size_t>(kind_)];
}

void PublicStream::on_first_byte(uint8_t byte, MonoTime now) {
  if (node::stream_protocol(byte) != node::StreamProtocol::kTls) {
    stream_.read_plainly();
    return begin(byte, now);
  }
  TlsSession session = host_.new_tls_session(stream_.fd());
  if (session == nullptr) return close(CloseReason::kTlsError);
  is_tls_ = true;
  enter(StreamKind::kHandshake);
  stream_.start_tls(std::move(session));
}

void PublicStream::on_tls_ready() {
  ++host_.stats().tls_handshakes;
}

// The first byte of what is spoken, plainly or inside TLS; it is still there to be read.
void PublicStream::begin(uint8_t first_byte, MonoTime now) {
  switch (node::stream_protocol(first_byte)) {
    case node::StreamProtocol::kMessages:
      local_.endpoint = bound_endpoint(stream_.fd());
      last_message_at_ = now;
      return enter(StreamKind::kMessages);
    case node::StreamProtocol::kHttp:
      http_.emplace(limits_.http, static_cast<HttpConnection::Owner&>(*this), host_.stats().http,
                    now);
      return enter(StreamKind::kHttp);
    case node::StreamProtocol::kTls:
    case node::StreamProtocol::kUnknown: return close(CloseReason::kBadFirstByte);
  }
}

size_t PublicStream::on_input(Bytes input, MonoTime now) {
  if (kind_ == StreamKind::kHandshake) begin(input.front(), now);
  if (kind_ == StreamKind::kMessages) return take_messages(input, now);
  if (kind_ == StreamKind::kHttp) return take_http(input, now);
  if (kind_ == StreamKind::kData) return tap_->on_data(input);
  return input.size();
}

bool PublicStream::carry_data(Tap& tap) {
  if (kind_ != StreamKind::kMessages || !stream_.is_open() || input_has_ended_) return false;
  tap_ = &tap;
  enter(StreamKind::kData);
  stream_.set_limits(data_limits());
  // What has come in with the last message is shown once that has been dealt with.
  stream_.resume();
  host_.on_stream_changed(*this);
  return true;
}

void PublicStream::on_event_done() {
  if (kind_ == StreamKind::kData && tap_ != nullptr) tap_->on_data_event();
  host_.on_stream_changed(*this);
}

size_t PublicStream::take_messages(Bytes input, MonoTime now) {
  using State = node::StreamFrame::State;
  size_t used = 0;
  while (has_room() && kind_ == StreamKind::kMessages) {
    if (skip_bytes_ > 0) {
      const size_t skipped = std::min(skip_bytes_, input.size() - used);
      skip_bytes_ -= skipped;
      used += skipped;
      last_message_at_ = now;
      if (skip_bytes_ > 0) break;
      message_deadline_.reset();
    }
    const node::StreamFrame frame = node::next_frame(input.subspan(used));
    if (frame.state == State::kBroken) {
      close(CloseReason::kBadFrame);
      break;
    }
    // The time of a message runs from its first byte, or the first that we saw behind another one.
    if (used > 0) message_deadline_.reset();
    if (used < input.size() && !message_deadline_) {
      message_deadline_ = now + limits_.message_time_max;
    }
    if (frame.state == State::kTooLong) {
      skip_bytes_ = frame.size;
      ++host_.stats().too_long_messages;
      continue;
    }
    if (frame.state == State::kNeedsMore) break;
    last_message_at_ = now;
    message_deadline_.reset();
    host_.deliver(
        core::MessageArrived{id_, transport(), local_, from_, input.subspan(used, frame.size)});
    used += frame.size;
  }
  return used;
}

size_t PublicStream::take_http(Bytes input, MonoTime now) {
  const size_t used = http_->take(input, now);
  finish_http_if_ended();
  if (http_->is_replying()) stream_.pause();
  return used;
}

void PublicStream::on_request(const HttpRequest& request) {
  request_ = host_.next_request(id_);
  host_.deliver(core::HttpRequestArrived{request_, from_, request.method, request.path,
                                         request.body, request.query, request.host.value_or(""),
                                         request.authorization});
}

// A client that has half-closed still gets the answers to what it had asked for.
void PublicStream::on_input_end() {
  input_has_ended_ = true;
  if (kind_ == StreamKind::kData) return tap_->on_data_end();
  if (kind_ != StreamKind::kHttp) return finish(CloseReason::kPeerClosed);
  finish_http_if_ended();
}

void PublicStream::finish_http_if_ended() {
  if (const auto end = http_->end()) {
    switch (*end) {
      case HttpConnection::End::kFinished: return finish(CloseReason::kHttpDone);
      case HttpConnection::End::kIdle: return finish(CloseReason::kTimeoutIdle);
      case HttpConnection::End::kTooSlow: return finish(CloseReason::kTimeoutHttp);
      case HttpConnection::End::kRefused: return finish(CloseReason::kBadHttp);
    }
  }
  if (input_has_ended_ && !http_->is_replying()) finish(CloseReason::kPeerClosed);
}

void PublicStream::send(Bytes message, bool may_be_dropped) {
  if (kind_ != StreamKind::kMessages) return;
  if (may_be_dropped && stream_.is_congested()) {
    ++host_.stats().dropped_messages;
    return;
  }
  has_answered_ = true;
  stream_.write(message);
  host_.on_stream_changed(*this);
}

void PublicStream::reply(const core::HttpReply& reply) {
  if (kind_ != StreamKind::kHttp || !http_->is_replying() || reply.request != request_) return;
  http_->reply(reply, read_clocks().mono);
  finish_http_if_ended();
  if (stream_.is_paused()) stream_.resume();
  host_.on_stream_changed(*this);
}

void PublicStream::close(CloseReason reason) {
  if (!reason_) reason_ = reason;
  stream_.abort();
}

void PublicStream::finish(CloseReason reason) {
  if (!reason_) reason_ = reason;
  if (kind_ == StreamKind::kData) stream_.set_limits(limits_.buffers);  // It may stall no more.
  enter(StreamKind::kClosing);
  stream_.finish();
}

std::optional<MonoTime> PublicStream::deadline() const {
  switch (kind_) {
    case StreamKind::kNew:
    case StreamKind::kHandshake: return opening_deadline_;
    case StreamKind::kMessages: {
      const Duration idle = has_answered_ ? limits_.idle_time_max : limits_.silent_time_max;
      const MonoTime idle_at = std::max(last_message_at_, kept_until_) + idle;
      return earlier(earlier(idle_at, message_deadline_), stream_.deadline());
    }
    case StreamKind::kHttp: return earlier(http_->deadline(), stream_.deadline());
    case StreamKind::kData:
    case StreamKind::kClosing: return stream_.deadline();
  }
  return {};
}

void PublicStream::on_deadline(MonoTime now) {
  if (deadline() > now) return host_.on_stream_changed(*this);
  stream_.on_deadline(now);
  if (stream_.has_ended()) return;
  switch (kind_) {
    case StreamKind::kNew: close(CloseReason::kTimeoutFirstByte); break;
    case StreamKind::kHandshake:
      close(stream_.is_open() ? CloseReason::kTimeoutFirstByte : CloseReason::kTimeoutHandshake);
      break;
    case StreamKind::kMessages:
      if (message_deadline_ && now >= *message_deadline_) {
        close(CloseReason::kTimeoutMessage);
      } else if (deadline() <= now) {
        finish(CloseReason::kTimeoutIdle);
      }
      break;
    case StreamKind::kHttp:
      http_->on_deadline(now);
      finish_http_if_ended();
      break;
    case StreamKind::kData:
    case StreamKind::kClosing: break;
  }
  host_.on_stream_changed(*this);
}

void PublicStream::on_sent(uint64_t bytes) {
  host_.on_stream_sent(transport(), bytes);
}

void PublicStream::on_end(BufferedStream::End why) {
  ++host_.stats().closed[static_cast<size_t>(reason_for(why))];
  if (tap_ != nullptr) std::exchange(tap_, nullptr)->on_data_closed();
  host_.on_stream_ended(*this);
}

CloseReason PublicStream::reason_for(BufferedStream::End why) const {
  switch (why) {
    case BufferedStream::End::kOutputFull:
    case BufferedStream::End::kOutputStalled: return CloseReason::kSlowReader;
    case BufferedStream::End::kFinished:
    case BufferedStream::End::kAborted:
    case BufferedStream::End::kPeerClosed: return reason_.value_or(CloseReason::kPeerClosed);
    case BufferedStream::End::kReset: return reason_.value_or(CloseReason::kReset);
    case BufferedStream::End::kTlsBroken: return reason_.value_or(CloseReason::kTlsError);
  }
  return CloseReason::kReset;
}

void PublicStream::enter(StreamKind kind) {
  auto& open = host_.stats().open;
  --open[static_cast<size_t>(kind_)];
  kind_ = kind;
  ++open[static_cast<size_t>(kind_)];
}

core::Transport PublicStream::transport() const {
  return is_tls_ ? core::Transport::kTls : core::Transport::kTcp;
}

}  // namespace roost::io
