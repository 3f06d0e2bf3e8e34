// SPDX-License-Identifier: MIT
#include "io/tls.h"

#include <cstring>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/secret.h"
#include "io/file_descriptor.h"
#include "io/self_signed.h"
#include "node/stream_framing.h"

namespace roost::io {
namespace {

constexpr size_t kPemBytesMax = 256 * 1024;  // Far above any chain; a wrong path may be any file.

// Forward secrecy and authenticated encryption only: every browser and WebRTC stack since 2014.
constexpr const char* kCiphersTls12 = "ECDHE+AESGCM:ECDHE+CHACHA20";
// A client must not choose the curve that costs us most.
constexpr const char* kGroups = "X25519:P-256";

// As ALPN writes lists: each name behind its length. In the order of our preference.
constexpr std::string_view kDtlsProtocols =
    "\x09"
    "stun.turn"
    "\x12"
    "stun.nat-discovery";
constexpr std::string_view kTlsProtocols =
    "\x09"
    "stun.turn"
    "\x12"
    "stun.nat-discovery"
    "\x08"
    "http/1.1";

// Whatever we send in one record: it saves 14 of the 17 KB that OpenSSL would set aside.
constexpr size_t kDtlsRecordSizeMax = node::kStreamMessageSizeMax;

const unsigned char* as_unsigned(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                    const unsigned char* offered, unsigned offered_size, void* protocols) {
  const std::string_view ours = *static_cast<const std::string_view*>(protocols);
  unsigned char* match = nullptr;
  const int result =
      SSL_select_next_proto(&match, chosen_size, as_unsigned(ours),
                            static_cast<unsigned>(ours.size()), offered, offered_size);
  if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = match;
  return SSL_TLSEXT_ERR_OK;
}

// OpenSSL only reads the list; its callbacks have no const form.
void choose_among(const std::string_view& protocols, SSL_CTX& context) {
  SSL_CTX_set_alpn_select_cb(&context, choose_protocol, const_cast<std::string_view*>(&protocols));
}

// The node has looked at the cookie. OpenSSL wants to be told so again by itself.
int accept_any_cookie(SSL*, const unsigned char*, unsigned) {
  return 1;
}

bool configure_dtls(SSL_CTX& context) {
  SSL_CTX_set_options(&context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                                    SSL_OP_NO_QUERY_MTU | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                    SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_session_cache_mode(&context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_cookie_verify_cb(&context, accept_any_cookie);
  // Nobody is asked for one; this also bounds what OpenSSL sets aside for a message.
  SSL_CTX_set_max_cert_list(&context, 1024);
  choose_among(kDtlsProtocols, context);
  return SSL_CTX_set_min_proto_version(&context, DTLS1_2_VERSION) == 1 &&
         SSL_CTX_set_cipher_list(&context, kCiphersTls12) == 1 &&
         SSL_CTX_set1_groups_list(&context, kGroups) == 1 &&
         SSL_CTX_set_max_send_fragment(&context, kDtlsRecordSizeMax) == 1;
}

bool configure_tls(SSL_CTX& context) {
  SSL_CTX_set_options(&context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                    SSL_OP_IGNORE_UNEXPECTED_EOF |  // Many just close.
                                    SSL_OP_CIPHER_SERVER_PREFERENCE |
                                    // A client without AES in hardware says so by its order.
                                    SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(&context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(&context, SSL_SESS_CACHE_OFF);
  choose_among(kTlsProtocols, context);
  return SSL_CTX_set_min_proto_version(&context, TLS1_2_VERSION) == 1 &&
         SSL_CTX_set_cipher_list(&context, kCiphersTls12) == 1 &&
         SSL_CTX_set1_groups_list(&context, kGroups) == 1 &&
         SSL_CTX_set_num_tickets(&context, 1) == 1;  // Nobody resumes a session of ours twice.
}

Result<std::string, std::string> read_pem(const std::string& option, const std::string& path) {
  const auto failed = [&](std::string_view why) {
    return Failure(option + ": cannot read " + path + ": " + std::string(why));
  };
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return failed(std::strerror(errno));
  std::string content(kPemBytesMax + 1, '\0');
  size_t size = 0;
  while (size < content.size()) {
    const ssize_t count = read(file.get(), content.data() + size, content.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed(std::strerror(errno));
    if (count == 0) break;
    size += static_cast<size_t>(count);
  }
  if (size > kPemBytesMax) return failed("it is too large to be a PEM file");
  content.resize(size);
  return content;
}

void wipe_text(std::string& text) {
  wipe({reinterpret_cast<uint8_t*>(text.data()), text.size()});
}

}  // namespace

void FreeTls::operator()(ssl_ctx_st* context) const {
  SSL_CTX_free(context);
}
void FreeTls::operator()(ssl_st* session) const {
  SSL_free(session);
}

Result<TlsContext, std::string> TlsContext::from_files(std::string certificate_path,
                                                       std::string key_path) {
  TlsContext made;
  made.certificate_path_ = std::move(certificate_path);
  made.key_path_ = std::move(key_path);
  const auto loaded = made.reload();
  if (!loaded) return Failure(loaded.error());
  return made;
}

Result<TlsContext, std::string> TlsContext::self_signed(const StateDir& state_dir,
                                                        std::optional<WallTime> now) {
  auto pem = load_or_make_self_signed(state_dir, now);
  if (!pem) return Failure(pem.error());
  const auto loaded = parse_certificate_and_key(*pem, *pem);
  wipe_text(*pem);
  if (!loaded) return Failure("the self-signed certificate " + loaded.error().text);
  TlsContext made;
  const auto taken = made.take(*loaded);
  if (!taken) return Failure(taken.error());
  return made;
}

Result<Done, std::string> TlsContext::reload() {
  if (certificate_path_.empty()) return Done();
  // Before they are read: what is written meanwhile is seen the next time.
  seen_ = {state_of(certificate_path_), state_of(key_path_)};
  const auto certificate = read_pem("tls.certificate", certificate_path_);
  if (!certificate) return Failure(certificate.error());
  auto key = read_pem("tls.key", key_path_);
  if (!key) return Failure(key.error());
  const auto loaded = parse_certificate_and_key(*certificate, *key);
  wipe_text(*key);
  if (!loaded) {
    const CertificateProblem& problem = loaded.error();
    return Failure(problem.is_in_key
                       ? "tls.key: " + key_path_ + ' ' + problem.text
                       : "tls.certificate: " + certificate_path_ + ' ' + problem.text);
  }
  return take(*loaded);
}

Result<bool, std::string> TlsContext::reload_if_changed() {
  if (certificate_path_.empty()) return false;
  const std::array now = {state_of(certificate_path_), state_of(key_path_)};
  if (now == seen_) return false;
  const auto loaded = reload();
  if (!loaded) return Failure(loaded.error());
  return true;
}

TlsContext::FileState TlsContext::state_of(const std::string& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) return {.error = errno};
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .size = status.st_size,
          .changed_ns = status.st_mtim.tv_sec * int64_t{1'000'000'000} + status.st_mtim.tv_nsec};
}

Result<Done, std::string> TlsContext::take(const CertificateAndKey& loaded) {
  // OpenSSL writes to sockets with write(2), which has no other way to say that the peer has gone.
  signal(SIGPIPE, SIG_IGN);
  ERR_clear_error();
  Context tls(SSL_CTX_new(TLS_server_method()));
  Context dtls(SSL_CTX_new(DTLS_server_method()));
  if (tls == nullptr || dtls == nullptr || !configure_tls(*tls) || !configure_dtls(*dtls)) {
    return Failure("cannot set up TLS: " + openssl_reason());
  }
  for (SSL_CTX* const context : {tls.get(), dtls.get()}) {
    if (SSL_CTX_use_certificate(context, loaded.chain.front().get()) != 1 ||
        SSL_CTX_use_PrivateKey(context, loaded.key.get()) != 1) {
      return Failure("OpenSSL does not accept the certificate or its key: " + openssl_reason());
    }
    for (size_t i = 1; i < loaded.chain.size(); ++i) {
      if (SSL_CTX_add1_chain_cert(context, loaded.chain[i].get()) != 1) {
        return Failure("OpenSSL does not accept the chain of certificates: " + openssl_reason());
      }
    }
  }
  context_ = std::move(tls);
  dtls_context_ = std::move(dtls);
  expires_at_ = loaded.expires_at;
  return Done();
}

TlsSession TlsContext::new_session(int fd) const {
  TlsSession session(SSL_new(context_.get()));
  if (session == nullptr || SSL_set_fd(session.get(), fd) != 1) return nullptr;
  SSL_set_accept_state(session.get());
  return session;
}

TlsSession TlsContext::new_dtls_session() const {
  TlsSession session(SSL_new(dtls_context_.get()));
  if (session != nullptr) SSL_set_accept_state(session.get());
  return session;
}

}  // namespace roost::io
