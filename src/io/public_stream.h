// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/endpoint.h"
#include "base/time.h"
#include "core/action.h"
#include "io/buffered_stream.h"
#include "io/event_loop.h"
#include "io/http_connection.h"
#include "io/stream_stats.h"
#include "io/tls.h"

namespace roost::io {

// One connection of the public port: finds out what it speaks, and speaks it.
//
//   new --TLS record--> handshake --first byte inside--> messages | http
//   new --first byte--> messages | http
//   messages --carry_data()--> data
//   any --FIN, error, deadline--> closing --all sent--> ended
//
// A stranger holds at most what node::kConnectionBytes says, and only while each of the deadlines
// below is kept.
class PublicStream final : private BufferedStream::Owner, private HttpConnection::Owner {
 public:
  struct Limits {
    BufferedStream::Limits buffers = {};
    HttpConnection::Limits http = {.allows_all_origins = true};
    // First byte, TLS handshake and first byte inside, in all. Three round trips to the far side of
    // the world and some lost packets take five.
    Duration opening_time_max = std::chrono::seconds(10);
    // A STUN message fits in two packets; whoever takes longer holds a place, not a conversation.
    // What is too long and skipped has no more time: 64 KiB in it are 52 kbit/s.
    Duration message_time_max = std::chrono::seconds(10);
    // Before anything was answered: a client that has a question asks it.
    Duration silent_time_max = std::chrono::seconds(30);
    // Once something was answered: others of its prefix may be waiting for the place. What was
    // granted on the stream keeps it for longer (SendMessage::granted_lifetime).
    Duration idle_time_max = std::chrono::minutes(1);
  };

  // What a stream needs of the server.
  class Host {
   public:
    virtual ~Host() = default;
    virtual void deliver(const core::Input& input) = 0;
    virtual core::RequestId next_request(core::StreamId stream) = 0;
    virtual TlsSession new_tls_session(int fd) = 0;
    virtual StreamStats& stats() = 0;
    virtual void on_stream_sent(core::Transport transport, uint64_t bytes) = 0;
    // The stream's deadline may have moved.
    virtual void on_stream_changed(PublicStream& stream) = 0;
    // The stream has closed its socket. It must not be destroyed during the call.
    virtual void on_stream_ended(PublicStream& stream) = 0;
  };

  // Who takes the place of the node while the stream carries data.
  class Tap {
   public:
    virtual ~Tap() = default;
    // All that came in and was not taken yet. Returns how much of it is taken now.
    virtual size_t on_data(Bytes input) = 0;
    virtual void on_data_end() = 0;
    // Something has moved: there may be room for output again.
    virtual void on_data_event() = 0;
    // The stream has closed its socket: what came in and was not taken is there to be fetched once
    // more. The stream is not to be used any more then.
    virtual void on_data_closed() = 0;
  };

  // `loop` and `host` outlive the stream.
  PublicStream(EventLoop& loop, FileDescriptor fd, const Limits& limits, Host& host,
               core::StreamId id, const Endpoint& from, MonoTime now);
  ~PublicStream() override;

  core::StreamId id() const { return id_; }
  const Endpoint& from() const { return from_; }
  bool has_ended() const { return stream_.has_ended(); }

  // That long from the last message on the stream may be silent, and idle_time_max in addition.
  void keep(Duration lifetime) { kept_until_ = last_message_at_ + lifetime; }
  // Does nothing unless the stream carries messages. What may be dropped is, while there is output
  // that the peer has not taken.
  void send(Bytes message, bool may_be_dropped = false);
  // Does nothing unless `reply.request` is the one that waits.
  void reply(const core::HttpReply& reply);
  void close(CloseReason reason);

  // From here on all bytes are for `tap`, which outlives the stream or its on_data_closed(), those
  // included that have come in behind the last message. False where the stream carries no messages
  // any more.
  [[nodiscard]] bool carry_data(Tap& tap);
  // The stream while it carries data.
  BufferedStream& data() { return stream_; }
  // Ends it once all output is sent.
  void finish_data() { finish(CloseReason::kPeerDone); }

  std::optional<MonoTime> deadline() const;
  void on_deadline(MonoTime now);

 private:
  void on_first_byte(uint8_t byte, MonoTime now) override;
  void on_tls_ready() override;
  size_t on_input(Bytes input, MonoTime now) override;
  void on_input_end() override;
  void on_sent(uint64_t bytes) override;
  void on_end(BufferedStream::End why) override;
  void on_event_done() override;

  void on_request(const HttpRequest& request) override;
  void on_output(Bytes bytes) override { stream_.write(bytes); }
  bool has_room() const override { return stream_.is_open() && !stream_.is_congested(); }

  void begin(uint8_t first_byte, MonoTime now);
  size_t take_messages(Bytes input, MonoTime now);
  size_t take_http(Bytes input, MonoTime now);
  void finish_http_if_ended();
  void finish(CloseReason reason);
  void enter(StreamKind kind);
  core::Transport transport() const;
  CloseReason reason_for(BufferedStream::End why) const;

  const Limits& limits_;
  Host& host_;
  core::StreamId id_;
  Endpoint from_;
  core::LocalEnd local_;  // Known once the stream carries messages.
  StreamKind kind_ = StreamKind::kNew;
  bool is_tls_ = false;
  std::optional<CloseReason> reason_;
  MonoTime opening_deadline_;

  bool has_answered_ = false;
  MonoTime last_message_at_{};
  MonoTime kept_until_{};
  size_t skip_bytes_ = 0;                     // Of a message that is too long.
  std::optional<MonoTime> message_deadline_;  // While a message has begun, kept or skipped.

  Tap* tap_ = nullptr;  // While it carries data, and to its end.
  std::optional<HttpConnection> http_;
  core::RequestId request_{};  // While http_->is_replying().
  bool input_has_ended_ = false;

  BufferedStream stream_;  // Last: it may call back as soon as it is there.
};

}  // namespace roost::io
