// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "io/event_loop.h"
#include "io/stream_socket.h"

namespace roost::io {

// A stream on the event loop, with bounded buffers in both directions.
//
//   peeking --read_plainly()--> open --finish()--> flushing --sent--> lingering --> ended
//   peeking --start_tls()--> handshaking --done--> open
//   open --finish_output()--> open, without output
//   any --abort(), failure--> ended
//
// What comes in goes to the owner at once; what the owner leaves is kept and shown again with what
// comes next. While the output stands above a low mark nothing is read: a peer that asks and does
// not take the answers is not listened to. Knows no protocol and no deadline but those of output.
//
// Not libevent's bufferevents: those of TLS stop writing when the peer has half-closed, forget
// decrypted bytes at a read watermark, and hold their buffers while idle.
class BufferedStream {
 public:
  struct Limits {
    // Behind what the kernel takes (kSendBufferBytes of io/stream_server.h): a peer that lets both
    // fill up does not read.
    size_t output_bytes_max = 16 * 1024;
    size_t output_bytes_low = 4 * 1024;
    // Output that moves by less than so much in that time does not move. Half a kilobyte a second
    // is slower than any network, and faster than the byte a minute that would hold a buffer for
    // days.
    Duration stall_time_max = std::chrono::seconds(30);
    size_t stall_bytes_min = 16 * 1024;
    // After our last byte the peer may still be sending. Closing then would reset the connection,
    // and the reset can overtake our reply (RFC 9112 §9.6).
    Duration linger_time_max = std::chrono::seconds(2);
    size_t linger_bytes_max = 256 * 1024;
    // As much as is read at a time, and so what may lie unread in the input buffer at most, behind
    // the beginning of a message. Messages have up to 1,500 bytes. At most kReadBytesMax.
    size_t read_bytes = 4096;
    // Whether what the peer has not taken keeps us from reading: not where what comes in is for
    // somebody else.
    bool reads_while_congested = false;
  };
  static constexpr size_t kReadBytesMax = 8192;

  enum class End : uint8_t {
    kFinished,  // After finish(), all was sent.
    kAborted,   // By abort().
    kPeerClosed,
    kReset,
    kTlsBroken,
    kOutputFull,
    kOutputStalled,
  };

  // None is called from inside a call of the owner's, except on_sent() and on_end().
  class Owner {
   public:
    virtual ~Owner() = default;
    // While peeking. To be answered by read_plainly(), start_tls() or abort().
    virtual void on_first_byte(uint8_t byte, MonoTime now) = 0;
    virtual void on_tls_ready() = 0;
    // All that came in and was not taken yet. Returns how much of it is taken now.
    virtual size_t on_input(Bytes input, MonoTime now) = 0;
    // The peer will send no more; it may still read.
    virtual void on_input_end() = 0;
    // So many bytes have gone to the kernel.
    virtual void on_sent(uint64_t bytes) = 0;
    // The socket is closed. Called once; the stream must not be destroyed in it.
    virtual void on_end(End why) = 0;
    // An event has been dealt with; deadlines may have moved.
    virtual void on_event_done() = 0;
  };

  // Starts out peeking. `owner` outlives the stream.
  BufferedStream(EventLoop& loop, FileDescriptor fd, const Limits& limits, Owner& owner);
  BufferedStream(const BufferedStream&) = delete;
  BufferedStream& operator=(const BufferedStream&) = delete;

  int fd() const { return socket_.fd(); }
  bool is_tls() const { return socket_.is_tls(); }
  // Whether it takes input and output: neither finishing nor ended.
  bool is_open() const { return state_ == State::kOpen; }
  bool has_ended() const { return state_ == State::kEnded; }
  bool is_congested() const { return output_size() > limits_.output_bytes_low; }
  // How much write() takes now at most without ending the stream.
  size_t output_room() const { return limits_.output_bytes_max - output_size(); }

  // Other limits from here on; those of output not below what there is of it.
  void set_limits(const Limits& limits);

  void read_plainly();
  void start_tls(TlsSession session);

  // Sends, or keeps what the kernel does not take; ends the stream if that is too much. Does
  // nothing unless open.
  void write(Bytes bytes);

  // Stops and goes on handing input to the owner.
  void pause();
  void resume();
  bool is_paused() const { return is_paused_; }

  // Tells the peer, once all output is sent, that there is no more. Input goes on.
  void finish_output();
  // Ends the stream once all output is sent. No more input reaches the owner.
  void finish();
  // What came in and the owner has not taken, of a stream that has ended.
  std::vector<uint8_t> take_unread() { return std::move(input_); }
  void abort() { end(End::kAborted); }

  // When on_deadline() is next worth calling; calling it early is harmless.
  std::optional<MonoTime> deadline() const;
  void on_deadline(MonoTime now);

 private:
  enum class State : uint8_t { kPeeking, kHandshaking, kOpen, kFlushing, kLingering, kEnded };
  using Event = std::unique_ptr<event, EventLoop::FreeEvent>;

  void on_event(short what);
  void peek(MonoTime now);
  void shake_hands();
  void show_input_again(MonoTime now);
  void read(MonoTime now);
  void take_input(Bytes fresh, MonoTime now);
  void discard(size_t size);
  void flush();
  size_t write_now(Bytes bytes);
  void output_is_empty();
  void shut_down_output();
  void start_lingering();
  void report_sent();
  bool may_read() const;
  bool has_room_for_answers() const { return limits_.reads_while_congested || !is_congested(); }
  void update_events();
  void end(End why);
  void end(StreamSocket::Status failure);
  size_t output_size() const { return output_.size() - output_begin_; }

  Limits limits_;
  Owner& owner_;
  StreamSocket socket_;
  State state_ = State::kPeeking;
  bool is_paused_ = false;
  bool input_has_ended_ = false;
  bool finishes_output_ = false;
  bool output_has_ended_ = false;  // And the peer knows.
  bool awaits_readable_ = false;
  bool awaits_writable_ = false;
  bool read_awaits_writable_ = false;  // TLS has to write before it can read on.
  bool shows_input_again_ = false;     // The owner has resumed.

  std::vector<uint8_t> input_;
  std::vector<uint8_t> output_;
  size_t output_begin_ = 0;  // What lies before it has been sent.

  std::optional<MonoTime> stall_deadline_;  // While there is output.
  size_t moved_bytes_ = 0;                  // Since it was set.
  std::optional<MonoTime> linger_deadline_;
  size_t discarded_bytes_ = 0;

  Event readable_;
  Event writable_;
};

}  // namespace roost::io
