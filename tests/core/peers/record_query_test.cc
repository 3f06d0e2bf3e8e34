// SPDX-License-Identifier: MIT
//
// Goal: the query is an ordinary `get` to whoever does not know what it is for, and large enough
// for the answer; the answer carries a record or none.
#include "core/peers/record_query.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "base/text.h"
#include "wire/node_record.h"

namespace roost::core::peers {
namespace {

const wire::NodeId kId{1, 2, 3};
constexpr std::array<uint8_t, 12> kTransaction{9, 8, 7};
constexpr std::array<uint8_t, 4> kVersion{'R', 'O', 0, 1};

TEST(RecordQuery, AsksForTheInfohashOfTheNetwork) {
  // printf 'roost supernode v1home' | sha1sum
  EXPECT_EQ(to_hex(network_infohash("home")), "956186858287865bbcc41396cb91f275b41c41e5");
  EXPECT_EQ(to_hex(network_infohash("")), "815a197f78f7020acee6bc022367802c6d1beb33");
}

TEST(RecordQuery, IsAGetOfAFixedSizeForAllSizesOfItsFields) {
  const wire::NodeId network = network_infohash("home");
  for (size_t id_size = 1; id_size <= kTransaction.size(); ++id_size) {
    for (const bool is_read_only : {false, true}) {
      for (const Bytes version : {Bytes(), Bytes(kVersion)}) {
        const wire::KrpcHead head{.transaction_id = Bytes(kTransaction).first(id_size),
                                  .version = version,
                                  .is_read_only = is_read_only};
        std::array<uint8_t, kRecordQuerySize> buffer;
        const Bytes query = write_record_query(head, kId, network, buffer);
        ASSERT_EQ(kRecordQuerySize, query.size());
        EXPECT_TRUE(wire::BencodeView::parse_canonical(query));
        const auto message = wire::parse_krpc(query);
        ASSERT_TRUE(message && message->method == wire::KrpcMethod::kGet);
        EXPECT_EQ(is_read_only, message->head.is_read_only);
        EXPECT_TRUE(same_bytes(head.transaction_id, message->head.transaction_id));
        const auto parsed = parse_query(*message);
        ASSERT_TRUE(parsed);
        EXPECT_EQ(kId, parsed->id);
        EXPECT_EQ(network, parsed->target);
      }
    }
  }
}

TEST(RecordQuery, HasRoomForTheLargestAnswerAndAPing) {
  const std::string value = "d1:pi1e1:z985:" + std::string(985, 'z') + "e";
  ASSERT_EQ(value.size(), wire::kNodeRecordSizeMax);
  const SigningKey key{SigningKey::Seed()};
  const wire::MutableItem item = wire::sign_node_record(key, INT64_MAX, as_bytes(value));
  const std::vector<uint8_t> token(wire::kTokenSizeMax);
  wire::KrpcResponse response = record_answer(kId, item);
  response.token = token;
  wire::KrpcHead head{.transaction_id = kTransaction, .version = kVersion};
  head.observed = Endpoint::parse("[2001:db8::1]:3478");
  std::vector<uint8_t> buffer(wire::kKrpcSizeMax);
  const Bytes answer = encode(head, response, buffer);
  EXPECT_EQ(kRecordAnswerSizeMax, answer.size());
  constexpr size_t kPing = 80;
  EXPECT_LE(answer.size() + kPing, 3 * kRecordQuerySize);

  const auto record = read_record_answer(*wire::parse_krpc(answer));
  ASSERT_TRUE(record);
  EXPECT_TRUE(wire::signature_matches(*record));
  EXPECT_EQ(key.public_key(), record->key);
}

TEST(RecordQuery, IsNotAnsweredByWhatHasNoRecord) {
  const auto has_record = [](std::string_view text) {
    const auto message = wire::parse_krpc(as_bytes(text));
    return message && read_record_answer(*message).has_value();
  };
  const std::string id = "2:id20:" + std::string(20, 'i');
  const std::string key = "1:k32:" + std::string(32, 'k');
  const std::string signature = "3:sig64:" + std::string(64, 's');
  const std::string end = "e1:t1:t1:y1:re";
  EXPECT_TRUE(has_record("d1:rd" + id + key + "3:seqi1e" + signature + "1:vde" + end));
  EXPECT_FALSE(has_record("d1:rd" + id + key + "3:seqi1e" + signature + end));
  EXPECT_FALSE(has_record("d1:rd" + id + key + signature + "1:vde" + end));
  EXPECT_FALSE(has_record("d1:rd" + id + "3:seqi1e" + signature + "1:vde" + end));
  EXPECT_FALSE(has_record("d1:rd" + id + key + "3:seqi1e1:vde" + end));
  EXPECT_FALSE(has_record("d1:rd" + key + "3:seqi1e" + signature + "1:vde" + end));
  EXPECT_FALSE(has_record("d1:eli203e3:bade1:t1:t1:y1:ee"));
}

}  // namespace
}  // namespace roost::core::peers
