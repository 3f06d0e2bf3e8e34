// SPDX-License-Identifier: MIT
#include "io/state_dir.h"

#include <cstring>
#include <errno.h>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/secret.h"

namespace roost::io {
namespace {

constexpr std::string_view kSeedFile = "node.key";
constexpr mode_t kDirectoryMode = 0700;
constexpr mode_t kFileMode = 0600;

std::string explain(std::string_view what, const std::string& path, std::string_view next = {}) {
  std::string text = "cannot " + std::string(what) + ' ' + path + ": " + std::strerror(errno);
  if (!next.empty()) text.append("; ").append(next);
  return text;
}

// To be said where a file could not be replaced: nothing of it has changed then.
std::string_view next_step() {
  const bool is_full = errno == ENOSPC || errno == EDQUOT;
  return is_full ? "nothing has changed; make room on that file system" : "nothing has changed";
}

// How many bytes were read before the end; nothing on an error.
std::optional<size_t> read_all(int fd, MutableBytes into) {
  size_t size = 0;
  while (size < into.size()) {
    const ssize_t count = ::read(fd, into.data() + size, into.size() - size);
    if (count == 0) break;
    if (count < 0 && errno != EINTR) return {};
    if (count > 0) size += static_cast<size_t>(count);
  }
  return size;
}

bool write_all(int fd, Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR) return false;
    if (count > 0) bytes = bytes.subspan(static_cast<size_t>(count));
  }
  return true;
}

bool is_empty(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_empty(path, error) && !error;
}

}  // namespace

Result<StateDir, std::string> StateDir::open(const std::string& path, std::optional<Owner> owner) {
  std::error_code error;
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, error);
  if (mkdir(path.c_str(), kDirectoryMode) != 0 && errno != EEXIST) {
    return Failure(explain("make the state directory", path,
                           "set node.state_dir to a place that this user may write to"));
  }
  FileDescriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open()) return Failure(explain("open the state directory", path));
  const bool is_to_be_handed_over = owner && is_empty(path);
  FileDescriptor lock(
      openat(directory.get(), "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kFileMode));
  if (!lock.is_open()) {
    return Failure(explain("write to the state directory", path,
                           errno == EACCES ? "it must belong to the user that runs roost" : ""));
  }
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return Failure("the state directory " + path +
                   " is in use by another roost; stop that one, or give this one a node.state_dir "
                   "of its own");
  }
  if (is_to_be_handed_over && (fchown(directory.get(), owner->uid, owner->gid) != 0 ||
                               fchown(lock.get(), owner->uid, owner->gid) != 0)) {
    return Failure(explain("hand over the state directory", path));
  }
  return StateDir(path, std::move(directory), std::move(lock));
}

Result<StateDir, std::string> StateDir::attach(const std::string& path) {
  FileDescriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open()) {
    return Failure(explain("open the state directory", path,
                           "start the node once, or run this as the user that runs it"));
  }
  struct stat status {};
  // "./var" is another directory in each place, and /var among them; there is a symbolic link
  // "lock".
  struct stat lock {};
  if (fstatat(directory.get(), "lock", &lock, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(lock.st_mode)) {
    return Failure(
        path + " is no state directory of a node; start the node once, or name the one it uses");
  }
  // The node's own lock is on a file, so the two do not meet.
  if (fstat(directory.get(), &status) != 0 || flock(directory.get(), LOCK_EX) != 0) {
    return Failure(explain("lock the state directory", path));
  }
  StateDir state_dir(path, std::move(directory), FileDescriptor());
  if (status.st_uid != geteuid()) state_dir.file_owner_ = {status.st_uid, status.st_gid};
  return state_dir;
}

Result<SigningKey::Seed, std::string> StateDir::load_or_make_seed(Random& random) const {
  auto stored = read(kSeedFile, 1024);
  if (!stored) return Failure(stored.error());
  SigningKey::Seed seed;
  if (*stored) {
    if ((*stored)->size() != seed.bytes().size()) {
      return Failure(path_of(kSeedFile) + " is damaged (" + std::to_string((*stored)->size()) +
                     " bytes instead of 32); restore it from a backup, or move it away to start "
                     "with a new identity");
    }
    std::memcpy(seed.mutable_bytes().data(), (*stored)->data(), seed.bytes().size());
    wipe(**stored);
    return seed;
  }
  random.fill(seed.mutable_bytes());
  const auto written = write(kSeedFile, seed.bytes(), true);
  if (!written) return Failure(written.error());
  return seed;
}

Result<std::optional<std::vector<uint8_t>>, std::string> StateDir::read(std::string_view name,
                                                                        size_t size_max) const {
  const std::string path = path_of(name);
  const FileDescriptor file(
      openat(directory_.get(), std::string(name).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.is_open()) {
    if (errno == ENOENT) return std::optional<std::vector<uint8_t>>();
    return Failure(explain("read", path));
  }
  std::vector<uint8_t> content(size_max + 1);
  const auto size = read_all(file.get(), content);
  if (!size) return Failure(explain("read", path));
  if (*size > size_max) return Failure(path + " is larger than any such file should be");
  content.resize(*size);
  return std::optional(std::move(content));
}

Result<Done, std::string> StateDir::write(std::string_view name, Bytes content, bool sync) const {
  const std::string file_name(name);
  const std::string new_name = file_name + ".new";
  // Half a file takes room that there may not be.
  const auto fail = [&](std::string_view what, std::string_view name_of_it) {
    const std::string error = explain(what, path_of(name_of_it), next_step());
    unlinkat(directory_.get(), new_name.c_str(), 0);
    return Failure(error);
  };
  {
    const FileDescriptor file(openat(directory_.get(), new_name.c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                                     kFileMode));
    if (!file.is_open() || fchmod(file.get(), kFileMode) != 0 || !write_all(file.get(), content) ||
        (file_owner_ && fchown(file.get(), file_owner_->uid, file_owner_->gid) != 0) ||
        (sync && fsync(file.get()) != 0)) {
      return fail("write", new_name);
    }
  }
  if (renameat(directory_.get(), new_name.c_str(), directory_.get(), file_name.c_str()) != 0) {
    return fail("replace", name);
  }
  // The rename itself is on disk only when the directory is.
  if (sync && fsync(directory_.get()) != 0) {
    return Failure(explain("sync", path_, file_name + " is new, but may not outlive a power cut"));
  }
  return Done();
}

bool StateDir::has(std::string_view name) const {
  return faccessat(directory_.get(), std::string(name).c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

Result<RecordFile, std::string> StateDir::open_record(std::string_view name, Bytes content) const {
  const auto written = write(name, content, true);
  FileDescriptor file(
      openat(directory_.get(), std::string(name).c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.is_open()) {
    return Failure(written ? explain("open", path_of(name)) : written.error());
  }
  RecordFile record(path_of(name), std::move(file), content.size());
  if (written) return record;
  // There was no room for a new one, but the old one has its blocks already.
  if (!record.has_its_size() || !record.overwrite(content)) return Failure(written.error());
  return record;
}

void StateDir::set_aside(std::string_view name) const {
  const std::string file_name(name);
  const std::string new_name = file_name + ".damaged";
  renameat(directory_.get(), file_name.c_str(), directory_.get(), new_name.c_str());
}

}  // namespace roost::io
