// SPDX-License-Identifier: MIT
//
// Goal: datagrams stay apart on their way through OpenSSL. Method: its own calls on both sides.
#include "io/datagram_bio.h"

#include <gtest/gtest.h>
#include <memory>
#include <openssl/bio.h>
#include <string>
#include <vector>

namespace roost::io {
namespace {

struct Owner final : DatagramBio::Owner {
  void on_output(Bytes datagram) override { written.emplace_back(as_text(datagram)); }
  std::vector<std::string> written;
};

struct FreeBio {
  void operator()(bio_st* bio) const { BIO_free(bio); }
};

TEST(DatagramBio, ReadsEachDatagramOnceAndThenNothing) {
  Owner owner;
  DatagramBio datagrams(owner);
  const std::unique_ptr<bio_st, FreeBio> bio(datagrams.make());
  char into[8];
  EXPECT_EQ(-1, BIO_read(bio.get(), into, sizeof into));
  EXPECT_TRUE(BIO_should_retry(bio.get()));
  datagrams.put(as_bytes("abc"));
  EXPECT_EQ(3, BIO_read(bio.get(), into, sizeof into));
  EXPECT_EQ("abc", std::string(into, 3));
  EXPECT_EQ(-1, BIO_read(bio.get(), into, sizeof into));
  // As recv(2) does: the rest of what is too long is lost.
  datagrams.put(as_bytes("longer than that"));
  EXPECT_EQ(8, BIO_read(bio.get(), into, sizeof into));
  EXPECT_EQ(-1, BIO_read(bio.get(), into, sizeof into));
  EXPECT_TRUE(BIO_should_read(bio.get()));
}

TEST(DatagramBio, MakesOneDatagramOfEachWrite) {
  Owner owner;
  DatagramBio datagrams(owner);
  const std::unique_ptr<bio_st, FreeBio> bio(datagrams.make());
  EXPECT_EQ(2, BIO_write(bio.get(), "ab", 2));
  EXPECT_EQ(1, BIO_write(bio.get(), "c", 1));
  EXPECT_EQ(1, BIO_flush(bio.get()));
  EXPECT_EQ((std::vector<std::string>{"ab", "c"}), owner.written);
}

}  // namespace
}  // namespace roost::io
