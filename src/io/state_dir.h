// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "base/crypto_sign.h"
#include "base/random.h"
#include "base/result.h"
#include "io/file_descriptor.h"
#include "io/record_file.h"

namespace roost::io {

// The directory in which the node keeps what it must know again after a restart.
//
//   lock        held while a node runs, so that no second one uses the same directory
//   node.key    the identity: a 32-byte Ed25519 seed, mode 0600
//   grants.json what the owner has granted; written by `roost grant`, which runs beside the node
//   grants.used how much of it was relayed
//   month       how much was given away this month (wire/month_record)
//   store       directory of what services keep (app/store_opening); none without an engine
//   tls-self-signed.pem   certificate and key made by io/tls where the owner has none
//
// Errors are sentences for the operator, with the path and a next step. The directory stays open,
// so that it can be used after the daemon has given up the right to walk there.
class StateDir {
 public:
  struct Owner {
    uid_t uid;
    gid_t gid;
  };

  // Makes the directory (0700) if it is not there, and takes the lock. A directory that is new or
  // empty is given to `owner`, where one is named: who the daemon is about to become.
  static Result<StateDir, std::string> open(const std::string& path, std::optional<Owner> owner);

  // For a command that runs beside the node: makes nothing, refuses a directory that no node has
  // used, and waits for others of its kind until it is alone. What it writes belongs to whom the
  // directory belongs.
  static Result<StateDir, std::string> attach(const std::string& path);

  const std::string& path() const { return path_; }
  int directory_fd() const { return directory_.get(); }

  // The node's key; made at first use. A damaged file is an error, never replaced: the identity
  // would be lost to those who know it.
  Result<SigningKey::Seed, std::string> load_or_make_seed(Random& random) const;

  // Empty if there is no such file. Files above `size_max` are an error.
  Result<std::optional<std::vector<uint8_t>>, std::string> read(std::string_view name,
                                                                size_t size_max) const;
  // Replaces the file as a whole, mode 0600: after a crash it has the old or the new content. With
  // `sync` also after a power cut, at the price of waiting for the disk. Where that fails, as on a
  // disk that is full, the old file is whole and nothing of the new one is left; unless only the
  // directory could not be synced, which the error says.
  Result<Done, std::string> write(std::string_view name, Bytes content, bool sync) const;
  // Whether there is a file, or anything, of that name.
  bool has(std::string_view name) const;
  // Replaces the file as write() with `sync` does, and leaves it open to be overwritten in place by
  // records of the same size. Where there is no room for a new one, an old one of the same size is
  // overwritten.
  Result<RecordFile, std::string> open_record(std::string_view name, Bytes content) const;
  // Moves a damaged file out of the way to <name>.damaged, where its owner can look at it.
  void set_aside(std::string_view name) const;

 private:
  StateDir(std::string path, FileDescriptor directory, FileDescriptor lock)
      : path_(std::move(path)), directory_(std::move(directory)), lock_(std::move(lock)) {}

  std::string path_of(std::string_view name) const { return path_ + '/' + std::string(name); }

  std::string path_;  // For messages; files are opened relative to directory_.
  FileDescriptor directory_;
  FileDescriptor lock_;
  std::optional<Owner> file_owner_;  // Where it is not who we are.
};

}  // namespace roost::io
