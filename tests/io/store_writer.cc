// SPDX-License-Identifier: MIT
//
// store_writer DIRECTORY FIRST: commits batch after batch and prints the number of each once it is
// acknowledged, until it is killed. Batch n puts a-n and b-n, both of the same value, and removes
// what batch n - 100 has put.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "io/rocksdb_store.h"

int main(int count, char** arguments) {
  using namespace roost;
  if (count != 3) return 2;
  const auto opened = io::open_rocksdb_store(arguments[1]);
  if (!opened) {
    std::fprintf(stderr, "%s\n", opened.error().detail.c_str());
    return 1;
  }
  const auto key = [](char kind, unsigned long n) { return kind + ("-" + std::to_string(n)); };
  for (unsigned long n = std::strtoul(arguments[2], nullptr, 10);; ++n) {
    const std::string value(n % 7 == 0 ? 50'000 : 100, static_cast<char>('a' + n % 26));
    node::WriteBatch batch;
    for (const char kind : {'a', 'b'}) {
      batch.put(as_bytes(key(kind, n)), as_bytes(value));
      if (n >= 100) batch.remove(as_bytes(key(kind, n - 100)));
    }
    const auto done = opened->store->commit(batch);
    if (!done) {
      std::fprintf(stderr, "%s\n", done.error().detail.c_str());
      return 1;
    }
    std::printf("%lu\n", n);
    std::fflush(stdout);
  }
}
