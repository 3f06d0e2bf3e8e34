// SPDX-License-Identifier: MIT
#include "io/record_file.h"

#include <cstring>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"

namespace roost::io {

Result<Done, std::string> RecordFile::overwrite(Bytes record) const {
  CHECK(record.size() == size_);
  ssize_t count = 0;
  do {
    count = pwrite(file_.get(), record.data(), record.size(), 0);
  } while (count < 0 && errno == EINTR);
  if (count == static_cast<ssize_t>(size_)) return Done();
  // So few bytes are written as a whole or not at all, but for a disk that is full.
  const int error = count < 0 ? errno : ENOSPC;
  return Failure("cannot write " + path_ + ": " + std::strerror(error));
}

void RecordFile::begin_flush() const {
  sync_file_range(file_.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
}

bool RecordFile::has_its_size() const {
  struct stat status {};
  return fstat(file_.get(), &status) == 0 && S_ISREG(status.st_mode) &&
         status.st_size == static_cast<off_t>(size_);
}

bool RecordFile::is_linked() const {
  struct stat status {};
  return fstat(file_.get(), &status) == 0 && status.st_nlink > 0;
}

}  // namespace roost::io
