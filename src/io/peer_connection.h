// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/time.h"
#include "core/action.h"
#include "io/buffered_stream.h"
#include "io/event_loop.h"
#include "io/file_descriptor.h"
#include "io/public_stream.h"

namespace roost::io {

// How much a connection whose data is relayed may hold on either end, and how patient it is: its
// stream stalls as long as it likes, since its place is bounded by its allocation. Both directions
// are each other's equals: what one end does not take keeps only the other end from sending.
BufferedStream::Limits data_limits();

// A peer data connection (RFC 6062 §3), and once it is bound also the splice of it and the
// client's:
//
//   connecting --answer--> pending --bind()--> bound --both ends through, or one gone--> ended
//   any --close()--> ended
//
// Before it is bound nothing is read, so that the kernel buffers what the peer sends and its window
// holds the peer back. Then, in each direction, what came in is offered to the node, and written to
// the other end once the node says so (core/action.h); as long as the other end is congested, or
// the node holds it, nothing more is read. The end of input travels behind the last byte. Where an
// end is gone, what it had sent before still reaches the other one. An end that has said its last
// may be gone too: if the other one is silent for kHalfOpenTimeMax, that is the end.
class PeerConnection final : private BufferedStream::Owner, private PublicStream::Tap {
 public:
  // Longer than it takes to answer a question that was asked with the last byte.
  static constexpr Duration kHalfOpenTimeMax = std::chrono::minutes(2);

  class Host {
   public:
    virtual ~Host() = default;
    virtual void deliver(const core::Input& input) = 0;
    virtual void on_connection_changed(PeerConnection& connection) = 0;  // Its deadline, perhaps.
    // It must not be destroyed during the call. `is_reported` unless the core has ended it.
    virtual void on_connection_ended(PeerConnection& connection, bool is_reported) = 0;
  };

  // `fd` is connected, or connects. `loop` and `host` outlive the connection.
  PeerConnection(EventLoop& loop, FileDescriptor fd, Host& host, core::PeerConnectionId id,
                 core::RelayId relay);
  PeerConnection(const PeerConnection&) = delete;
  PeerConnection& operator=(const PeerConnection&) = delete;

  core::PeerConnectionId id() const { return id_; }
  core::RelayId relay() const { return relay_; }

  // Tells the host by PeerConnected or PeerFailed when the kernel knows.
  void await_answer();
  // False where the stream cannot: then both are left as they are.
  [[nodiscard]] bool bind(PublicStream& client);
  // The node's answers to what was offered.
  void forward(const core::ForwardPeerData& order);
  void hold(const core::HoldPeerData& order);
  // Ends both ends at once.
  void close() { end(false); }

  std::optional<MonoTime> deadline() const;
  void on_deadline(MonoTime now);

 private:
  enum class State : uint8_t { kUnbound, kBound, kEnded };
  using Direction = core::PeerDirection;
  using Event = std::unique_ptr<event, EventLoop::FreeEvent>;

  // One direction.
  struct Lane {
    uint64_t granted_bytes = 0;  // Of what is being offered.
    bool is_held = false;        // By the node,
    bool awaits_room = false;    // or by the other end.
    bool has_ended = false;      // All input has been passed on, the end included.
    std::vector<uint8_t> rest;   // Of an end that is gone, and is still to be passed on.
    std::optional<EventLoop::Watch> hold_over;  // Once it was held.
  };

  Lane& lane(Direction direction) { return lanes_[static_cast<size_t>(direction)]; }
  static Direction opposite(Direction direction);
  // The streams at the two ends of a direction; null if gone.
  BufferedStream* source(Direction direction);
  BufferedStream* sink(Direction direction);
  BufferedStream* peer() { return peer_ && !peer_->has_ended() ? &*peer_ : nullptr; }
  BufferedStream* client() { return client_ == nullptr ? nullptr : &client_->data(); }

  void on_answer();
  size_t offer(Direction direction, Bytes input);
  void go_on(Direction direction);
  void drain(Direction direction);
  void pass_on_end(Direction direction);
  void use_room(Direction direction);
  void set_half_open();
  void lose(Direction direction, std::vector<uint8_t> unread);
  void finish(Direction towards);
  void end_if_over();
  void end(bool is_reported);

  // Of the peer's stream.
  void on_first_byte(uint8_t, MonoTime) override {}
  void on_tls_ready() override {}
  size_t on_input(Bytes input, MonoTime) override { return offer(Direction::kToClient, input); }
  void on_input_end() override { pass_on_end(Direction::kToClient); }
  void on_sent(uint64_t) override {}  // Paid for beforehand.
  void on_end(BufferedStream::End why) override;
  void on_event_done() override;

  // Of the client's.
  size_t on_data(Bytes input) override { return offer(Direction::kToPeer, input); }
  void on_data_end() override { pass_on_end(Direction::kToPeer); }
  void on_data_event() override { use_room(Direction::kToClient); }
  void on_data_closed() override;

  EventLoop& loop_;
  Host& host_;
  core::PeerConnectionId id_;
  core::RelayId relay_;
  State state_ = State::kUnbound;
  FileDescriptor fd_;  // Until it is bound.
  Event answered_;     // While connecting.
  std::optional<BufferedStream> peer_;
  PublicStream* client_ = nullptr;
  std::optional<MonoTime> half_open_until_;  // While one end has said its last.
  std::array<Lane, core::kPeerDirectionCount> lanes_;
};

}  // namespace roost::io
