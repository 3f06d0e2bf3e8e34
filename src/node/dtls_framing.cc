// SPDX-License-Identifier: MIT
#include "node/dtls_framing.h"

#include "wire/demux.h"
#include "wire/dtls.h"

namespace roost::node {
namespace {

using wire::DtlsContent;
using wire::DtlsMessage;
using wire::DtlsRecord;

bool is_usable_in_the_clear(const DtlsRecord& record) {
  if (record.epoch != 0) return false;
  if (record.content == DtlsContent::kChangeCipherSpec) return true;
  if (record.content == DtlsContent::kAlert) return true;
  if (record.content != DtlsContent::kHandshake) return false;
  // One message a record, as everybody writes them.
  const auto header = wire::parse_dtls_handshake_header(record.fragment);
  return header && header->message == DtlsMessage::kClientKeyExchange &&
         header->size <= kKeyExchangeSizeMax &&
         record.fragment.size() == wire::kDtlsHandshakeHeaderSize + header->fragment_size;
}

bool is_usable_with_keys(const DtlsRecord& record) {
  if (record.epoch != 1) return false;
  if (record.content == DtlsContent::kAlert) return true;
  return record.content == DtlsContent::kHandshake &&
         record.fragment.size() <= kFinishedRecordSizeMax;
}

}  // namespace

bool is_dtls(Bytes datagram) {
  return wire::classify_datagram(datagram) == wire::DatagramKind::kDtls;
}

bool begins_association(Bytes datagram) {
  const auto record = wire::parse_dtls_record(datagram);
  if (!record || record->content != DtlsContent::kHandshake || record->epoch != 0) return false;
  const auto header = wire::parse_dtls_handshake_header(record->fragment);
  return header && header->message == DtlsMessage::kClientHello;
}

size_t usable_in_handshake(Bytes datagram, bool has_keys) {
  size_t used = 0;
  while (used < datagram.size()) {
    const auto record = wire::parse_dtls_record(datagram.subspan(used));
    if (!record) break;
    const bool is_usable =
        has_keys ? is_usable_with_keys(*record) : is_usable_in_the_clear(*record);
    if (!is_usable) break;
    used += record->size();
    if (has_keys) break;  // What it holds is hidden from us: no more than is needed.
  }
  return used;
}

}  // namespace roost::node
