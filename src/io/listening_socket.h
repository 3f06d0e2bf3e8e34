// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "base/endpoint.h"
#include "base/result.h"
#include "io/file_descriptor.h"

namespace roost::io {

// Opens a TCP socket that listens on `endpoint`. The error says what to do about it.
Result<FileDescriptor, std::string> listen_tcp(const Endpoint& endpoint);

// Opens a UNIX stream socket (mode 0660) that listens at `path`. A socket file that nobody listens
// on any more is replaced; one that is in use, and anything that is not a socket, is an error.
Result<FileDescriptor, std::string> listen_unix(const std::string& path);

}  // namespace roost::io
