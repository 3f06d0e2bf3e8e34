// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/crypto_sign.h"
#include "base/endpoint.h"
#include "base/result.h"
#include "wire/bencode.h"
#include "wire/compact_address.h"
#include "wire/node_id.h"

namespace roost::wire {

// KRPC: the messages of the Mainline DHT. One bencoded dictionary in one datagram (BEP 5):
//
//   t  transaction ID     y  q, r or e      q  the method     a  its arguments
//   v  the software       ip whom the answer goes to (BEP 42)  r  the answer
//   ro the querier answers nobody (BEP 43)                     e  [code, message]
//
// A message is read in two steps, since what goes wrong has two answers: who has sent no message at
// all gets none, and whose query lacks an argument gets error 203 under his transaction ID. Keys
// that are not named here (BEP 33's filters, what is to come) are read over. All views borrow from
// the datagram.

// What a client may make us repeat. Ours have at most 8 bytes, the longest that are seen 20.
inline constexpr size_t kTransactionIdSizeMax = 32;
// A token is for whoever made it; those that are seen have 4 to 20 bytes.
inline constexpr size_t kTokenSizeMax = 64;
// Fits the largest put (BEP 44): a value of 1,000 bytes, its salt, key and signature.
inline constexpr size_t kKrpcSizeMax = 1400;

enum class KrpcKind : uint8_t { kQuery, kResponse, kError };

enum class KrpcMethod : uint8_t {  // Also the label of the counter.
  kPing,
  kFindNode,
  kGetPeers,
  kAnnouncePeer,
  kGet,               // BEP 44.
  kPut,               // BEP 44.
  kSampleInfohashes,  // BEP 51.
  kUnknown,
};
inline constexpr size_t kKrpcMethodCount = 8;
std::string_view label(KrpcMethod method);

// Codes of BEP 5 and BEP 44.
enum class KrpcErrorCode : uint16_t {
  kGeneric = 201,
  kServer = 202,
  kProtocol = 203,
  kMethodUnknown = 204,
  kValueTooBig = 205,
  kInvalidSignature = 206,
  kSaltTooBig = 207,
  kCasMismatch = 301,
  kSequenceTooLow = 302,
};

enum class KrpcMessageError : uint8_t {  // Also the label of a drop counter.
  kTooLarge,
  kNotBencoding,
  kNoTransactionId,  // Missing, empty, or longer than kTransactionIdSizeMax.
  kUnknownKind,
  kNoBody,  // No arguments, answer or error of the right type.
};
inline constexpr size_t kKrpcMessageErrorCount = 5;
std::string_view label(KrpcMessageError error);

// What all messages have.
struct KrpcHead {
  Bytes transaction_id{};
  Bytes version{};                     // Mostly four bytes; may be empty.
  std::optional<Endpoint> observed{};  // In answers: where they go.
  bool is_read_only = false;           // In queries.
};

struct KrpcMessage {
  KrpcHead head;
  KrpcKind kind;
  KrpcMethod method;  // Of a query; else kUnknown.
  BencodeView body;   // The value of "a", "r" or "e": a dictionary, or a list of the latter.
};

Result<KrpcMessage, KrpcMessageError> parse_krpc(Bytes datagram);

// The arguments of a query. What a method does not have is empty.
struct KrpcQuery {
  KrpcMethod method = KrpcMethod::kPing;
  NodeId id{};
  NodeId target{};        // "target", or "info_hash".
  bool wants_v4 = false;  // "want" (BEP 32). Neither: of the family that the query came by.
  bool wants_v6 = false;
  // announce_peer. With implied_port the port is the one that the datagram came from, and 0 here.
  uint16_t port = 0;
  bool has_implied_port = false;
  bool is_seed = false;       // BEP 33.
  bool wants_scrape = false;  // BEP 33, in get_peers.
  Bytes token{};              // announce_peer and put.
  // put. The value as it was encoded; the rest is missing for an immutable item.
  Bytes value{};
  Bytes salt{};
  std::optional<PublicKey> key{};
  std::optional<Signature> signature{};
  std::optional<int64_t> seq{};  // Also in get: answer without the value unless it is newer.
  std::optional<int64_t> cas{};
};

// Error 203, "missing …" or "bad …".
enum class KrpcQueryError : uint8_t {
  kBadId,
  kBadTarget,
  kBadPort,
  kBadToken,
  kBadValue,
  kBadKey,  // Or signature: both, of their sizes, or neither.
  kBadSeq,  // Or cas: negative, or missing from a mutable item.
};
inline constexpr size_t kKrpcQueryErrorCount = 7;
std::string_view label(KrpcQueryError error);  // As it is told to the querier.

// Requires a message of kind kQuery whose method is not kUnknown. Sizes of a value and a salt are
// not judged: they have error codes of their own.
Result<KrpcQuery, KrpcQueryError> parse_query(const KrpcMessage& message);

// An answer. Whatever is empty is left out, and whatever is malformed is read as if it were empty:
// who asked decides what it needs.
struct KrpcResponse {
  NodeId id{};
  Bytes nodes{};   // Entries of kCompactNodeV4Size;
  Bytes nodes6{};  // of kCompactNodeV6Size.
  Bytes token{};
  Bytes peers{};  // "values": a bencoded list, see write_peers().
  Bytes value{};  // "v", as it was encoded.
  std::optional<PublicKey> key{};
  std::optional<Signature> signature{};
  std::optional<int64_t> seq{};
  // BEP 51: how long until the samples are others, of how many, and infohashes in a row.
  std::optional<int64_t> interval{};
  std::optional<int64_t> stored_count{};
  std::optional<Bytes> samples{};
};

// Empty when there is no node ID. Requires kind kResponse.
std::optional<KrpcResponse> parse_response(const KrpcMessage& message);

struct KrpcError {
  int64_t code = 0;
  Bytes text{};
};

// Requires kind kError. Code 0 where there is none.
KrpcError parse_error(const KrpcMessage& message);

// Each writes one whole message; empty when it does not fit. Requires a transaction ID of 1 to
// kTransactionIdSizeMax bytes; a query's method is not kUnknown; values and peers are one bencoded
// value each.
Bytes encode(const KrpcHead& head, const KrpcQuery& query, MutableBytes buffer);
Bytes encode(const KrpcHead& head, const KrpcResponse& response, MutableBytes buffer);
Bytes encode(const KrpcHead& head, KrpcErrorCode code, std::string_view text, MutableBytes buffer);

// How many bytes encode() writes where there is room.
size_t encoded_size(const KrpcHead& head, const KrpcResponse& response);

// The list of `values`: one string for each peer. Empty when it does not fit.
Bytes write_peers(std::span<const Endpoint> peers, MutableBytes buffer);

// Calls `visit(const Endpoint&)` for each; entries that are none are left out. Requires what
// parse_response() or write_peers() has made.
template <typename Visit>
void for_each_peer(Bytes peers, Visit visit) {
  const auto list = BencodeView::parse(peers);
  if (!list) return;
  list->for_each_item([&visit](const BencodeView& item) {
    const auto entry = item.string();
    const auto endpoint = entry ? read_compact(*entry) : std::nullopt;
    if (endpoint) visit(*endpoint);
  });
}

}  // namespace roost::wire
