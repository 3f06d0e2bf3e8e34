// SPDX-License-Identifier: MIT
#pragma once
// The flows of a bare relay and how clients come by them, the same for all forwarders.
//
//   client -- public socket [ flow ] flow's socket -- peer
//
// A client makes its flow with a datagram of its own (JoinMessage), which names the peer, and is
// told the flow's port. Nobody is asked for a password, so all sockets towards clients are bound to
// 127.0.0.1: a forwarder that others can reach is a weapon.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <netinet/in.h>
#include <vector>

namespace bench {

struct Flow {
  int socket = -1;
  sockaddr_in client{};
  sockaddr_in peer{};
};

class FlowTable {
 public:
  static constexpr size_t kFlowsMax = 16384;

  // Told of each new flow; false undoes it.
  using Watch = std::function<bool(const Flow& flow, uint32_t index)>;

  FlowTable(bool with_gro, Watch watch);
  ~FlowTable();
  FlowTable(const FlowTable&) = delete;
  FlowTable& operator=(const FlowTable&) = delete;

  // -1 with errno set where the port cannot be had. The table closes it.
  [[nodiscard]] int open_public(uint16_t port);

  const Flow& operator[](size_t index) const { return flows_[index]; }
  // Null where that client has none. Valid until the next answer().
  const Flow* find(const sockaddr_in& client) const;
  // Whatever is no data: the question whether anybody is there, or a client's wish for a flow.
  void answer(const uint8_t* data, size_t size, const sockaddr_in& from);

 private:
  int open_socket(uint16_t port, int buffer_bytes) const;
  const Flow* enter(const sockaddr_in& client, const sockaddr_in& peer);

  bool with_gro_;
  Watch watch_;
  int public_ = -1;
  std::vector<Flow> flows_;
  std::vector<uint32_t> table_;  // One more than the index of a flow; 0: none.
};

}  // namespace bench
