// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "wire/krpc.h"
#include "wire/mutable_item.h"
#include "wire/node_id.h"

namespace roost::core::peers {

// How a node is asked for its own record over UDP (docs/protocol/node-record.md, "Fetching over
// UDP"): a `get` of BEP 44 whose target is the network's infohash, which is nobody's item, so that
// whoever knows the network answers with its record and the rest of the DHT with neighbours.

// SHA-1("roost supernode v1" + name): what supernodes announce themselves under, too.
wire::NodeId network_infohash(std::string_view network_name);

// Queries are padded to this size, by a key that no method has: three times that is more than the
// largest answer and a ping to go with it, so that nobody has to be proven first.
inline constexpr size_t kRecordQuerySize = 480;
inline constexpr size_t kRecordAnswerSizeMax =
    sizeof(
        "d2:ip18:1:rd2:id20:1:k32:3:seqi9223372036854775807e3:sig64:5:token64:1:v"
        "e1:t12:1:v4:1:y1:re") -
    1 + 18 + 20 + 32 + 64 + 64 + 1000 + 12 + 4;

// Requires a buffer of kRecordQuerySize bytes, which are all written.
Bytes write_record_query(const wire::KrpcHead& head, const wire::NodeId& id,
                         const wire::NodeId& network, MutableBytes buffer);

// The answer, but for what the server adds to all of its own. Borrows from the record.
wire::KrpcResponse record_answer(const wire::NodeId& id, const wire::MutableItem& record);

// The record in an answer, whose signature nobody has checked yet; empty if there is none. Borrows
// from the message.
std::optional<wire::MutableItem> read_record_answer(const wire::KrpcMessage& message);

}  // namespace roost::core::peers
