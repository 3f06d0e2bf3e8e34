// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/action.h"
#include "io/stream_server.h"

namespace roost::io {

// The node's side of the stream server, as a program that answers and a contract that is checked:
// each stream is opened once, and closed once unless refused; nothing comes from one that is not
// open; no input comes while actions are being carried out.
class FakeNode {
 public:
  // What it does with what comes in.
  bool refuses_streams = false;
  size_t echoes_per_message = 1;
  std::function<void(const core::MessageArrived&)> on_message;  // Instead of that.
  bool answers_requests = true;                                 // Else they wait in `waiting`.
  std::string reply_body = "hi";

  // What came in.
  std::vector<std::string> messages;
  std::vector<core::MessageArrived> message_ends;  // Their payloads are dead.
  std::vector<std::string> requests;               // "GET /path body".
  std::deque<core::RequestId> waiting;
  std::map<core::StreamId, Endpoint> open;
  uint64_t opened = 0;
  uint64_t closed = 0;
  uint64_t refused = 0;
  std::array<uint64_t, core::kTransportCount> sent_bytes{};

  void attach(StreamServer& server) { server_ = &server; }

  void deliver(const core::Input& input) {
    EXPECT_FALSE(is_stepping_) << "an input while actions are carried out";
    is_stepping_ = true;
    std::visit([this](const auto& what) { step(what); }, input);
    is_stepping_ = false;
  }

  // Actions from elsewhere than an input of a stream's: a timer, or a datagram.
  void send(core::StreamId stream, std::string_view payload) {
    is_stepping_ = true;
    server_->send({stream, as_bytes(payload)});
    is_stepping_ = false;
  }
  void answer(core::RequestId request) {
    is_stepping_ = true;
    server_->reply({request, 200, "text/plain", as_bytes(reply_body), "X-A: b"});
    is_stepping_ = false;
  }
  void answer_next() {
    answer(waiting.front());
    waiting.pop_front();
  }

 private:
  void step(const core::StreamOpened& input) {
    EXPECT_TRUE(ever_.insert(input.stream).second) << "a stream's number was used twice";
    ++opened;
    if (refuses_streams) {
      ++refused;
      return server_->refuse({input.stream});
    }
    open[input.stream] = input.from;
  }
  void step(const core::MessageArrived& input) {
    EXPECT_TRUE(open.contains(input.stream));
    EXPECT_EQ(open[input.stream], input.from);
    messages.emplace_back(as_text(input.payload));
    message_ends.push_back(input);
    if (on_message) return on_message(input);
    // Views into the input must survive whatever the first of several actions does to the stream.
    for (size_t i = 0; i < echoes_per_message; ++i) server_->send({input.stream, input.payload});
  }
  void step(const core::HttpRequestArrived& input) {
    EXPECT_TRUE(ever_asked_.insert(input.request).second) << "a request's number was used twice";
    static constexpr std::string_view kMethods[] = {"GET",    "HEAD",    "POST", "PUT",
                                                    "DELETE", "OPTIONS", "other"};
    std::string text(kMethods[static_cast<size_t>(input.method)]);
    text.append(" ").append(input.path);
    if (!input.body.empty()) text.append(" ").append(as_text(input.body));
    requests.push_back(text);
    if (answers_requests) {
      server_->reply({input.request, 200, "text/plain", as_bytes(reply_body), "X-A: b"});
    } else {
      waiting.push_back(input.request);
    }
  }
  void step(const core::StreamBytesSent& input) {
    EXPECT_GT(input.bytes, 0u);
    sent_bytes[static_cast<size_t>(input.transport)] += input.bytes;
  }
  void step(const core::StreamClosed& input) {
    ASSERT_TRUE(open.contains(input.stream)) << "closed twice, or never opened";
    EXPECT_EQ(open[input.stream], input.from);
    open.erase(input.stream);
    ++closed;
  }
  void step(const core::DatagramArrived&) { ADD_FAILURE(); }
  void step(const core::RelayOpened&) {}
  void step(const core::RelayRefused&) {}
  void step(const core::RelayDatagramArrived&) {}
  void step(const core::RelayErrorArrived&) {}
  void step(const core::PeerConnected&) { ADD_FAILURE(); }
  void step(const core::PeerFailed&) { ADD_FAILURE(); }
  void step(const core::PeerArrived&) { ADD_FAILURE(); }
  void step(const core::PeerDataArrived&) { ADD_FAILURE(); }
  void step(const core::PeerClosed&) { ADD_FAILURE(); }
  void step(const core::NamesResolved&) { ADD_FAILURE(); }
  void step(const core::CommitDone&) { ADD_FAILURE(); }
  void step(const core::RangeRead&) { ADD_FAILURE(); }
  void step(const core::DeadlinePassed&) { ADD_FAILURE(); }

  StreamServer* server_ = nullptr;
  bool is_stepping_ = false;
  std::set<core::StreamId> ever_;
  std::set<core::RequestId> ever_asked_;
};

}  // namespace roost::io
