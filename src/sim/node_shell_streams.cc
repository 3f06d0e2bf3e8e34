// SPDX-License-Identifier: MIT
//
// The streams of a node shell: segments become messages and requests, as in io/public_stream.cc.
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "node/stream_framing.h"
#include "sim/node_shell.h"

namespace roost::sim {
namespace {

core::HttpMethod method_of(std::string_view word) {
  constexpr std::pair<std::string_view, core::HttpMethod> kMethods[] = {
      {"GET", core::HttpMethod::kGet},       {"HEAD", core::HttpMethod::kHead},
      {"POST", core::HttpMethod::kPost},     {"PUT", core::HttpMethod::kPut},
      {"DELETE", core::HttpMethod::kDelete}, {"OPTIONS", core::HttpMethod::kOptions},
  };
  for (const auto& [name, method] : kMethods) {
    if (word == name) return method;
  }
  return core::HttpMethod::kOther;
}

// Of a field of the head, which is "name: value"; empty if there is none.
std::string_view header_field(std::string_view head, std::string_view name) {
  const std::string key = "\r\n" + std::string(name) + ": ";
  const size_t found = head.find(key);
  if (found == head.npos) return {};
  const std::string_view value = head.substr(found + key.size());
  return value.substr(0, value.find("\r\n"));
}

}  // namespace

NodeShell::Stream* NodeShell::find(core::StreamId id) {
  const auto key = keys_.find(id);
  return key == keys_.end() ? nullptr : &streams_.at(key->second);
}

void NodeShell::take_segment(const Packet& segment) {
  const StreamKey key{segment.destination, segment.source};
  if (peer_links_.take_segment(segment)) return settle();
  if (segment.kind == PacketKind::kOpen) open_stream(segment);
  const auto found = streams_.find(key);
  if (found == streams_.end()) {
    // As TCP does: nothing answers an end, a reset everything else.
    if (segment.kind == PacketKind::kData) {
      Connection::answering(segment).send(host_, PacketKind::kEnd);
    }
    return;
  }
  if (found->second.connection.is_foreign(segment)) {
    if (segment.kind == PacketKind::kData) Connection::answering(segment).reset(host_);
    return;
  }
  const core::StreamId id = found->second.id;
  if (found->second.connection.early_count() == Connection::kEarlyMax) {
    // What all of them wait for is lost: as when TCP has repeated itself in vain.
    if (peer_links_.owns(id)) return peer_links_.break_off(id);
    end_stream(id);
    return settle();
  }
  found->second.connection.add(segment);
  for (Stream* stream = find(id); stream != nullptr; stream = find(id)) {
    const auto next = stream->connection.next();
    if (!next) break;
    if (next->kind == PacketKind::kData) take_data(id, next->payload);
    if (next->kind == PacketKind::kEnd) take_end(id, *next);
  }
  // What it has read makes room.
  if (segment.kind == PacketKind::kWindow && peer_links_.owns(id)) peer_links_.pump_stream(id);
  settle();
}

void NodeShell::take_end(core::StreamId id, const Packet& segment) {
  if (!peer_links_.owns(id)) {
    end_stream(id);
  } else if (Connection::is_reset(segment)) {
    drop_stream(id);
    peer_links_.lose_client(id);
  } else {
    // It has nothing more to say, and may listen on.
    peer_links_.take_client_end(id);
    return;
  }
  settle();
}

void NodeShell::open_stream(const Packet& segment) {
  const StreamKey key{segment.destination, segment.source};
  if (segment.destination.port != config_.node.port) {
    return Connection::answering(segment).send(host_, PacketKind::kEnd);
  }
  // The other side has forgotten a connection that we have not.
  if (const auto old = streams_.find(key); old != streams_.end()) {
    const core::StreamId id = old->second.id;
    keys_.erase(id);
    streams_.erase(old);
    turn(core::StreamClosed{id, segment.source});
  }
  const core::StreamId id{next_stream_++};
  streams_.emplace(key, Stream{id,
                               Connection::answering(segment),
                               core::Transport::kTcp,
                               false,
                               false,
                               {},
                               host_.now()});
  keys_.emplace(id, key);
  opening_ = id;
  turn(core::StreamOpened{id, segment.source});
  opening_ = {};
  Stream* const stream = find(id);
  if (stream == nullptr) return;
  stream->connection.send(host_, PacketKind::kOpen);
  host_.wake_up(host_.now() + kSilenceMax,
                wake_up_number(WakeUp::kSilence, static_cast<uint64_t>(id)));
}

void NodeShell::take_data(core::StreamId id, Bytes bytes) {
  if (peer_links_.owns(id)) return peer_links_.take_client_data(id, bytes);
  Stream* const stream = find(id);
  stream->buffer.insert(stream->buffer.end(), bytes.begin(), bytes.end());
  while (cut_one(id)) continue;
}

// Takes one message or request off the front of the buffer; false when there is none, or the stream
// is no more.
bool NodeShell::cut_one(core::StreamId id) {
  Stream* const stream = find(id);
  if (stream == nullptr || stream->buffer.empty()) return false;
  if (!stream->is_known && !begin_protocol(*stream)) return false;
  if (stream->is_http) {
    const std::string_view text = as_text(stream->buffer);
    const size_t end = text.find("\r\n\r\n");
    if (end == std::string_view::npos && text.size() <= kHttpHeadMax) return false;
    if (end != std::string_view::npos) {
      take_request(*stream, end + 4);
    } else {
      end_stream(id);
      settle();
    }
    return true;
  }
  const node::StreamFrame frame = node::next_frame(stream->buffer);
  switch (frame.state) {
    case node::StreamFrame::State::kNeedsMore: return false;
    case node::StreamFrame::State::kTooLong:
      if (stream->buffer.size() < frame.size) return false;
      stream->buffer.erase(stream->buffer.begin(),
                           stream->buffer.begin() + static_cast<ptrdiff_t>(frame.size));
      return true;
    case node::StreamFrame::State::kBroken:
      end_stream(id);
      settle();
      return false;
    case node::StreamFrame::State::kComplete: take_message(*stream, frame.size); return true;
  }
  return false;
}

// By the first byte, and by the first one inside TLS; false when that is not enough, or wrong.
bool NodeShell::begin_protocol(Stream& stream) {
  node::StreamProtocol protocol = node::stream_protocol(stream.buffer.front());
  if (protocol == node::StreamProtocol::kTls && stream.transport == core::Transport::kTcp) {
    stream.transport = core::Transport::kTls;
    stream.buffer.erase(stream.buffer.begin());
    if (stream.buffer.empty()) return false;
    protocol = node::stream_protocol(stream.buffer.front());
  }
  stream.is_http = protocol == node::StreamProtocol::kHttp;
  stream.is_known = stream.is_http || protocol == node::StreamProtocol::kMessages;
  if (stream.is_known) return true;
  end_stream(stream.id);
  settle();
  return false;
}

void NodeShell::take_message(Stream& stream, size_t size) {
  const core::StreamId id = stream.id;
  const std::vector<uint8_t> message(stream.buffer.begin(),
                                     stream.buffer.begin() + static_cast<ptrdiff_t>(size));
  stream.buffer.erase(stream.buffer.begin(), stream.buffer.begin() + static_cast<ptrdiff_t>(size));
  stream.progressed_at = host_.now();
  turn(core::MessageArrived{
      id, stream.transport, {stream.connection.local(), 0}, stream.connection.remote(), message});
}

void NodeShell::take_request(Stream& stream, size_t head_size) {
  const std::string head(as_text(stream.buffer).substr(0, head_size));
  stream.buffer.erase(stream.buffer.begin(),
                      stream.buffer.begin() + static_cast<ptrdiff_t>(head_size));
  stream.progressed_at = host_.now();
  const size_t method_end = head.find(' ');
  const size_t path_end =
      method_end == std::string::npos ? method_end : head.find(' ', method_end + 1);
  if (path_end == std::string::npos) {
    end_stream(stream.id);
    return settle();
  }
  const std::string_view target =
      std::string_view(head).substr(method_end + 1, path_end - method_end - 1);
  const size_t query = std::min(target.find('?'), target.size());
  core::HttpRequestArrived request{core::RequestId{next_request_++},
                                   stream.connection.remote(),
                                   method_of(head.substr(0, method_end)),
                                   target.substr(0, query),
                                   {}};
  request.query = target.substr(std::min(query + 1, target.size()));
  request.host = header_field(head, "Host");
  request.authorization = header_field(head, "Authorization");
  asking_ = stream.id;
  turn(request);
}

// Says so to the other side, and to the node once what is being done is done.
void NodeShell::end_stream(core::StreamId id) {
  const auto key = keys_.find(id);
  if (key == keys_.end()) return;
  Stream& stream = streams_.at(key->second);
  stream.connection.send(host_, PacketKind::kEnd);
  owed_.push_back(core::StreamClosed{id, stream.connection.remote()});
  streams_.erase(key->second);
  keys_.erase(key);
}

void NodeShell::check_silence(core::StreamId id) {
  Stream* const stream = find(id);
  if (stream == nullptr || peer_links_.owns(id)) return;
  const MonoTime deadline = stream->progressed_at + kSilenceMax;
  if (deadline > host_.now()) {
    return host_.wake_up(deadline, wake_up_number(WakeUp::kSilence, static_cast<uint64_t>(id)));
  }
  end_stream(id);
  settle();
}

}  // namespace roost::sim
