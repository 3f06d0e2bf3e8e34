// SPDX-License-Identifier: MIT
//
// What roost-rocksdb.so exports (io/store_module.h), and nothing else of it is seen from outside.
#include "io/store_module.h"

#define ROOST_EXPORT __attribute__((visibility("default")))

// Both sides are C++ of the same build; the names alone are C's, so that they can be asked for.
#ifdef __clang__
#pragma clang diagnostic ignored "-Wreturn-type-c-linkage"
#endif

extern "C" ROOST_EXPORT const char* roost_rocksdb_version() {
  return ROOST_VERSION;
}

extern "C" ROOST_EXPORT roost::Result<roost::io::OpenedStore, roost::node::StoreFailure>
roost_rocksdb_open(const std::string& directory) {
  return roost::io::open_rocksdb_store(directory);
}
