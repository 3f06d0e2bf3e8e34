// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>

#include "base/result.h"
#include "base/time.h"
#include "io/certificate.h"
#include "io/state_dir.h"

struct ssl_ctx_st;
struct ssl_st;

namespace roost::io {

struct FreeTls {
  void operator()(ssl_ctx_st* context) const;
  void operator()(ssl_st* session) const;
};
using TlsSession = std::unique_ptr<ssl_st, FreeTls>;

// How we speak TLS 1.2 and 1.3, and DTLS 1.2, as a server, and the certificate that we show.
//
// ALPN (RFC 7301) chooses among "stun.turn", "stun.nat-discovery" (RFC 7443) and "http/1.1"; the
// first byte inside then decides, as it does for the many clients that offer nothing. A client that
// offers only what we do not speak (such as "h2" alone) is refused with no_application_protocol, as
// the RFC demands: going on would end in bytes that neither understands, and would let a page's
// request for one protocol be read as another (ALPACA, 2021). Browsers always offer http/1.1.
//
// Sessions are resumed by tickets alone, so that nothing is kept for a client that has gone; those
// of DTLS, where "http/1.1" is not spoken either, not at all. A session keeps the certificate that
// it began with; a reload concerns those that begin later.
class TlsContext {
 public:
  // Two PEM files: the certificate with the chain behind it, and its key. They may be one file.
  static Result<TlsContext, std::string> from_files(std::string certificate_path,
                                                    std::string key_path);
  // Made once and kept in the state directory (io/self_signed.h).
  static Result<TlsContext, std::string> self_signed(const StateDir& state_dir,
                                                     std::optional<WallTime> now);

  // Reads the files again. What is broken changes nothing. Does nothing when self-signed.
  Result<Done, std::string> reload();
  // The same, if a file has changed since it was last looked at; says whether there is a new
  // certificate. A problem is reported once, not at every look. Costs two stat(2).
  Result<bool, std::string> reload_if_changed();

  // A server's end of one connection on `fd`, which must outlive it. Null if there is no memory.
  TlsSession new_session(int fd) const;
  // The same of one DTLS association, which has to be given its BIO and its MTU. Whoever uses it
  // has taken the cookie from the client before: any cookie is right to it.
  TlsSession new_dtls_session() const;

  WallTime expires_at() const { return expires_at_; }

 private:
  using Context = std::unique_ptr<ssl_ctx_st, FreeTls>;

  // Tells one content of a file from the next, as far as stat(2) can; or why there is none.
  struct FileState {
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    int64_t changed_ns = 0;
    int error = 0;
    friend bool operator==(const FileState&, const FileState&) = default;
  };

  TlsContext() = default;
  static FileState state_of(const std::string& path);
  Result<Done, std::string> take(const CertificateAndKey& loaded);

  std::string certificate_path_;  // Empty when self-signed.
  std::string key_path_;
  std::array<FileState, 2> seen_;  // Of both files, before they were last read.
  Context context_;
  Context dtls_context_;
  WallTime expires_at_{};
};

}  // namespace roost::io
