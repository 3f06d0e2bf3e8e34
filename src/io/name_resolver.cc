// SPDX-License-Identifier: MIT
#include "io/name_resolver.h"

#include <algorithm>
#include <cstring>
#include <event2/dns.h>
#include <event2/util.h>
#include <netdb.h>
#include <sys/socket.h>

#include "io/socket_address.h"

namespace roost::io {

// evdns calls back for each name, perhaps at once; its base is freed when all have been.
struct NameResolver::Order {
  struct FreeBase {
    void operator()(evdns_base* freed) const {
      constexpr int kWithoutCallbacks = 0;
      evdns_base_free(freed, kWithoutCallbacks);
    }
  };

  Order(DeferredCall& tells, Callback calls) : done(tells), callback(std::move(calls)) {}

  DeferredCall& done;
  Callback callback;
  std::vector<Endpoint> found;
  size_t of_each_max = 0;  // So that no name leaves others without a place.
  size_t open = 0;
  std::unique_ptr<evdns_base, FreeBase> base;

  void answered(const evutil_addrinfo* list) {
    size_t taken = 0;
    for (const evutil_addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
      sockaddr_storage address{};
      std::memcpy(&address, entry->ai_addr, std::min<size_t>(entry->ai_addrlen, sizeof address));
      const auto endpoint = from_sockaddr(address);
      const bool is_new =
          endpoint && std::find(found.begin(), found.end(), *endpoint) == found.end();
      if (!is_new || taken == of_each_max || found.size() == core::kNamesResolvedMax) continue;
      found.push_back(*endpoint);
      ++taken;
    }
    if (--open == 0) done.schedule();
  }

  static void on_answer(int error, evutil_addrinfo* list, void* order) {
    static_cast<Order*>(order)->answered(error == 0 ? list : nullptr);
    if (list != nullptr) evutil_freeaddrinfo(list);
  }
};

NameResolver::NameResolver(EventLoop& loop) : loop_(loop), done_(loop, [this] { finish(); }) {}
NameResolver::~NameResolver() = default;

void NameResolver::resolve(std::span<const Name> names, Callback callback) {
  if (order_) return;
  order_ = std::make_unique<Order>(done_, std::move(callback));
  order_->base.reset(evdns_base_new(
      loop_.base(), EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE));
  order_->of_each_max =
      std::max<size_t>(1, core::kNamesResolvedMax / std::max<size_t>(1, names.size()));
  order_->open = 1 + (order_->base ? names.size() : 0);
  for (const Name& name : names) {
    if (!order_->base) break;
    evutil_addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_DGRAM;
    hints.ai_protocol = IPPROTO_UDP;
    (void)evdns_getaddrinfo(order_->base.get(), name.host.c_str(),
                            std::to_string(name.port).c_str(), &hints, &Order::on_answer,
                            order_.get());
  }
  order_->answered(nullptr);  // The one that is there in case there are no names.
}

void NameResolver::finish() {
  const std::unique_ptr<Order> finished = std::move(order_);  // The callback may order anew.
  finished->callback(finished->found);
}

}  // namespace roost::io
