// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/crypto_sign.h"
#include "base/time.h"
#include "core/action.h"
#include "core/outbox.h"
#include "node/config.h"
#include "node/grants.h"
#include "node/node.h"
#include "sim/allocation_oracle.h"
#include "sim/associations.h"
#include "sim/connection.h"
#include "sim/cookie_oracle.h"
#include "sim/dht_oracle.h"
#include "sim/disk_queue.h"
#include "sim/finder_oracle.h"
#include "sim/host.h"
#include "sim/oracles.h"
#include "sim/peer_links.h"
#include "sim/relay_oracle.h"
#include "sim/reservation_oracle.h"
#include "sim/sim_disk.h"
#include "sim/stream_relay_oracle.h"
#include "sim/trace.h"
#include "sim/verdict.h"

namespace roost::sim {

// A real node on a simulated host: what io is in the daemon, with virtual time. After each step the
// oracles look at what went in and what came out. Its disk outlives it, and has a store where the
// configuration wants one.
//
// Datagrams of one moment are stepped as one batch, as the kernel would hand them over. TLS is one
// byte in front of a connection that says so, and no secrecy; DTLS is what sim/dtls_record.h says.
// HTTP knows a head with two fields, no body, and ends the connection with the reply.
class NodeShell final : public Program, private PeerLinks::Shell, private Associations::Shell {
 public:
  // A connection that brings no whole message for so long is closed.
  static constexpr Duration kSilenceMax = std::chrono::seconds(10);
  static constexpr size_t kHttpHeadMax = 1024;

  struct Options {
    node::Config config;
    WallTime wall;  // When the world begins.
    // How often the node is asked to look at its deadlines although none is due.
    Duration early_deadline_period = std::chrono::seconds(7);
    SimDisk::Options disk{};
  };

  // All must outlive the shell. The node runs at once.
  NodeShell(Host& host, Trace& trace, Verdict& verdict, CookieOracle& cookies,
            const Options& options);

  // ---- What the owner and fate do.

  // The power goes, and with it all that was not kept on disk. Nothing is said to anybody.
  void crash();
  void restart();
  bool is_running() const { return node_ != nullptr; }
  void reload(const node::Config& config);
  // Those that are in force from now on, and after each restart.
  void set_grants(std::vector<core::turn::Grant> grants);
  // The wall clock jumps; it is unknown to the node while it is earlier than kWallTimeMin.
  void set_wall_clock(WallTime wall);
  // To be filled, slowed down or damaged; nobody else commits to it or reads from it while the node
  // runs.
  SimDisk& disk() { return disk_; }

  // ---- What others may know. node() requires is_running().
  const node::Node& node() const { return *node_; }
  const node::Config& config() const { return config_; }
  const PublicKey& public_key() const { return key_.public_key(); }
  Now clocks() const;
  // Where clients find it: the address and port of a family, or its alternates (RFC 5780 §6.1).
  Endpoint endpoint(bool is_v4, size_t address_index = 0, size_t port_index = 0) const;
  size_t stream_count() const { return streams_.size(); }
  size_t association_count() const { return associations_.count(); }
  size_t relay_count() const { return relay_addresses_.size(); }
  uint64_t datagrams_sent() const { return datagrams_sent_; }
  const DonationOracle& donation() const { return donation_oracle_; }
  const PeerLinks& peer_links() const { return peer_links_; }
  DhtOracle& dht_oracle() { return dht_oracle_; }
  const FinderOracle& finder_oracle() const { return finder_oracle_; }

  void on_packet(Packet packet) override;
  void on_wake_up(uint64_t what) override;

 private:
  using StreamKey = std::pair<Endpoint, Endpoint>;  // Local, remote.
  struct Stream {
    core::StreamId id;
    Connection connection;
    core::Transport transport = core::Transport::kTcp;
    bool is_http = false;
    bool is_known = false;  // Its first byte has come.
    std::vector<uint8_t> buffer;
    MonoTime progressed_at;
  };
  enum class WakeUp : uint8_t {
    kBatch,
    kDeadline,
    kEarlyDeadline,
    kSilence,
    kLink,
    kAssociation,
    kDisk
  };

  static uint64_t wake_up_number(WakeUp why, uint64_t of = 0) {
    return of << 8 | static_cast<uint64_t>(why);
  }

  // The turn of the crank, as in io/driver.cc.
  void turn(const core::Input& input);
  void turn_batch();
  void step_datagram(const Packet& packet);
  void step(const core::Input& input);
  void carry_out();
  void settle();
  void arm_timer();

  void carry_out(const core::SendDatagram& send);
  void carry_out(const core::SendMessage& send);
  void carry_out(const core::AcceptDtls& order) { associations_.accept(order); }
  void carry_out(const core::RefuseStream& refuse);
  void carry_out(const core::HttpReply& reply);
  void carry_out(const core::OpenRelay& order);
  void carry_out(const core::CloseRelay& order);
  void carry_out(const core::SendFromRelay& order);
  void carry_out(const core::ResolveNames&);
  void carry_out(const core::Note&) {}
  void carry_out(const core::ConnectPeer& order) { peer_links_.connect(order); }
  void carry_out(const core::TakePeer& order) { peer_links_.take(order); }
  void carry_out(const core::BindPeer& order);
  void carry_out(const core::ClosePeer& order) { peer_links_.close(order.connection); }
  void carry_out(const core::ForwardPeerData& order) { peer_links_.forward(order); }
  void carry_out(const core::HoldPeerData& order) { peer_links_.hold(order); }
  void carry_out(const core::Commit& order);
  void carry_out(const core::ReadRange& order);
  void begin_on_disk();
  void finish_on_disk();
  bool has_store() const { return config_.store.engine != node::StoreEngine::kNone; }

  void take_segment(const Packet& segment);
  void open_stream(const Packet& segment);
  void take_data(core::StreamId id, Bytes bytes);
  bool cut_one(core::StreamId id);
  bool begin_protocol(Stream& stream);
  void take_message(Stream& stream, size_t size);
  void take_request(Stream& stream, size_t head_size);
  void take_end(core::StreamId id, const Packet& segment);
  void end_stream(core::StreamId id);
  void pump_links(core::PeerConnectionId connection);
  void check_silence(core::StreamId id);
  Stream* find(core::StreamId id);

  // Of the links with peers, and of the associations.
  void happen(const core::Input& input) override { turn(input); }
  core::StreamId next_stream() override { return core::StreamId{next_stream_++}; }
  void send_record(const Endpoint& from, const Endpoint& to, Bytes record) override;
  void wake_association(MonoTime when, core::StreamId stream) override;
  void owe(const core::Input& input) override { owed_.push_back(input); }
  void wake_links(MonoTime when, core::PeerConnectionId connection) override;
  Connection* connection_of(core::StreamId stream) override;
  core::Transport transport_of(core::StreamId stream) override;
  void drop_stream(core::StreamId stream) override;

  void start_node();

  Host& host_;
  Trace& trace_;
  Verdict& verdict_;
  CookieOracle& cookie_oracle_;
  node::Config config_;
  Options options_;
  std::vector<core::turn::Grant> grants_;  // The owner's file.
  std::vector<Endpoint> sockets_;
  SigningKey key_;
  std::unique_ptr<node::Node> node_;
  core::Outbox outbox_;
  std::array<uint8_t, wire::MonthRecord::kSize> saved_month_;  // On the disk, as is the store.
  SimDisk disk_;
  DiskQueue disk_queue_{disk_};

  uint64_t life_ = 0;       // Counts the starts: wake-ups of an earlier life mean nothing.
  Duration boot_offset_{};  // From the world's clock to the monotonic one of this life.
  Duration wall_offset_{};  // From the world's clock to the wall clock, since the epoch.
  std::optional<MonoTime> timer_set_for_;

  std::vector<Packet> batch_;
  std::map<StreamKey, Stream> streams_;
  std::map<core::StreamId, StreamKey> keys_;
  std::map<Endpoint, core::RelayId> relays_;  // Relayed transport addresses that are open.
  std::map<core::RelayId, Endpoint> relay_addresses_;
  PeerLinks peer_links_;
  Associations associations_;
  uint64_t next_stream_ = 1;
  core::StreamId opening_{};
  uint64_t next_request_ = 1;
  std::optional<core::StreamId> asking_;  // Whose HTTP request is being answered.
  std::vector<Endpoint> names_;           // What those of `[dht] bootstrap` resolve to.
  std::deque<core::Input> owed_;          // What the actions of a step have caused.
  uint64_t datagrams_sent_ = 0;
  uint64_t answer_bytes_ = 0;  // In the record that is being sent, unless it is paid for.

  ReplyOracle reply_oracle_;
  RelayOracle relay_oracle_;
  AllocationOracle allocation_oracle_;
  ReservationOracle reservation_oracle_;
  StreamRelayOracle stream_relay_oracle_;
  StreamOracle stream_oracle_;
  AccountOracle account_oracle_;
  DonationOracle donation_oracle_;
  DhtOracle dht_oracle_;
  FinderOracle finder_oracle_;
};

// What a node has counted of the messages that came in, each of which belongs to one counter.
uint64_t accounted_messages(const node::Node& node);

}  // namespace roost::sim
