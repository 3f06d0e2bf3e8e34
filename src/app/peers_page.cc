// SPDX-License-Identifier: MIT
#include "app/peers_page.h"

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace roost::app {
namespace {

using Json = nlohmann::ordered_json;
using core::peers::Book;

Json seconds(const std::optional<Duration>& age) {
  if (!age) return {};
  return std::chrono::duration_cast<std::chrono::seconds>(*age).count();
}

Json texts(const wire::NodeAddresses& addresses) {
  Json list = Json::array();
  for (const Endpoint& endpoint : addresses.endpoints()) list.push_back(endpoint.text());
  return list;
}

void add_record(Json& peer, const wire::MutableItem& item) {
  peer["node_id"] = to_z_base32(item.key);
  peer["signed_at"] = item.seq;
  const auto record = wire::parse_node_record(item.value);
  if (!record) return;  // The book keeps none that it cannot read.
  peer["role"] = label(record->role);
  peer["software"] = std::string(record->software.text());
  peer["capacity_class"] = record->capacity_class;
  Json services = Json::array();
  for (size_t i = 0; i < wire::kNodeServiceCount; ++i) {
    const auto service = static_cast<wire::NodeService>(i);
    if (record->offers(service)) services.push_back(label(service));
  }
  peer["services"] = services;
  peer["udp"] = texts(record->udp);
  peer["tcp"] = texts(record->tcp);
  peer["tls"] = texts(record->tls);
}

}  // namespace

std::string peers_json(const node::Node& node, MonoTime now) {
  Json list = Json::array();
  if (node.dht_service() != nullptr) {
    node.dht_service()->finder().book().for_each(now, [&list](const Book::Known& known) {
      Json peer = {{"address", known.address.text()}, {"node_id", nullptr}};
      if (known.record) add_record(peer, *known.record);
      peer["has_answered"] = known.is_tried;
      peer["failures"] = known.failures;
      peer["heard_of_seconds_ago"] = seconds(known.heard_before);
      peer["asked_seconds_ago"] = seconds(known.asked_before);
      peer["answered_seconds_ago"] = seconds(known.answered_before);
      list.push_back(peer);
    });
  }
  return Json({{"peers", list}}).dump(2) + '\n';
}

}  // namespace roost::app
