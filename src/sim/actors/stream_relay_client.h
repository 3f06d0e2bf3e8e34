// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/actors/actor.h"
#include "sim/actors/credential_fetch.h"
#include "sim/actors/data_peer.h"
#include "sim/actors/transfer.h"
#include "sim/actors/turn_line.h"
#include "sim/actors/turn_message.h"
#include "sim/connection.h"
#include "sim/oracles.h"
#include "wire/stun.h"

namespace roost::sim::actors {

// What clients leave for each other: the CONNECTION-ID that one was told last and the relayed
// address that one got last, for others to try; and the one to which another client of that server
// may connect, until one does.
struct NoticeBoard {
  struct Invitation {
    LivenessOracle::ClientId host;
    Endpoint server;
    Endpoint relayed;
  };
  std::optional<uint32_t> number;
  LivenessOracle::ClientId owner = 0;
  std::optional<Endpoint> relayed;
  std::optional<Invitation> invitation;
};

// A client of relayed TCP (RFC 6062), over TCP or TLS: allocates, is connected to a peer or lets
// the peer connect, binds the connection, has its conversation there, and rests. The peer may be
// another such client, from one relayed address of the server to another.
//
//   fetching -> allocating -> connecting ---------> binding -> talking -> resting
//                          -> permitting -> awaiting --^                     |
//                    ^------------ error ------------- Refresh now and then -'
//
// Beside that it dares what must not work: while it rests, to bind what others are about to. Now
// and then it does not do what it began: such attempts are owed nothing.
class StreamRelayClient final : public Actor {
 public:
  static constexpr Duration kPatience = std::chrono::seconds(40);

  struct Options {
    Endpoint server;
    bool is_tls = false;
    std::string username{};  // Who has none has the token of a grant.
    std::string password{};
    std::string token{};
    std::string name = "a client of relayed TCP";
  };

  // All must outlive the client. `intruder` connects to its relayed address too, uninvited.
  StreamRelayClient(Host& host, const Options& options, DataPeer& peer, DataPeer& intruder,
                    NoticeBoard& board, TransferOracle& transfers, LivenessOracle& liveness,
                    Verdict& verdict);

  void on_packet(Packet packet) override;

  uint64_t transfer_count() const { return transfer_count_; }
  uint64_t visit_count() const { return visit_count_; }  // Those of them with another client.
  uint64_t refused_dare_count() const { return refused_dare_count_; }

 private:
  enum class State : uint8_t {
    kResting,
    kFetching,
    kAllocating,
    kConnecting,
    kPermitting,
    kAwaiting,
    kBinding,
    kTalking,
    kHoarding,
    kRetrying,
  };
  enum class Way : uint8_t {
    kConnects,    // To the peer,
    kVisits,      // or to another client, who has invited it.
    kAwaitsPeer,  // Permits the peer, which connects,
    kInvites,     // or another client; if none comes, the peer.
  };
  enum class Dare : uint8_t {
    kNone,
    kConnectTwice,
    kBindTwice,
    kBindWrong,      // A number that nobody was told.
    kBindOnControl,  // On the connection of the allocation.
    kNoBind,         // From here on the attempt is owed nothing.
    kVanish,         // Breaks off the conversation,
    kDie,            // or all there is, without a word.
    kHoard,          // Asks for more connections than an allocation may have.
    kConnectHere,    // To its own relayed address, the server, or who has not invited it.
  };
  static constexpr uint64_t kDareCount = 10;

  void on_alarm() override;
  void begin_attempt();
  Way choose_way();
  bool is_called() const { return way_ == Way::kAwaitsPeer || way_ == Way::kInvites; }
  bool is_with_other() const { return way_ == Way::kVisits || way_ == Way::kInvites; }
  Endpoint peer();
  Endpoint one_of_here();
  void begin_anew();
  void fetch();
  void start();
  void retry();
  void rest();
  bool is_owed() const;
  void request(State state, Message message);
  void keep_alive();
  Message build_again();
  void take_control(Bytes message);
  void take_reply(const wire::StunView& reply);
  void take_error(const wire::StunView& reply);
  void take_second_reply(const wire::StunView& reply);
  void invite();
  bool has_invited() const;
  void withdraw_invitation();
  void await_peer();
  void take_number(uint32_t number);
  void bind();
  void send_bind();
  void take_data_segment(const Packet& segment);
  void take_bind_reply();
  void talk();
  void drop_data();
  void dare_foreign();
  void dare_bind(uint32_t number);
  void hoard();
  void end_hoarding();
  void take_dare(Bytes message);

  Options options_;
  DataPeer& peer_;
  DataPeer& intruder_;
  NoticeBoard& board_;
  TransferOracle& transfers_;
  LivenessOracle& liveness_;
  Verdict& verdict_;
  LivenessOracle::ClientId id_;
  TurnCredentials credentials_;
  CredentialFetch fetch_;
  TurnLine control_;
  TurnLine dare_line_;
  State state_ = State::kResting;
  DataPeer::Manner manner_ = DataPeer::Manner::kHonest;
  Way way_ = Way::kConnects;
  Endpoint other_;  // The relayed address of whom it visits.
  Dare dare_ = Dare::kNone;
  std::optional<Endpoint> relayed_;
  Message request_;
  Message second_connect_;  // To the same peer, sent right behind the first.
  MonoTime began_at_{};
  MonoTime state_since_{};
  MonoTime said_at_{};  // On the control connection.
  uint32_t number_ = 0;
  std::optional<Connection> data_;
  Message bind_;
  std::vector<uint8_t> received_;  // Until it is bound.
  std::optional<Transfer> transfer_;
  bool has_succeeded_ = false;  // With its last attempt.
  uint64_t transfer_count_ = 0;
  uint64_t visit_count_ = 0;
  uint64_t refused_dare_count_ = 0;
};

}  // namespace roost::sim::actors
