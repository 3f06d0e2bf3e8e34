// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "app/grant_keeper.h"
#include "app/month_keeper.h"
#include "io/admin_server.h"
#include "io/driver.h"
#include "io/stream_server.h"
#include "node/node.h"

namespace roost::app {

// What the admin listener shows: metrics, status and readiness, composed from the node and the
// shell at the moment of asking. Nothing in it names a
// client; supernodes are public.
class NodePages final : public io::AdminPages {
 public:
  // All must outlive the pages. `udp` and `tcp` are the endpoints that are listened on.
  NodePages(const node::Node& node, const io::Driver& driver, const io::StreamServer& streams,
            const MonthKeeper& month_keeper, const GrantKeeper& grant_keeper,
            std::vector<Endpoint> udp, std::vector<Endpoint> tcp, MonoTime started_at);

  std::string metrics() override;
  std::string status_json() override;
  std::string peers_json() override;
  std::vector<std::string> not_ready_because() override;

  // Once false the node no longer counts as ready: it is stopping.
  void set_serving(bool is_serving) { is_serving_ = is_serving; }

 private:
  const node::Node& node_;
  const io::Driver& driver_;
  const io::StreamServer& streams_;
  const MonthKeeper& month_keeper_;
  const GrantKeeper& grant_keeper_;
  std::vector<Endpoint> udp_;
  std::vector<Endpoint> tcp_;
  MonoTime started_at_;
  bool is_serving_ = true;
};

}  // namespace roost::app
