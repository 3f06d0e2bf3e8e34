// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "base/bytes.h"
#include "base/endpoint.h"

namespace roost::core {

// What happens to a node (inputs) and what it asks of the world (actions). The shell (io or sim)
// turns one into the other; nothing below it does I/O.
//
// Views in an input are valid during the step. Views in an action are valid until the outbox is
// cleared: they point into the input or into the outbox's arena.

using SocketId = uint16_t;  // Index of a UDP socket, in the order in which the shell bound them.

// Our end of a packet. The interface is needed to answer a link-local IPv6 address; 0 elsewhere.
struct LocalEnd {
  Endpoint endpoint;
  uint32_t interface_index = 0;
};

// A TCP connection of the shell's, or a DTLS association: whatever has a beginning and an end and
// carries messages of one client. Numbers are not used again while the shell runs.
enum class StreamId : uint64_t {};
// One HTTP request waiting for its reply. Not used again either.
enum class RequestId : uint64_t {};

enum class Transport : uint8_t { kUdp, kTcp, kTls, kDtls };
inline constexpr size_t kTransportCount = 4;

// Whether messages have to be told apart in a stream of bytes, and none of them gets lost.
// Otherwise each is a datagram, and who gets no answer asks again (RFC 8489 §6.2.1).
constexpr bool is_byte_stream(Transport transport) {
  return transport == Transport::kTcp || transport == Transport::kTls;
}

// A relayed transport address (RFC 8656 §2): a UDP socket that the shell opens for a core, and that
// is named by the core. Not used again while datagrams of an earlier one may still come.
enum class RelayId : uint64_t {};

// On whose account something is sent: our own services answer strangers, the relay serves classes
// of people. Also the label of the counters.
enum class Payer : uint8_t { kService, kFriend, kFriendOfFriend, kStranger };
inline constexpr size_t kPayerCount = 4;

// How much a packet matters while the donation is nearly used up (the words of RFC 2697): what is
// committed is sent as long as anything is; excess only while there is more than a reserve. Replies
// to addresses that have shown nothing yet are excess: whoever forges many must not silence others.
enum class Grade : uint8_t { kCommitted, kExcess };

enum class HttpMethod : uint8_t { kGet, kHead, kPost, kPut, kDelete, kOptions, kOther };

// ---- Inputs: what happened.

struct DatagramArrived {
  SocketId at;
  LocalEnd local;
  Endpoint from;
  Bytes payload;
};

// A connection was accepted, on TCP; TLS or not shows later. Or a DTLS association is about to
// begin, whose client has proved its address (AcceptDtls). Answered by RefuseStream if it is to be
// closed at once; only otherwise is its end reported by StreamClosed.
struct StreamOpened {
  StreamId stream;
  Endpoint from;
};

// One whole framed message (STUN over TCP or TLS, RFC 8489 §6.2.2) came in on a stream, or what one
// record of DTLS held.
struct MessageArrived {
  StreamId stream;
  Transport transport;
  LocalEnd local;
  Endpoint from;
  Bytes payload;
};

// The shell has written that many bytes to streams of that kind, TLS and HTTP framing included.
struct StreamBytesSent {
  Transport transport;
  uint64_t bytes;
  uint64_t datagrams = 0;  // That they were in, over DTLS.
};

// The stream has ended, for whatever reason; its number is dead.
struct StreamClosed {
  StreamId stream;
  Endpoint from;
};

// A whole request on the public port; each gets exactly one HttpReply.
struct HttpRequestArrived {
  RequestId request;
  Endpoint from;
  HttpMethod method;
  std::string_view path;  // Without the query; not decoded.
  Bytes body;
  std::string_view query{};  // Behind the "?"; not decoded.
  std::string_view host{};   // The Host field, or the authority of the target; may be empty.
  std::string_view authorization{};  // The field (RFC 9110 §11.6.2); empty if there was none.
};

// The relay's socket is bound: the answer to OpenRelay.
struct RelayOpened {
  RelayId relay;
  Endpoint local;
};

// The other answer: no port was free, or no descriptor.
struct RelayRefused {
  RelayId relay;
};

// A peer has sent a datagram to a relayed transport address.
struct RelayDatagramArrived {
  RelayId relay;
  Endpoint from;
  Bytes payload;
};

// An ICMP error came back for a datagram that had left a relayed transport address.
struct RelayErrorArrived {
  RelayId relay;
  Endpoint peer;  // Where the datagram was to go.
  uint8_t icmp_type;
  uint8_t icmp_code;
  uint32_t mtu;  // Of the next hop, where it was too large for that; else 0.
};

struct DeadlinePassed {};

using Input = std::variant<DatagramArrived, StreamOpened, MessageArrived, StreamBytesSent,
                           StreamClosed, HttpRequestArrived, RelayOpened, RelayRefused,
                           RelayDatagramArrived, RelayErrorArrived, DeadlinePassed>;

// ---- Actions: orders.

struct SendDatagram {
  SocketId from;
  LocalEnd local;
  Endpoint to;
  Bytes payload;
  Bytes head{};  // Goes before the payload: what is relayed is never copied.
  Payer payer = Payer::kService;
  Grade grade = Grade::kCommitted;
};

struct SendMessage {
  StreamId stream;
  Bytes payload;
  // Relayed data is dropped where the client reads too slowly, as the network would do; anything
  // else ends the stream then.
  bool may_be_dropped = false;
  Payer payer = Payer::kService;
  Grade grade = Grade::kCommitted;
};

// Binds a UDP socket to `address` and a port of the relay's range that nobody can foresee. Answered
// by RelayOpened or RelayRefused.
struct OpenRelay {
  enum class Port : uint8_t {
    kAny,
    kEven,         // RFC 8656 §7.2: the R bit of EVEN-PORT is not set,
    kEvenAndNext,  // and is: `next` names the socket of the port above. Both are opened or both
                   // refused, and `next` is answered first.
  };
  RelayId relay;
  IpAddress address;
  Port port = Port::kAny;
  RelayId next{};
};

// Closes the socket. Nothing comes from it any more but what has already been read.
struct CloseRelay {
  RelayId relay;
};

struct SendFromRelay {
  RelayId relay;
  Endpoint to;
  Bytes payload;
  bool is_dont_fragment = false;
  Payer payer = Payer::kService;
  Grade grade = Grade::kCommitted;
};

// The payload of a datagram is a ClientHello of DTLS whose sender has shown that it receives at its
// address. It begins an association, which StreamOpened announces, in place of the one that there
// may be between the same two ends; the same ClientHello again (by its digest) begins nothing.
struct AcceptDtls {
  SocketId at;
  LocalEnd local;
  Endpoint from;
  Bytes hello;
  uint64_t hello_digest;
};

// Closes a stream that was just opened, or one whose message will not be answered: a client on a
// stream of bytes does not ask again.
struct RefuseStream {
  StreamId stream;
};

struct HttpReply {
  RequestId request;
  uint16_t status;
  std::string_view content_type;
  Bytes body;                     // The shell leaves it out where the method was HEAD.
  std::string_view header_lines;  // More headers, "Name: value", CRLF between them; or empty.
  bool closes = false;            // The connection ends behind it: nothing more is to be asked.
};

// One line per change of state; the shell logs it. Never caused at a rate that strangers choose.
struct Note {
  std::string_view what;
};

using Action = std::variant<SendDatagram, SendMessage, AcceptDtls, RefuseStream, HttpReply,
                            OpenRelay, CloseRelay, SendFromRelay, Note>;

}  // namespace roost::core
