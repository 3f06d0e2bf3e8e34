// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/endpoint.h"
#include "base/time.h"
#include "core/action.h"
#include "io/datagram_bio.h"
#include "io/dtls_stats.h"
#include "io/tls.h"

namespace roost::io {

// Both ends of an association: by them its datagrams are known, and there is one between them.
struct DtlsPath {
  core::SocketId at = 0;
  core::LocalEnd local;
  Endpoint from;
};

// One client's association of DTLS 1.2 (RFC 6347), from the ClientHello that brought the cookie on.
//
//   opening --begin()--> handshake --Finished--> open --close_notify, deadline--> ended
//                        handshake --deadline, alert--> ended
//
// Holds at most what node::kConnectionBytes says. OpenSSL would hold more for a client that sends
// records out of turn: up to 100 of 17 KB, and ten messages as long as they claim to be. So during
// the handshake it is given only what it can use at once (node/dtls_framing.h), and what should be
// Finished, which is hidden from us, once: whoever forges that could as well forge an alert.
// Afterwards there is no way back into a handshake.
//
// OpenSSL times its retransmissions by the wall clock: one that jumps makes them come early or not
// at all, and then our deadline, which does not, ends the handshake.
class DtlsAssociation final : private DatagramBio::Owner {
 public:
  struct Limits {
    // OpenSSL sends a flight again after 1, 2 and 4 seconds.
    Duration handshake_time_max = std::chrono::seconds(10);
    // Until the first answer: a client that has a question asks it.
    Duration silent_time_max = std::chrono::seconds(30);
    // Once it was answered: others of its prefix may be waiting for the place. What was granted on
    // it keeps it for longer (SendMessage::granted_lifetime).
    Duration idle_time_max = std::chrono::minutes(1);
  };

  // Of the client, before the association is open: a flight of three, sent again and again.
  static constexpr uint32_t kHandshakeDatagramsMax = 32;
  // Our certificate goes out in parts of this size: what the least MTU of IPv6 leaves.
  static constexpr long kMtu = 1280 - 48;

  // What an association needs of the server.
  class Host {
   public:
    virtual ~Host() = default;
    virtual DtlsStats& stats() = 0;
    // To be sent along the path; gone when it returns.
    virtual void on_datagram(const DtlsPath& path, Bytes datagram) = 0;
    // It must not be destroyed during the call.
    virtual void on_ended(DtlsAssociation& association) = 0;
  };

  // Copies the ClientHello. `host` and `limits` outlive the association.
  DtlsAssociation(Host& host, const Limits& limits, core::StreamId id,
                  const core::AcceptDtls& order);
  ~DtlsAssociation() override;

  core::StreamId id() const { return id_; }
  const DtlsPath& path() const { return path_; }
  uint64_t hello_digest() const { return hello_digest_; }
  DtlsState state() const { return state_; }

  // The node has not refused it. A null session ends it.
  void begin(TlsSession session, MonoTime now);

  // A datagram of the client's; it must stay until read() has nothing more.
  void take(Bytes datagram, MonoTime now);
  // The next message that has come, in `into`, which has room for a whole datagram.
  std::optional<Bytes> read(MutableBytes into, MonoTime now);

  // That long from the client's last message on it may be silent, and idle_time_max in addition.
  void keep(Duration lifetime) { kept_until_ = last_message_at_ + lifetime; }
  // One record, one datagram. Does nothing unless it is open.
  void send(Bytes message);
  // Ends it. The client is told, unless it has begun anew.
  void close(DtlsEnd why);

  std::optional<MonoTime> deadline() const;
  void on_deadline(MonoTime now);

 private:
  void on_output(Bytes datagram) override { host_.on_datagram(path_, datagram); }

  void shake_hands(MonoTime now);
  void note_timeout(MonoTime now);
  bool has_client_keys() const;
  DtlsEnd why_handshake_failed() const;
  void end(DtlsEnd why);
  void enter(DtlsState state);
  void drop(DtlsDrop why) { ++host_.stats().dropped[static_cast<size_t>(why)]; }

  Host& host_;
  const Limits& limits_;
  core::StreamId id_;
  DtlsPath path_;
  uint64_t hello_digest_;
  std::vector<uint8_t> hello_;  // Until it begins.
  DtlsState state_ = DtlsState::kOpening;
  DatagramBio bio_;
  TlsSession session_;
  bool is_broken_ = false;  // OpenSSL must not be asked for anything any more.
  bool has_answered_ = false;
  uint32_t handshake_datagrams_ = 0;
  bool has_taken_finished_ = false;
  MonoTime began_at_{};
  std::optional<MonoTime> retransmits_at_;
  MonoTime last_message_at_{};  // Or when the handshake was done.
  MonoTime kept_until_{};
};

}  // namespace roost::io
