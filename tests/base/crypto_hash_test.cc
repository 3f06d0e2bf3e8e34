// SPDX-License-Identifier: MIT
//
// Goal: each hash is the published one, so that others verify what we compute.
// Method: published vectors; for the CRC, which is ours, a naive computation at every length.
#include "base/crypto_hash.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/text.h"

namespace roost {
namespace {

struct HashRow {
  std::string message;
  std::string_view digest;
};

TEST(Md5, IsAsInRfc1321) {
  const HashRow kRows[] = {
      {"", "d41d8cd98f00b204e9800998ecf8427e"},
      {"a", "0cc175b9c0f1b6a831c399e269772661"},
      {"abc", "900150983cd24fb0d6963f7d28e17f72"},
      {"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
      {"abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"},
      {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
       "d174ab98d277d9f5a5611c2c9f419d9f"},
      {"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
       "57edf4a22be3c955ac49da2e2107b67a"},
  };
  for (const HashRow& row : kRows) EXPECT_EQ(to_hex(md5(as_bytes(row.message))), row.digest);
}

TEST(Sha1, IsAsInFips180) {
  const HashRow kRows[] = {
      {"", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
      {"abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
      {std::string(1'000'000, 'a'), "34aa973cd4c4daa4f61eeb2bdbad27316534016f"},
  };
  for (const HashRow& row : kRows) EXPECT_EQ(to_hex(sha1(as_bytes(row.message))), row.digest);
}

TEST(Sha256, IsAsInFips180) {
  const HashRow kRows[] = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {std::string(1'000'000, 'a'),
       "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
  };
  for (const HashRow& row : kRows) EXPECT_EQ(to_hex(sha256(as_bytes(row.message))), row.digest);
}

struct HmacRow {
  std::string key, message;
  std::string_view digest;
};

std::string bytes_of(std::string_view hex) {
  return std::string(as_text(from_hex(hex).value()));
}

TEST(HmacSha1, IsAsInRfc2202) {
  const HmacRow kRows[] = {
      {std::string(20, '\x0b'), "Hi There", "b617318655057264e28bc0b6fb378c8ef146be00"},
      {"Jefe", "what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
      {std::string(20, '\xaa'), std::string(50, '\xdd'),
       "125d7342b9ac11cd91a39af48aa17b4f63f175d3"},
      {bytes_of("0102030405060708090a0b0c0d0e0f10111213141516171819"), std::string(50, '\xcd'),
       "4c9007f4026250c6bc8414f9bf50c86c2d7235da"},
      {std::string(20, '\x0c'), "Test With Truncation", "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04"},
      {std::string(80, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First",
       "aa4ae5e15272d00e95705637ce8a3b55ed402112"},
      {std::string(80, '\xaa'),
       "Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data",
       "e8e99d0f45237d786d6bbaa7965c7808bbff1a91"},
      {"", "", "fbdb1d1b18aa6c08324b7d64b71fb76370690e1d"},  // Not of the RFC; nothing is allowed.
  };
  for (const HmacRow& row : kRows) {
    EXPECT_EQ(to_hex(hmac_sha1(as_bytes(row.key), as_bytes(row.message))), row.digest);
  }
  EXPECT_EQ(to_hex(hmac_sha1({}, {})), "fbdb1d1b18aa6c08324b7d64b71fb76370690e1d");
}

TEST(HmacSha256, IsAsInRfc4231) {
  const HmacRow kRows[] = {
      {std::string(20, '\x0b'), "Hi There",
       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {"Jefe", "what do ya want for nothing?",
       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {std::string(20, '\xaa'), std::string(50, '\xdd'),
       "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
      {bytes_of("0102030405060708090a0b0c0d0e0f10111213141516171819"), std::string(50, '\xcd'),
       "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
      {std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First",
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
      {std::string(131, '\xaa'),
       "This is a test using a larger than block-size key and a larger than block-size data. The "
       "key needs to be hashed before being used by the HMAC algorithm.",
       "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
  };
  for (const HmacRow& row : kRows) {
    EXPECT_EQ(to_hex(hmac_sha256(as_bytes(row.key), as_bytes(row.message))), row.digest);
  }
  EXPECT_EQ(to_hex(hmac_sha256({}, {})),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(HmacSha256, IsTruncatedAsInRfc4231) {  // Test case 5, of which 128 bits are published.
  const auto digest =
      hmac_sha256(as_bytes(std::string(20, '\x0c')), as_bytes("Test With Truncation"));
  EXPECT_EQ(to_hex(Bytes(digest).first(16)), "a3b6167473100ee06e0c796c2955552b");
}

TEST(SipHash, IsTheReferenceVectorInNetworkOrder) {
  // Of the reference implementation: the key is 00 01 … 0f, the message the first n of 00 01 ….
  // It yields eight bytes; ours is the number that they are in network order.
  constexpr uint64_t kExpected[] = {
      0x310e0edd47db6f72, 0xfd67dc93c539f874, 0x5a4fa9d909806c0d, 0x2d7efbd796666785,
      0xb7877127e09427cf, 0x8da699cd64557618, 0xcee3fe586e46c9cb, 0x37d1018bf50002ab,
      0x6224939a79f5f593, 0xb0e4a90bdf82009e, 0xf3b9dd94c5bb5d7a, 0xa7ad6b22462fb3f4,
      0xfbe50e86bc8f1e75, 0x903d84c02756ea14, 0xeef27a8e90ca23f7, 0xe545be4961ca29a1,
  };
  std::array<uint8_t, 16> bytes;
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i);
  for (size_t size = 0; size < std::size(kExpected); ++size) {
    EXPECT_EQ(sip_hash(bytes, Bytes(bytes).first(size)), kExpected[size]) << size;
  }
}

TEST(SameBytesConstantTime, IsTrueForTheSameBytesOnly) {
  const std::array<uint8_t, 4> bytes = {1, 2, 3, 4};
  EXPECT_TRUE(same_bytes_constant_time({}, {}));
  EXPECT_TRUE(same_bytes_constant_time(bytes, std::array<uint8_t, 4>{1, 2, 3, 4}));
  EXPECT_FALSE(same_bytes_constant_time(bytes, Bytes(bytes).first(3)));
  EXPECT_FALSE(same_bytes_constant_time({}, bytes));
  for (size_t bit = 0; bit < 32; ++bit) {
    auto other = bytes;
    other[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_FALSE(same_bytes_constant_time(bytes, other));
  }
}

uint32_t naive_crc32(Bytes bytes) {
  uint32_t crc = 0xffffffff;
  for (const uint8_t byte : bytes) {
    for (int bit = 0; bit < 8; ++bit) {
      const bool is_one = ((crc ^ (uint32_t{byte} >> bit)) & 1) != 0;
      crc = crc >> 1 ^ (is_one ? 0xedb88320 : 0);
    }
  }
  return ~crc;
}

TEST(Crc32, IsThatOfEthernetAtEveryLengthAndAlignment) {
  EXPECT_EQ(crc32(as_bytes("123456789")), 0xcbf43926u);
  EXPECT_EQ(crc32({}), 0u);
  EXPECT_EQ(crc32(as_bytes("a")), 0xe8b7be43u);
  EXPECT_EQ(crc32(as_bytes("The quick brown fox jumps over the lazy dog")), 0x414fa339u);
  SeededRandom random(1);
  const auto bytes = random.bytes<200>();
  for (size_t begin = 0; begin < 9; ++begin) {
    for (size_t size = 0; begin + size <= bytes.size(); ++size) {
      const Bytes given = Bytes(bytes).subspan(begin, size);
      ASSERT_EQ(crc32(given), naive_crc32(given)) << begin << ' ' << size;
    }
  }
}

// RFC 3720 appendix B.4.
TEST(CryptoHash, Crc32cMatchesItsVectors) {
  std::array<uint8_t, 32> bytes{};
  EXPECT_EQ(crc32c(bytes), 0x8a9136aau);
  bytes.fill(0xff);
  EXPECT_EQ(crc32c(bytes), 0x62a8ab43u);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i);
  EXPECT_EQ(crc32c(bytes), 0x46dd794eu);
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xe3069283u);
  EXPECT_EQ(crc32c({}), 0u);
}

}  // namespace
}  // namespace roost
