// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>

#include "app/log.h"
#include "base/result.h"
#include "io/state_dir.h"
#include "node/config.h"
#include "node/store.h"

namespace roost::app {

// The store in the state directory's `store`, or null if the owner wants none. One that is damaged
// is set aside as `store.damaged` and begun anew, which the log tells; any other failure is a
// sentence for the operator.
Result<std::unique_ptr<node::Store>, std::string> open_store(node::StoreEngine engine,
                                                             const io::StateDir& state_dir,
                                                             StderrLog& log);

}  // namespace roost::app
