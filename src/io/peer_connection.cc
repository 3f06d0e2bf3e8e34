// SPDX-License-Identifier: MIT
#include "io/peer_connection.h"

#include <algorithm>
#include <errno.h>
#include <sys/socket.h>
#include <utility>

#include "base/check.h"
#include "io/clock.h"

namespace roost::io {
namespace {

// Nobody waits for so long, and the sum with any time is one still.
constexpr Duration kForEver = std::chrono::hours(24 * 365);

core::PeerFailure reason(int error) {
  switch (error) {
    case ECONNREFUSED:
    case ECONNRESET: return core::PeerFailure::kRefused;
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case EACCES:
    case EPERM: return core::PeerFailure::kUnreachable;
    default: return core::PeerFailure::kNoResources;
  }
}

}  // namespace

BufferedStream::Limits data_limits() {
  BufferedStream::Limits limits;
  limits.stall_time_max = kForEver;
  limits.read_bytes = BufferedStream::kReadBytesMax;
  limits.reads_while_congested = true;
  return limits;
}

PeerConnection::PeerConnection(EventLoop& loop, FileDescriptor fd, Host& host,
                               core::PeerConnectionId id, core::RelayId relay)
    : loop_(loop), host_(host), id_(id), relay_(relay), fd_(std::move(fd)) {}

// ---- Until it is bound.

void PeerConnection::await_answer() {
  const auto on_writable = [](evutil_socket_t, short, void* self) {
    static_cast<PeerConnection*>(self)->on_answer();
  };
  answered_.reset(event_new(loop_.base(), fd_.get(), EV_WRITE, on_writable, this));
  CHECK(answered_ != nullptr && event_add(answered_.get(), nullptr) == 0);
}

void PeerConnection::on_answer() {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error == 0) return host_.deliver(core::PeerConnected{id_});
  const core::PeerConnectionId id = id_;
  state_ = State::kEnded;
  fd_ = FileDescriptor();
  host_.on_connection_ended(*this, false);
  host_.deliver(core::PeerFailed{id, reason(error)});
}

bool PeerConnection::bind(PublicStream& client) {
  if (state_ != State::kUnbound || !client.carry_data(*this)) return false;
  state_ = State::kBound;
  client_ = &client;
  answered_.reset();
  peer_.emplace(loop_, std::move(fd_), data_limits(), static_cast<BufferedStream::Owner&>(*this));
  peer_->read_plainly();
  return true;
}

// ---- Data.

PeerConnection::Direction PeerConnection::opposite(Direction direction) {
  return direction == Direction::kToPeer ? Direction::kToClient : Direction::kToPeer;
}

BufferedStream* PeerConnection::source(Direction direction) {
  return direction == Direction::kToPeer ? client() : peer();
}

BufferedStream* PeerConnection::sink(Direction direction) {
  return source(opposite(direction));
}

// How much of it has been passed on, or is not worth keeping.
size_t PeerConnection::offer(Direction direction, Bytes input) {
  Lane& lane = this->lane(direction);
  size_t taken = 0;
  while (taken < input.size()) {
    if (state_ != State::kBound || sink(direction) == nullptr) return input.size();
    if (lane.is_held) break;
    const size_t room = std::min(sink(direction)->output_room(), input.size() - taken);
    if (room == 0) {
      lane.awaits_room = true;
      break;
    }
    lane.granted_bytes = 0;
    host_.deliver(core::PeerDataArrived{id_, direction, room});
    const auto granted = static_cast<size_t>(std::exchange(lane.granted_bytes, 0));
    if (state_ != State::kBound || sink(direction) == nullptr) return input.size();
    CHECK(granted <= room && (granted > 0 || lane.is_held));
    sink(direction)->write(input.subspan(taken, granted));
    if (half_open_until_ && granted > 0) set_half_open();
    taken += granted;
  }
  if (taken < input.size() && source(direction) != nullptr) source(direction)->pause();
  return taken;
}

void PeerConnection::forward(const core::ForwardPeerData& order) {
  lane(order.direction).granted_bytes = order.bytes;
}

void PeerConnection::hold(const core::HoldPeerData& order) {
  if (state_ != State::kBound) return;
  Lane& lane = this->lane(order.direction);
  lane.is_held = true;
  if (!lane.hold_over) {
    lane.hold_over = loop_.timer([this, direction = order.direction] {
      this->lane(direction).is_held = false;
      go_on(direction);
    });
  }
  loop_.set(*lane.hold_over, order.time);
}

void PeerConnection::go_on(Direction direction) {
  if (state_ != State::kBound) return;
  if (source(direction) != nullptr) return source(direction)->resume();
  drain(direction);
}

void PeerConnection::use_room(Direction direction) {
  Lane& lane = this->lane(direction);
  if (state_ != State::kBound || !lane.awaits_room || sink(direction) == nullptr) return;
  if (sink(direction)->is_congested()) return;
  lane.awaits_room = false;
  go_on(direction);
}

// What an end had sent before it was gone.
void PeerConnection::drain(Direction direction) {
  std::vector<uint8_t> rest = std::exchange(lane(direction).rest, {});
  const size_t taken = offer(direction, rest);
  rest.erase(rest.begin(), rest.begin() + static_cast<ptrdiff_t>(taken));
  if (state_ != State::kBound) return;
  if (rest.empty()) return finish(direction);
  lane(direction).rest = std::move(rest);
}

// ---- The end.

void PeerConnection::pass_on_end(Direction direction) {
  if (state_ != State::kBound) return;
  lane(direction).has_ended = true;
  if (!lane(opposite(direction)).has_ended) {
    if (sink(direction) != nullptr) sink(direction)->finish_output();
    return set_half_open();
  }
  half_open_until_.reset();
  // Both ends have said all that they have to say; it only has to be sent.
  finish(Direction::kToPeer);
  finish(Direction::kToClient);
}

void PeerConnection::finish(Direction towards) {
  if (sink(towards) == nullptr) return;
  if (towards == Direction::kToClient) return client_->finish_data();
  peer_->set_limits(BufferedStream::Limits{});  // It may stall no more.
  peer_->finish();
  host_.on_connection_changed(*this);
}

// The end that `direction` comes from is gone.
void PeerConnection::lose(Direction direction, std::vector<uint8_t> unread) {
  if (state_ != State::kBound) return;
  if (sink(direction) == nullptr) return end_if_over();
  if (unread.empty()) return finish(direction);
  lane(direction).rest = std::move(unread);
  // From the loop: this may be inside a call of the node's.
  if (!lane(direction).is_held) hold({id_, direction, Duration()});
}

void PeerConnection::on_end(BufferedStream::End) {
  // Where we end it ourselves, what it has not passed on may be being offered.
  if (state_ == State::kBound) lose(Direction::kToClient, peer_->take_unread());
}

void PeerConnection::on_data_closed() {
  if (client_ == nullptr) return;
  std::vector<uint8_t> unread = client_->data().take_unread();
  client_ = nullptr;
  lose(Direction::kToPeer, std::move(unread));
}

void PeerConnection::set_half_open() {
  half_open_until_ = read_clocks().mono + kHalfOpenTimeMax;
  host_.on_connection_changed(*this);
}

void PeerConnection::end_if_over() {
  if (client() != nullptr || peer() != nullptr) return;
  state_ = State::kEnded;
  host_.on_connection_ended(*this, true);
}

void PeerConnection::on_event_done() {
  use_room(Direction::kToPeer);
  host_.on_connection_changed(*this);
}

void PeerConnection::end(bool is_reported) {
  if (state_ == State::kEnded) return;
  state_ = State::kEnded;
  answered_.reset();
  fd_ = FileDescriptor();
  if (peer_) peer_->abort();
  if (client_ != nullptr) std::exchange(client_, nullptr)->close(CloseReason::kPeerDone);
  host_.on_connection_ended(*this, is_reported);
}

std::optional<MonoTime> PeerConnection::deadline() const {
  const auto of_peer = peer_ && !peer_->has_ended() ? peer_->deadline() : std::nullopt;
  if (!of_peer || !half_open_until_) return of_peer ? of_peer : half_open_until_;
  return std::min(*of_peer, *half_open_until_);
}

void PeerConnection::on_deadline(MonoTime now) {
  if (half_open_until_ && now >= *half_open_until_) return end(true);
  if (peer() != nullptr) peer_->on_deadline(now);
  host_.on_connection_changed(*this);
}

}  // namespace roost::io
