// SPDX-License-Identifier: MIT
//
// Any bytes: they are of one kind, which the first byte alone decides, and the kind is right for
// whatever a codec behind it accepts.
#include "wire/demux.h"

#include "base/check.h"
#include "wire/bencode.h"
#include "wire/stun.h"

using namespace roost;
using namespace roost::wire;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes datagram(data, size);
  const DatagramKind kind = classify_datagram(datagram);
  CHECK(kind <= DatagramKind::kUnknown);
  if (size == 0) {
    CHECK(kind == DatagramKind::kUnknown);
    return 0;
  }
  CHECK(kind == classify_datagram(datagram.first(1)));
  const StreamKind stream_kind = classify_stream(data[0]);
  CHECK(stream_kind <= StreamKind::kUnknown);

  const bool is_stun = kind == DatagramKind::kStun;
  CHECK(is_stun == (stream_kind == StreamKind::kStun));
  const auto message = StunView::parse(datagram);
  // All of STUN begins with two zero bits; methods of 256 and above do not reach a public server.
  if (message && static_cast<unsigned>(message->method()) < 0x100) CHECK(is_stun);
  const auto value = BencodeView::parse(datagram);
  if (value && value->kind() == BencodeKind::kDictionary) CHECK(kind == DatagramKind::kDht);
  return 0;
}
