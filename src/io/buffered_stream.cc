// SPDX-License-Identifier: MIT
#include "io/buffered_stream.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "io/clock.h"

namespace roost::io {

using Status = StreamSocket::Status;

BufferedStream::BufferedStream(EventLoop& loop, FileDescriptor fd, const Limits& limits,
                               Owner& owner)
    : limits_(limits), owner_(owner), socket_(std::move(fd)) {
  const auto on_event = [](evutil_socket_t, short what, void* self) {
    static_cast<BufferedStream*>(self)->on_event(what);
  };
  readable_.reset(event_new(loop.base(), socket_.fd(), EV_READ | EV_PERSIST, on_event, this));
  writable_.reset(event_new(loop.base(), socket_.fd(), EV_WRITE | EV_PERSIST, on_event, this));
  CHECK(readable_ != nullptr && writable_ != nullptr);
  update_events();
}

void BufferedStream::read_plainly() {
  CHECK(state_ == State::kPeeking);
  state_ = State::kOpen;
}

void BufferedStream::start_tls(TlsSession session) {
  CHECK(state_ == State::kPeeking);
  socket_.start_tls(std::move(session));
  state_ = State::kHandshaking;
}

void BufferedStream::on_event(short what) {
  const MonoTime now = read_clocks().mono;
  const bool had_room = has_room_for_answers();
  if (state_ == State::kPeeking) peek(now);
  if (state_ == State::kHandshaking) shake_hands();
  if (output_size() > 0) flush();
  if (finishes_output_ && !output_has_ended_) shut_down_output();
  if (state_ == State::kFlushing && output_size() == 0) start_lingering();
  const bool has_room_again = !had_room && has_room_for_answers();
  if (std::exchange(shows_input_again_, false) || has_room_again) show_input_again(now);
  if ((what & EV_READ) != 0 || has_room_again || read_awaits_writable_) read(now);
  update_events();
  owner_.on_event_done();
}

void BufferedStream::peek(MonoTime now) {
  uint8_t byte;
  const Status status = socket_.peek(byte);
  if (status == Status::kWouldBlock) return;
  if (status != Status::kDone) return end(status);
  owner_.on_first_byte(byte, now);
}

void BufferedStream::shake_hands() {
  const Status status = socket_.handshake();
  report_sent();
  if (status == Status::kWouldBlock) return;
  if (status != Status::kDone) return end(status);
  state_ = State::kOpen;
  owner_.on_tls_ready();
}

void BufferedStream::show_input_again(MonoTime now) {
  if (state_ == State::kOpen && !input_.empty() && !is_paused_ && has_room_for_answers()) {
    take_input({}, now);
  }
}

// Once, so that each stream has its turn; but what TLS has decrypted, the loop cannot see.
void BufferedStream::read(MonoTime now) {
  do {
    if (!may_read()) return;
    std::array<uint8_t, kReadBytesMax> bytes;
    const StreamSocket::Moved moved =
        socket_.read(MutableBytes(bytes).first(std::min(limits_.read_bytes, kReadBytesMax)));
    report_sent();
    read_awaits_writable_ = moved.status == Status::kWouldBlock && socket_.wants_write();
    if (moved.status == Status::kWouldBlock) return;
    if (moved.status == Status::kEnded) {
      input_has_ended_ = true;
      if (state_ == State::kLingering) return end(End::kFinished);
      return owner_.on_input_end();
    }
    if (moved.status != Status::kDone) return end(moved.status);
    if (state_ == State::kLingering) {
      discard(moved.bytes);
    } else {
      take_input(Bytes(bytes).first(moved.bytes), now);
    }
  } while (socket_.has_hidden_input());
}

void BufferedStream::take_input(Bytes fresh, MonoTime now) {
  if (input_.empty()) {  // The owner sees the bytes where they were read to.
    const size_t taken = owner_.on_input(fresh, now);
    if (state_ != State::kOpen) return;
    const Bytes left = fresh.subspan(taken);
    input_.assign(left.begin(), left.end());
    return;
  }
  input_.insert(input_.end(), fresh.begin(), fresh.end());
  // It may be shown to others meanwhile, so nothing else changes it: not even the end.
  const size_t taken = owner_.on_input(input_, now);
  input_.erase(input_.begin(), input_.begin() + static_cast<ptrdiff_t>(taken));
  if (input_.empty()) input_ = {};  // Gives the memory back.
}

void BufferedStream::discard(size_t size) {
  discarded_bytes_ += size;
  if (discarded_bytes_ > limits_.linger_bytes_max) end(End::kFinished);
}

void BufferedStream::write(Bytes bytes) {
  if (state_ != State::kOpen || finishes_output_) return;
  if (output_size() == 0) {
    bytes = bytes.subspan(write_now(bytes));
    if (state_ != State::kOpen || bytes.empty()) return;
    stall_deadline_ = read_clocks().mono + limits_.stall_time_max;
    moved_bytes_ = 0;
  }
  if (output_size() + bytes.size() > limits_.output_bytes_max) return end(End::kOutputFull);
  output_.erase(output_.begin(), output_.begin() + static_cast<ptrdiff_t>(output_begin_));
  output_begin_ = 0;
  output_.insert(output_.end(), bytes.begin(), bytes.end());
  update_events();
}

void BufferedStream::flush() {
  const size_t count = write_now(Bytes(output_).subspan(output_begin_));
  if (state_ == State::kEnded) return;
  output_begin_ += count;
  moved_bytes_ += count;
  if (output_size() == 0) output_is_empty();
}

// How many bytes the kernel has taken; fewer than all if it has no more room, or the stream ended.
size_t BufferedStream::write_now(Bytes bytes) {
  size_t count = 0;
  while (count < bytes.size()) {
    const StreamSocket::Moved moved = socket_.write(bytes.subspan(count));
    report_sent();
    if (moved.status == Status::kWouldBlock) break;
    if (moved.status != Status::kDone) {
      end(moved.status);
      break;
    }
    count += moved.bytes;
  }
  return count;
}

void BufferedStream::output_is_empty() {
  output_ = {};  // Gives the memory back.
  output_begin_ = 0;
  stall_deadline_.reset();
  if (state_ == State::kFlushing) start_lingering();
}

void BufferedStream::set_limits(const Limits& limits) {
  limits_ = limits;
  if (stall_deadline_) stall_deadline_ = read_clocks().mono + limits_.stall_time_max;
  moved_bytes_ = 0;
  update_events();
}

void BufferedStream::finish_output() {
  if (state_ != State::kOpen || finishes_output_) return;
  finishes_output_ = true;
  shut_down_output();
  update_events();
}

void BufferedStream::shut_down_output() {
  if (state_ != State::kOpen || output_size() > 0) return;
  output_has_ended_ = socket_.shut_down_output() != Status::kWouldBlock;
  report_sent();
}

void BufferedStream::pause() {
  is_paused_ = true;
  update_events();
}

void BufferedStream::resume() {
  is_paused_ = false;
  update_events();
  if (state_ != State::kOpen) return;
  // From the loop: the owner may be in the middle of something.
  shows_input_again_ = true;
  event_active(readable_.get(), EV_READ, 0);
}

void BufferedStream::finish() {
  if (state_ == State::kPeeking || state_ == State::kHandshaking) return end(End::kAborted);
  if (state_ != State::kOpen) return;
  state_ = State::kFlushing;
  if (output_size() == 0) start_lingering();
  update_events();
}

void BufferedStream::start_lingering() {
  const Status status = socket_.shut_down_output();
  report_sent();
  if (status == Status::kWouldBlock) {  // The goodbye of TLS is output too.
    if (!stall_deadline_) stall_deadline_ = read_clocks().mono + limits_.stall_time_max;
    return;
  }
  stall_deadline_.reset();
  if (input_has_ended_) return end(End::kFinished);
  state_ = State::kLingering;
  linger_deadline_ = read_clocks().mono + limits_.linger_time_max;
}

std::optional<MonoTime> BufferedStream::deadline() const {
  return linger_deadline_ ? linger_deadline_ : stall_deadline_;
}

void BufferedStream::on_deadline(MonoTime now) {
  if (linger_deadline_ && now >= *linger_deadline_) return end(End::kFinished);
  if (!stall_deadline_ || now < *stall_deadline_) return;
  if (moved_bytes_ < limits_.stall_bytes_min) return end(End::kOutputStalled);
  stall_deadline_ = now + limits_.stall_time_max;
  moved_bytes_ = 0;
}

void BufferedStream::report_sent() {
  const uint64_t bytes = socket_.take_sent_bytes();
  if (bytes > 0) owner_.on_sent(bytes);
}

bool BufferedStream::may_read() const {
  if (state_ == State::kLingering) return !input_has_ended_;
  return state_ == State::kOpen && !is_paused_ && !input_has_ended_ && has_room_for_answers();
}

void BufferedStream::update_events() {
  const bool is_starting = state_ == State::kPeeking || state_ == State::kHandshaking;
  const bool wants_readable = is_starting || may_read();
  const bool has_output =
      state_ == State::kFlushing || (state_ == State::kOpen && output_size() > 0);
  const bool has_end_to_tell = state_ == State::kOpen && finishes_output_ && !output_has_ended_;
  const bool wants_writable = has_output || has_end_to_tell ||
                              (read_awaits_writable_ && may_read()) ||
                              (state_ == State::kHandshaking && socket_.wants_write());
  const auto set = [](Event& event, bool& is_set, bool wanted) {
    if (is_set == wanted) return;
    is_set = wanted;
    CHECK((wanted ? event_add(event.get(), nullptr) : event_del(event.get())) == 0);
  };
  set(readable_, awaits_readable_, wants_readable);
  set(writable_, awaits_writable_, wants_writable);
}

void BufferedStream::end(StreamSocket::Status failure) {
  switch (failure) {
    case Status::kDone:
    case Status::kWouldBlock:
    case Status::kEnded: return end(End::kPeerClosed);
    case Status::kReset: return end(End::kReset);
    case Status::kTlsBroken: return end(End::kTlsBroken);
  }
}

void BufferedStream::end(End why) {
  if (state_ == State::kEnded) return;
  state_ = State::kEnded;
  update_events();
  event_del(readable_.get());  // resume() may have activated it.
  socket_.close();
  report_sent();
  stall_deadline_.reset();
  linger_deadline_.reset();
  owner_.on_end(why);
}

}  // namespace roost::io
