// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

#include "base/bytes.h"
#include "base/endpoint.h"
#include "base/time.h"
#include "core/store_terms.h"

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

// A relayed transport address (RFC 8656 §2): a UDP socket, or a TCP socket that listens (RFC 6062),
// which the shell opens for a core, and which is named by the core. Not used again while datagrams
// of an earlier one may still come.
enum class RelayId : uint64_t {};
enum class RelayProtocol : uint8_t { kUdp, kTcp };

// A TCP connection between a relayed transport address and a peer (RFC 6062 §3: a peer data
// connection), named by the core: the low 32 bits are below the bound of all of them together. Not
// used again.
//
//   ConnectPeer -> PeerConnected | PeerFailed        PeerArrived -> TakePeer
//   then BindPeer, and in each direction PeerDataArrived -> ForwardPeerData | HoldPeerData, again
//   and again; the end is PeerClosed, or the core's ClosePeer or CloseRelay, which is not reported.
enum class PeerConnectionId : uint64_t {};
enum class PeerDirection : uint8_t { kToPeer, kToClient };
inline constexpr size_t kPeerDirectionCount = 2;
// Why there is no connection. Also the label of the counter.
enum class PeerFailure : uint8_t {
  kRefused,      // By the peer, or something before it.
  kUnreachable,  // So says the network.
  kNoResources,  // No descriptor or memory, or the address is in use: ours to blame.
  kTimeout,      // Nobody has answered in time.
};
inline constexpr size_t kPeerFailureCount = 4;

// On whose account something is sent: our own services answer strangers, the relay serves classes
// of people. Also the label of the counters.
enum class Payer : uint8_t { kService, kFriend, kFriendOfFriend, kStranger };
inline constexpr size_t kPayerCount = 4;

// How much a packet matters while the donation is nearly used up (in the manner of RFC 2697): what
// is committed is sent as long as anything is, excess only while there is more than a reserve.
// Between them is what goes to addresses that have shown nothing: whoever forges many silences
// nobody, and whoever comes anew is heard though others take all the excess.
enum class Grade : uint8_t { kCommitted, kUnproven, kExcess };
inline constexpr size_t kGradeCount = 3;

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

// The connection that ConnectPeer has asked for is there.
struct PeerConnected {
  PeerConnectionId connection;
};

// The other answer. The shell gives up when the kernel does; kTimeout is the core's to say.
struct PeerFailed {
  PeerConnectionId connection;
  PeerFailure why;
};

// A peer has connected to a relayed transport address. Unless TakePeer is among the actions of this
// very step, the connection is closed before a byte is read.
struct PeerArrived {
  RelayId relay;
  Endpoint from;
};

// Bytes are there to be relayed, and the other side has room for them. Answered by exactly one of
// ForwardPeerData and HoldPeerData; until then no more are read in that direction, so that the
// kernel's window holds back who sends. What is not forwarded is offered again.
struct PeerDataArrived {
  PeerConnectionId connection;
  PeerDirection direction;
  uint64_t bytes;  // At least 1.
};

// The connection has ended: both ends are through, or one is gone. What had come in before was
// delivered as far as there was somebody to take it.
struct PeerClosed {
  PeerConnectionId connection;
};

inline constexpr size_t kNamesResolvedMax = 16;
struct NamesResolved {  // Nothing while there is no resolver, or no network.
  std::span<const Endpoint> endpoints;
};

struct DeadlinePassed {};

using Input =
    std::variant<DatagramArrived, StreamOpened, MessageArrived, StreamBytesSent, StreamClosed,
                 HttpRequestArrived, RelayOpened, RelayRefused, RelayDatagramArrived,
                 RelayErrorArrived, PeerConnected, PeerFailed, PeerArrived, PeerDataArrived,
                 PeerClosed, NamesResolved, CommitDone, RangeRead, DeadlinePassed>;

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
  bool is_datagram = false;  // Over DTLS, with headers of its own.
  // How long what the reply grants lives on the stream, whose client may be silent until then; zero
  // takes back what was granted before. Empty: nothing has changed.
  std::optional<Duration> granted_lifetime{};
};

// Binds a UDP socket to `address` and a port of the relay's range that nobody can foresee; over TCP
// the socket listens. Answered by RelayOpened or RelayRefused. The ports of TCP are others than
// those of UDP.
struct OpenRelay {
  enum class Port : uint8_t {
    kAny,
    kEven,         // RFC 8656 §7.2: the R bit of EVEN-PORT is not set,
    kEvenAndNext,  // and is: `next` names the socket of the port above. Both are opened or both
                   // refused, and `next` is answered first.
  };
  RelayId relay;
  IpAddress address;
  Port port = Port::kAny;  // Over TCP nothing else.
  RelayId next{};
  RelayProtocol protocol = RelayProtocol::kUdp;
};

// Closes the socket. Nothing comes from it any more but what has already been read. All of its peer
// connections end with it, and the streams that are bound to them; neither is reported by
// PeerClosed.
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

// Opens a connection from a relayed transport address of TCP, its port included, to a peer. The
// core waits for the answer as long as it likes, and gives up by ClosePeer.
struct ConnectPeer {
  PeerConnectionId connection;
  RelayId relay;
  Endpoint to;
};

// Names the connection that PeerArrived tells of. Nothing is read from it until it is bound.
struct TakePeer {
  PeerConnectionId connection;
};

// From here on the stream carries raw bytes, to and from that connection, those included that have
// already come in: it is a client data connection (RFC 6062 §3). The end of what one side sends is
// passed on to the other. If the stream is no more, PeerClosed says so.
struct BindPeer {
  PeerConnectionId connection;
  StreamId stream;
};

// Ends the connection, or the attempt, at once, and the stream that it is bound to.
struct ClosePeer {
  PeerConnectionId connection;
};

// Sends on the first `bytes` of what was offered; they are paid for.
struct ForwardPeerData {
  PeerConnectionId connection;
  PeerDirection direction;
  uint64_t bytes;
  Payer payer = Payer::kService;
  Grade grade = Grade::kCommitted;
};

// Offers the same again after that time: nothing of a TCP connection may be dropped.
struct HoldPeerData {
  PeerConnectionId connection;
  PeerDirection direction;
  Duration time;
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

// Looks up the names of `[dht] bootstrap`, which the shell knows. Answered by one NamesResolved.
struct ResolveNames {};

// One line per change of state; the shell logs it. Never caused at a rate that strangers choose.
struct Note {
  std::string_view what;
};

using Action =
    std::variant<SendDatagram, SendMessage, AcceptDtls, RefuseStream, HttpReply, OpenRelay,
                 CloseRelay, SendFromRelay, ConnectPeer, TakePeer, BindPeer, ClosePeer,
                 ForwardPeerData, HoldPeerData, ResolveNames, Commit, ReadRange, Note>;

}  // namespace roost::core
