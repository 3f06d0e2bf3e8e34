// SPDX-License-Identifier: MIT
// Goal: what is written is read again alike, what is damaged is told, and no token is in the file.
#include "app/grant_file.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace roost::app {
namespace {

NamedGrant anna() {
  NamedGrant grant;
  grant.name = "Anna \"the\" friend";
  grant.token_hash = sha256(as_bytes("token of Anna's"));
  grant.payer = core::Payer::kFriendOfFriend;
  grant.bytes_max = 5'000'000'000;
  grant.made_at = WallTime(std::chrono::seconds(1'796'000'000));
  grant.expires_at = WallTime(std::chrono::seconds(1'800'000'000));
  return grant;
}

TEST(GrantFile, IsReadAsItWasWritten) {
  NamedGrant plain;
  plain.name = "Bob";
  plain.token_hash = sha256(as_bytes("other"));
  const std::string text = grants_text({anna(), plain});
  EXPECT_EQ(text.find("token of"), std::string::npos);
  const auto read = parse_grants(text);
  ASSERT_TRUE(read) << read.error();
  ASSERT_EQ(read->size(), 2u);
  const NamedGrant& first = (*read)[0];
  EXPECT_EQ(first.name, anna().name);
  EXPECT_EQ(first.token_hash, anna().token_hash);
  EXPECT_EQ(first.payer, core::Payer::kFriendOfFriend);
  EXPECT_EQ(first.bytes_max, 5'000'000'000u);
  EXPECT_EQ(first.made_at, anna().made_at);
  EXPECT_EQ(first.expires_at, anna().expires_at);
  EXPECT_EQ((*read)[1].payer, core::Payer::kFriend);
  EXPECT_FALSE((*read)[1].made_at);
  EXPECT_FALSE((*read)[1].expires_at);
}

TEST(GrantFile, MakesGrantsThatTheNodeFindsByTheirToken) {
  node::Grants grants;
  grants.set({anna().grant()});
  const node::Grant* const found = grants.find_by_token("token of Anna's");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->id, anna().id());
  EXPECT_EQ(found->payer, core::Payer::kFriendOfFriend);
  EXPECT_EQ(found->bytes_max, 5'000'000'000u);
  EXPECT_EQ(found->expires_at, anna().expires_at);
  EXPECT_EQ(anna().id_text().size(), 16u);
}

TEST(GrantFile, SaysWhatIsDamaged) {
  const std::string whole = grants_text({anna()});
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string text = whole;
    const size_t at = text.find(from);
    EXPECT_NE(at, text.npos) << from;
    return text.replace(at, from.size(), to);
  };
  struct Row {
    std::string text;
    const char* says;
  };
  const Row rows[] = {
      {"", "not JSON"},
      {whole.substr(0, whole.size() / 2), "not JSON"},
      {"[]", "grant 1"},
      {"{\"version\":2,\"grants\":[]}", "version 2"},
      {with("friend-of-friend", "stranger"), "grant 1 is damaged"},
      {with("\"token_sha256\": \"", "\"token_sha256\": \"zz"), "grant 1 is damaged"},
      {with("5000000000", "\"many\""), "grant 1:"},
      {with("\"name\"", "\"nom\""), "grant 1:"},
  };
  for (const Row& row : rows) {
    const auto read = parse_grants(row.text);
    ASSERT_FALSE(read) << row.text;
    EXPECT_NE(read.error().find(row.says), std::string::npos) << read.error();
  }
}

TEST(GrantFile, TakesNoMoreThanTheNodeKeeps) {
  const std::vector<NamedGrant> many(node::Grants::kCountMax + 1, anna());
  const std::string text = grants_text(many);
  EXPECT_LT(text.size(), kGrantFileSizeMax);
  const auto read = parse_grants(text);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().find("at most 4096"), std::string::npos) << read.error();
}

TEST(GrantFile, RefusesTwoGrantsOfOneTokenOrId) {
  NamedGrant other = anna();
  other.token_hash = sha256(as_bytes("other"));
  NamedGrant same_token = anna();
  same_token.name = "Somebody else";
  NamedGrant same_id = anna();
  same_id.token_hash.back() ^= 1;
  struct Row {
    std::vector<NamedGrant> grants;
    std::string says;
  };
  const Row rows[] = {
      {{anna(), same_token}, "grants 1 and 2 have the same token, " + anna().id_text()},
      {{other, anna(), same_id}, "grants 2 and 3 have the same id, " + anna().id_text()},
      {{anna(), other, other, anna()}, "grants 2 and 3 have the same token, " + other.id_text()},
  };
  for (const Row& row : rows) {
    const auto read = parse_grants(grants_text(row.grants));
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error(), row.says);
  }
  // Two friends may have one name, as long as the owner can tell them apart.
  other.name = anna().name;
  EXPECT_TRUE(parse_grants(grants_text({anna(), other})));
}

TEST(GrantFile, KnowsTheClassesByName) {
  EXPECT_EQ(parse_class("friend"), core::Payer::kFriend);
  EXPECT_EQ(parse_class("friend-of-friend"), core::Payer::kFriendOfFriend);
  for (const char* const other : {"", "stranger", "service", "Friend"}) {
    EXPECT_FALSE(parse_class(other)) << other;
  }
}

TEST(GrantFile, CountsWhatWasUsedAndLeavesOutWhatIsNoCount) {
  const std::map<uint64_t, uint64_t> used = {{1, 20}, {~uint64_t{0}, ~uint64_t{0}}};
  EXPECT_EQ(parse_used(used_text(used)), used);
  EXPECT_TRUE(parse_used("{}")->empty());
  for (const char* const damaged : {"", "{", "[1]", "garbage"}) {
    EXPECT_FALSE(parse_used(damaged)) << damaged;
  }
  EXPECT_EQ(parse_used("{\"0000000000000001\":5,\"x\":6,\"0000000000000002\":-1}"),
            (std::map<uint64_t, uint64_t>{{1, 5}}));
}

}  // namespace
}  // namespace roost::app
