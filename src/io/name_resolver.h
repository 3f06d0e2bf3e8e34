// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/endpoint.h"
#include "core/action.h"
#include "io/deferred_call.h"
#include "io/event_loop.h"

namespace roost::io {

// Looks up host names through the machine's resolvers (/etc/resolv.conf, /etc/hosts) without
// blocking the loop, by libevent's evdns.
//
// The resolvers are read anew for each order: a router gets others with each dial-up. Between
// orders nothing is open.
class NameResolver {
 public:
  struct Name {
    std::string host;  // Or an address in text form.
    uint16_t port;
  };
  // At most core::kNamesResolvedMax, names that are not found left out.
  using Callback = std::function<void(std::span<const Endpoint>)>;

  // `loop` outlives it.
  explicit NameResolver(EventLoop& loop);
  ~NameResolver();
  NameResolver(const NameResolver&) = delete;
  NameResolver& operator=(const NameResolver&) = delete;

  // Calls back once, from the loop, never from within. While an order is under way another one is
  // not taken: the answer to the first is as good.
  void resolve(std::span<const Name> names, Callback callback);

 private:
  struct Order;

  void finish();

  EventLoop& loop_;
  DeferredCall done_;
  std::unique_ptr<Order> order_;
};

}  // namespace roost::io
