// SPDX-License-Identifier: MIT
#include "io/datagram_bio.h"

#include <algorithm>
#include <memory>
#include <openssl/bio.h>
#include <utility>

namespace roost::io {
namespace {

struct FreeMethod {
  void operator()(BIO_METHOD* method) const { BIO_meth_free(method); }
};

}  // namespace

bio_st* DatagramBio::make() {
  // One for all, as OpenSSL's own kinds are.
  static const std::unique_ptr<BIO_METHOD, FreeMethod> method = [] {
    std::unique_ptr<BIO_METHOD, FreeMethod> made(
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagram"));
    if (made != nullptr) {
      BIO_meth_set_read(made.get(), read);
      BIO_meth_set_write(made.get(), write);
      BIO_meth_set_ctrl(made.get(), control);
    }
    return made;
  }();
  BIO* const bio = method == nullptr ? nullptr : BIO_new(method.get());
  if (bio == nullptr) return nullptr;
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  return bio;
}

int DatagramBio::read(bio_st* bio, char* into, int size) {
  auto& self = *static_cast<DatagramBio*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const Bytes datagram = std::exchange(self.input_, {});
  if (datagram.empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  // As recv(2) does: what does not fit is lost.
  const size_t count = std::min(datagram.size(), static_cast<size_t>(size));
  std::copy_n(datagram.begin(), count, reinterpret_cast<uint8_t*>(into));
  return static_cast<int>(count);
}

int DatagramBio::write(bio_st* bio, const char* bytes, int size) {
  auto& self = *static_cast<DatagramBio*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  self.owner_.on_output({reinterpret_cast<const uint8_t*>(bytes), static_cast<size_t>(size)});
  return size;
}

// Whatever else OpenSSL asks (MTU, peer, what waits inside) is answered with "no" or "none".
long DatagramBio::control(bio_st*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH || command == BIO_CTRL_DGRAM_SET_NEXT_TIMEOUT ? 1 : 0;
}

}  // namespace roost::io
