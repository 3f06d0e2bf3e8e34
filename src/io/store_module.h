// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "base/result.h"
#include "io/rocksdb_store.h"

namespace roost::io {

// open_rocksdb_store() from a module that is loaded when it is first asked for: beside the program,
// as in a build folder, else where the build installs it. The environment has no say in that.
//
// The library and what it brings with it take 8.5 MiB of resident memory only by being linked,
// nearly as much as all the rest of an idle node. Who does not keep anything does not pay for it.
//
// kFailed also where there is no module, or it is of another version.
Result<OpenedStore, node::StoreFailure> load_rocksdb_store(const std::string& directory);

// What the module exports, under these names.
using RocksdbModuleVersion = const char* (*)();
using RocksdbModuleOpen = Result<OpenedStore, node::StoreFailure> (*)(const std::string& directory);
inline constexpr const char* kRocksdbModuleVersionName = "roost_rocksdb_version";
inline constexpr const char* kRocksdbModuleOpenName = "roost_rocksdb_open";

}  // namespace roost::io
