// SPDX-License-Identifier: MIT
#include "io/store_module.h"

#include <climits>
#include <dlfcn.h>
#include <string_view>
#include <unistd.h>

namespace roost::io {
namespace {

constexpr std::string_view kInstalled = ROOST_MODULE_DIR "/roost-rocksdb.so";

std::string beside_the_program() {
  char path[PATH_MAX];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof path);
  if (size <= 0) return std::string(kInstalled);
  const std::string_view program(path, static_cast<size_t>(size));
  return std::string(program.substr(0, program.rfind('/'))) + "/roost-rocksdb.so";
}

Failure<node::StoreFailure> failure(std::string detail) {
  return Failure(node::StoreFailure{node::StoreError::kFailed, std::move(detail)});
}

}  // namespace

Result<OpenedStore, node::StoreFailure> load_rocksdb_store(const std::string& directory) {
  std::string path = beside_the_program();
  if (access(path.c_str(), F_OK) != 0) path = kInstalled;
  // Never unloaded: the library's threads live as long as the process.
  void* const module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (module == nullptr) return failure(std::string("cannot load the module: ") + dlerror());
  const auto version =
      reinterpret_cast<RocksdbModuleVersion>(dlsym(module, kRocksdbModuleVersionName));
  const auto open = reinterpret_cast<RocksdbModuleOpen>(dlsym(module, kRocksdbModuleOpenName));
  if (version == nullptr || open == nullptr || std::string_view(version()) != ROOST_VERSION) {
    return failure(path + " is of another version");
  }
  return open(directory);
}

}  // namespace roost::io
