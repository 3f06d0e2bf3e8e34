// SPDX-License-Identifier: MIT
#include "app/store_opening.h"

#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "io/store_module.h"

namespace roost::app {
namespace {

constexpr const char* kName = "store";

// The directory may be one to which we have no right to walk any more, but it is open.
std::string open_path(const io::StateDir& state_dir) {
  return "/proc/self/fd/" + std::to_string(state_dir.directory_fd()) + '/' + kName;
}

Result<io::OpenedStore, node::StoreFailure> make_or_open(const io::StateDir& state_dir) {
  // The library would let others in, and not sync the name: a loss of power would take all that was
  // acknowledged with it. Whether it is there already, and any error, will show.
  if (mkdirat(state_dir.directory_fd(), kName, 0700) == 0) fsync(state_dir.directory_fd());
  return io::load_rocksdb_store(open_path(state_dir));
}

// As the operator knows it.
std::string in_words(const node::StoreFailure& failure, const io::StateDir& state_dir) {
  const std::string open = open_path(state_dir);
  std::string text = failure.detail;
  for (size_t at = 0; (at = text.find(open, at)) != std::string::npos;) {
    text.replace(at, open.size(), state_dir.path() + '/' + kName);
  }
  return text;
}

}  // namespace

Result<std::unique_ptr<node::Store>, std::string> open_store(node::StoreEngine engine,
                                                             const io::StateDir& state_dir,
                                                             StderrLog& log) {
  if (engine == node::StoreEngine::kNone) return std::unique_ptr<node::Store>();
  const std::string path = state_dir.path() + '/' + kName;
  auto opened = make_or_open(state_dir);
  if (!opened && opened.error().error == node::StoreError::kDamaged) {
    const std::string why = in_words(opened.error(), state_dir);
    state_dir.set_aside(kName);
    if (state_dir.has(kName)) {
      return Failure("the store " + path + " is damaged (" + why + "), and the last one that was " +
                     "is still there: move " + path + ".damaged out of the way");
    }
    log.error("the store was damaged (" + why + "); it is set aside as " + path +
              ".damaged and begun anew");
    opened = make_or_open(state_dir);
  }
  if (!opened) {
    return Failure("cannot open the store " + path + ": " + in_words(opened.error(), state_dir) +
                   "; or set store.engine = \"none\"");
  }
  if (opened->is_cut_short) {
    log.error("the end of the store's log was damaged; what was kept last may be missing from " +
              path);
  }
  return std::move(opened->store);
}

}  // namespace roost::app
