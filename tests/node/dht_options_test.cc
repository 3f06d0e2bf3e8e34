// SPDX-License-Identifier: MIT
//
// Goal: the configuration becomes the DHT server that the owner meant, within his memory.
#include "node/dht_options.h"

#include <gtest/gtest.h>

#include "base/crypto_hash.h"

namespace roost::node {
namespace {

using core::dht::ContactRing;

TEST(DhtOptions, GivesContactsTheirShareOfTheMemory) {
  Config config;
  for (const uint32_t percent : {1u, 10u, 50u}) {
    config.dht.memory_percent = percent;
    const auto contacts = dht_options(config).verifier.contacts;
    const uint64_t share = config.donate.memory_bytes / 100 * percent;
    EXPECT_LE(ContactRing::bytes_for(contacts), share + 4096);
    EXPECT_GE(ContactRing::bytes_for(contacts), share - share / 50);
    EXPECT_GT(contacts.v4_contacts, 3 * contacts.v6_contacts);
  }
}

TEST(DhtOptions, HasHundredsOfThousandsOfContactsByDefault) {
  const auto contacts = dht_options(Config()).verifier.contacts;
  EXPECT_GT(contacts.v4_contacts, 150'000u);
  EXPECT_GT(contacts.v6_contacts, 35'000u);
}

TEST(DhtOptions, AsksFromTheFirstSocketOfAFamilyOnThePublicPort) {
  Config config;
  config.node.port = 3478;
  const std::vector<Endpoint> sockets = {{IpAddress::v4(0x7f000001), 3479},
                                         {IpAddress::v4(0x7f000001), 3478},
                                         {IpAddress::v4(0x7f000002), 3478}};
  const auto options = dht_options(config, sockets, SigningKey(SigningKey::Seed{}));
  EXPECT_EQ(core::SocketId{1}, options.sockets[0]);
  EXPECT_FALSE(options.sockets[1]);
}

TEST(DhtOptions, KnowsTheAddressesThatTheOwnerHasNamed) {
  Config config;
  config.node.external_addresses = {IpAddress(0x2600'0000'0000'0000, 1), IpAddress::v4(0x05060708),
                                    IpAddress::v4(0x05060709)};
  const auto options = dht_options(config);
  EXPECT_EQ(IpAddress::v4(0x05060708), options.external_addresses[0]);
  EXPECT_EQ(IpAddress(0x2600'0000'0000'0000, 1), options.external_addresses[1]);
}

TEST(DhtOptions, HasTheSameSeedOfIdsAfterARestartAndAnotherForAnotherKey) {
  SigningKey::Seed other;
  other.mutable_bytes()[0] = 1;
  const auto seed = [](const SigningKey& key) { return dht_options(Config(), {}, key).id_seed; };
  const SigningKey key(SigningKey::Seed{});
  EXPECT_EQ(seed(key), seed(SigningKey(SigningKey::Seed{})));
  EXPECT_NE(seed(key), seed(SigningKey(std::move(other))));
}

TEST(DhtOptions, MeetsOthersUnderTheNameOfTheNetwork) {
  EXPECT_EQ(sha1(as_bytes("roost supernode v1main")), dht_options(Config()).network);
  Config other;
  other.dht.network = "other";
  EXPECT_NE(dht_options(Config()).network, dht_options(other).network);
}

}  // namespace
}  // namespace roost::node
