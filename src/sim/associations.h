// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "core/action.h"
#include "sim/dtls_record.h"
#include "sim/host.h"
#include "sim/packet.h"

namespace roost::sim {

// DTLS associations on a simulated host: what io/dtls_server is in the daemon.
//
//   opening --begin_accepted()--> handshake --key exchange--> open --close_notify, silence--> ended
//                                 handshake --silence--> ended
//
// As there, a client that has proved its address anew takes the place of its old association, and a
// copy of the ClientHello that began it does nothing. Has no bound of its own: the node's is judged
// by StreamOracle.
class Associations {
 public:
  static constexpr Duration kHandshakeTimeMax = std::chrono::seconds(10);
  // Until the first answer, and then since the client's last message or the end of what was granted
  // to it (core::SendMessage::granted_lifetime).
  static constexpr Duration kSilentTimeMax = std::chrono::seconds(10);
  static constexpr Duration kIdleTimeMax = std::chrono::seconds(15);

  // What it needs of the shell.
  class Shell {
   public:
    virtual core::StreamId next_stream() = 0;
    virtual void send_record(const Endpoint& from, const Endpoint& to, Bytes record) = 0;
    // Once the orders are carried out.
    virtual void owe(const core::Input& input) = 0;
    virtual void wake_association(MonoTime when, core::StreamId stream) = 0;

   protected:
    ~Shell() = default;
  };

  // Both must outlive it.
  Associations(Host& host, Shell& shell) : host_(host), shell_(shell) {}

  // Whether the datagram is of an association and does not begin another one; then `message` is
  // what it has brought, if anything: a view of it.
  bool take(const Packet& datagram, std::optional<core::MessageArrived>& message);
  bool has(core::StreamId stream) const { return keys_.contains(stream); }
  size_t count() const { return associations_.size(); }

  // Orders.
  void accept(const core::AcceptDtls& order);
  void begin_accepted();
  // Whether it was sent: nothing is unless the association is open.
  bool send(const core::SendMessage& message);
  void refuse(core::StreamId stream);

  void on_wake_up(core::StreamId stream);
  // The power is gone.
  void clear();

 private:
  using Path = std::pair<Endpoint, Endpoint>;  // Local, remote.
  enum class State : uint8_t { kOpening, kHandshake, kOpen };
  struct Association {
    core::StreamId id;
    uint64_t hello_digest = 0;
    State state = State::kOpening;
    DtlsKey key{};
    uint64_t sent_count = 0;
    ReplayWindow taken{};
    bool has_answered = false;
    MonoTime began_at{};
    Duration repeats_after{};  // The certificate, from began_at on.
    MonoTime last_message_at{};
    MonoTime kept_until{};
    MonoTime wakes_at{};
  };

  Association* find(core::StreamId stream);
  void take_record(const Path& path, Association& association, const DtlsRecord& record,
                   std::optional<core::MessageArrived>& message);
  void send(const Path& path, Association& association, DtlsPart part, Bytes payload = {});
  void end(core::StreamId stream);
  static MonoTime end_of(const Association& association);
  void wake(Association& association);

  Host& host_;
  Shell& shell_;
  std::map<Path, Association> associations_;
  std::map<core::StreamId, Path> keys_;
  std::vector<core::StreamId> accepted_;  // To be begun.
};

}  // namespace roost::sim
