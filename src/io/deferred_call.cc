// SPDX-License-Identifier: MIT
#include "io/deferred_call.h"

#include <utility>

#include "base/check.h"

namespace roost::io {

DeferredCall::DeferredCall(EventLoop& loop, std::function<void()> call) : call_(std::move(call)) {
  const auto on_event = [](evutil_socket_t, short, void* self) {
    static_cast<DeferredCall*>(self)->call_();
  };
  event_.reset(event_new(loop.base(), -1, 0, on_event, this));
  CHECK(event_ != nullptr);
}

void DeferredCall::schedule() {
  event_active(event_.get(), EV_TIMEOUT, 0);
}

}  // namespace roost::io
