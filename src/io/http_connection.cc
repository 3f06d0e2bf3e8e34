// SPDX-License-Identifier: MIT
#include "io/http_connection.h"

#include <string>

#include "base/check.h"

namespace roost::io {

HttpConnection::HttpConnection(const Limits& limits, Owner& owner, Stats& stats, MonoTime now)
    : limits_(limits), owner_(owner), stats_(stats), parser_(limits.request) {
  enter(Phase::kIdle, now + limits_.idle_time_max);
}

size_t HttpConnection::take(Bytes input, MonoTime now) {
  size_t used = 0;
  while (used < input.size() && phase_ < Phase::kReplying && owner_.has_room()) {
    read_some(input, used, now);
  }
  return phase_ == Phase::kClosing ? input.size() : used;
}

void HttpConnection::read_some(Bytes input, size_t& used, MonoTime now) {
  const auto idle_deadline = deadline_;
  const bool was_idle = phase_ == Phase::kIdle;
  if (was_idle) enter(Phase::kHead, now + limits_.head_time_max);
  used += parser_.feed(input.subspan(used));
  switch (parser_.state()) {
    case HttpParser::State::kHead:
      if (was_idle && parser_.is_fresh()) enter(Phase::kIdle, idle_deadline);  // A stray line end.
      return;
    case HttpParser::State::kBody:
      if (phase_ == Phase::kHead) enter(Phase::kBody, now + limits_.body_time_max);
      return offer_to_continue();
    case HttpParser::State::kFailed:
      ++stats_.refused[static_cast<size_t>(parser_.error())];
      return refuse(status_of(parser_.error()), End::kRefused);
    case HttpParser::State::kComplete: break;
  }
  ask(now);
}

void HttpConnection::ask(MonoTime now) {
  const HttpRequest request = parser_.request();
  ++stats_.requests;
  keeps_alive_ = request.keeps_alive && ++request_count_ < limits_.request_count_max;
  is_head_ = request.method == core::HttpMethod::kHead;
  enter(Phase::kReplying, now + limits_.reply_time_max);
  is_asking_ = true;
  owner_.on_request(request);
  is_asking_ = false;
  if (phase_ == Phase::kIdle) prepare_for_next();
}

void HttpConnection::prepare_for_next() {
  parser_.next();
  has_offered_to_continue_ = false;
}

void HttpConnection::offer_to_continue() {
  if (!parser_.expects_continue() || has_offered_to_continue_) return;
  has_offered_to_continue_ = true;
  owner_.on_output(as_bytes("HTTP/1.1 100 Continue\r\n\r\n"));
}

void HttpConnection::reply(const core::HttpReply& reply, MonoTime now) {
  CHECK(phase_ == Phase::kReplying);
  if (reply.closes) keeps_alive_ = false;
  write(reply, keeps_alive_);
  if (!keeps_alive_) {
    end_ = End::kFinished;
    return enter(Phase::kClosing, {});
  }
  enter(Phase::kIdle, now + limits_.idle_time_max);
  if (!is_asking_) prepare_for_next();  // Else the request's views must live on until it returns.
}

void HttpConnection::on_deadline(MonoTime now) {
  if (!deadline_ || now < *deadline_) return;
  switch (phase_) {
    case Phase::kIdle: end_ = End::kIdle; return enter(Phase::kClosing, {});
    case Phase::kHead:
    case Phase::kBody: ++stats_.too_slow; return refuse(408, End::kTooSlow);
    case Phase::kReplying: ++stats_.unanswered; return refuse(503, End::kFinished);
    case Phase::kClosing: return;
  }
}

void HttpConnection::refuse(uint16_t status, End why) {
  is_head_ = parser_.is_head();
  const std::string text = std::string(reason_phrase(status)) + '\n';
  write({core::RequestId{}, status, "text/plain", as_bytes(text), {}}, false);
  end_ = why;
  enter(Phase::kClosing, {});
}

void HttpConnection::enter(Phase phase, std::optional<MonoTime> deadline) {
  phase_ = phase;
  deadline_ = deadline;
}

void HttpConnection::write(const core::HttpReply& reply, bool keeps_alive) {
  const bool may_have_body = reply.status != 204 && reply.status != 304;  // RFC 9110 §6.4.1.
  std::string out = "HTTP/1.1 " + std::to_string(reply.status) + ' ';
  out.append(reason_phrase(reply.status)).append("\r\n");
  if (may_have_body) {
    if (!reply.content_type.empty()) {
      out.append("Content-Type: ").append(reply.content_type).append("\r\n");
    }
    out.append("Content-Length: ").append(std::to_string(reply.body.size())).append("\r\n");
  }
  if (!reply.header_lines.empty()) out.append(reply.header_lines).append("\r\n");
  if (limits_.allows_all_origins) out.append("Access-Control-Allow-Origin: *\r\n");
  out.append("X-Content-Type-Options: nosniff\r\n");
  out.append(keeps_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n");
  if (may_have_body && !is_head_) out.append(as_text(reply.body));
  owner_.on_output(as_bytes(out));
}

}  // namespace roost::io
