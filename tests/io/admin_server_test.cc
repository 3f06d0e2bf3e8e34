// SPDX-License-Identifier: MIT
//
// Goal: the owner sees the pages, other sites' pages do not, and nobody can wear the listener out.
// Method: real connections on loopback and at a path.
#include "io/admin_server.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "io/listening_socket.h"
#include "io/socket_address.h"
#include "loop_runner.h"
#include "stream_client.h"

namespace roost::io {
namespace {

using namespace std::chrono_literals;

class FakePages final : public AdminPages {
 public:
  std::string metrics() override { return metrics_text; }
  std::string status_json() override { return "{}\n"; }
  std::string peers_json() override { return "{\"peers\":[]}\n"; }
  std::vector<std::string> not_ready_because() override { return reasons; }

  std::string metrics_text = "roost_x 1\n";
  std::vector<std::string> reasons;
};

class AdminServerTest : public testing::Test {
 protected:
  AdminServerTest() {
    limits_.tick = 1ms;
    limits_.buffers.linger_time_max = 50ms;
  }

  void start() {
    auto listener = listen_tcp({IpAddress::v4(0x7f000001), 0});
    ASSERT_TRUE(listener);
    endpoint_ = bound_endpoint(listener->get());
    server_.emplace(loop_, std::move(*listener), pages_, limits_);
  }

  // The whole answer to one request whose connection is then closed.
  std::string ask(StreamClient& client, const std::string& request) {
    client.send(request);
    client.finish();
    EXPECT_TRUE(run_until(loop_, [&] {
      client.pump();
      return client.has_ended();
    }));
    return client.received();
  }
  std::string ask(const std::string& request) {
    StreamClient client(endpoint_);
    return ask(client, request);
  }
  std::string get(const std::string& path, const std::string& host = "localhost") {
    return ask("GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
  }

  EventLoop loop_;
  FakePages pages_;
  AdminServer::Limits limits_;
  std::optional<AdminServer> server_;
  Endpoint endpoint_;
};

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != text.npos;
}

TEST_F(AdminServerTest, ShowsItsPages) {
  start();
  const std::string metrics = get("/metrics");
  EXPECT_TRUE(metrics.starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(has(metrics, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  EXPECT_TRUE(metrics.ends_with("\r\n\r\nroost_x 1\n"));
  EXPECT_FALSE(has(metrics, "Access-Control"));
  const std::string status = get("/status.json");
  EXPECT_TRUE(has(status, "Content-Type: application/json\r\n"));
  EXPECT_TRUE(status.ends_with("\r\n\r\n{}\n"));
  EXPECT_TRUE(get("/healthz").ends_with("\r\n\r\nok\n"));
  EXPECT_TRUE(has(get("/"), "/metrics"));
  EXPECT_TRUE(get("/metrics?x=y").starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(get("/nothing").starts_with("HTTP/1.1 404 "));
}

TEST_F(AdminServerTest, SaysWhyTheNodeIsNotReady) {
  start();
  EXPECT_TRUE(get("/readyz").starts_with("HTTP/1.1 200 "));
  pages_.reasons = {"the sky is falling", "it is late"};
  const std::string answer = get("/readyz");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503 "));
  EXPECT_TRUE(answer.ends_with("\r\n\r\nthe sky is falling\nit is late\n"));
}

TEST_F(AdminServerTest, AnswersHeadWithoutTheBodyAndTakesNothing) {
  start();
  const std::string head = ask("HEAD /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_TRUE(has(head, "Content-Length: 10\r\n"));
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
  const std::string post = ask("POST /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_TRUE(post.starts_with("HTTP/1.1 405 "));
  EXPECT_TRUE(has(post, "Allow: GET, HEAD\r\n"));
  EXPECT_TRUE(ask("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx")
                  .starts_with("HTTP/1.1 413 "));
}

TEST_F(AdminServerTest, AnswersOldAndPersistentClients) {
  start();
  EXPECT_TRUE(ask("GET /healthz HTTP/1.0\r\n\r\n").starts_with("HTTP/1.1 200 "));
  StreamClient client(endpoint_);
  const std::string request = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
  client.send(request + request + request);
  EXPECT_TRUE(run_until(loop_, [&] {
    client.pump();
    size_t replies = 0;
    for (size_t at = 0; (at = client.received().find("\r\nok\n", at)) != std::string::npos; ++at) {
      ++replies;
    }
    return replies == 3;
  }));
  EXPECT_FALSE(client.has_ended());
}

TEST_F(AdminServerTest, IsNotFooledByAnotherSitesName) {
  start();
  const std::string answer = get("/metrics", "evil.example");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 403 "));
  EXPECT_FALSE(has(answer, "roost_x"));
  EXPECT_TRUE(ask("GET http://evil.example/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
                  .starts_with("HTTP/1.1 403 "));
}

TEST(IsLocalHostField, KnowsNumbersAndLocalhost) {
  for (const std::string_view host : {"localhost", "LocalHost:9478", "127.0.0.1", "127.0.0.1:9478",
                                      "[::1]", "[::1]:9478", "192.168.1.1", "[fe80::1]:80"}) {
    EXPECT_TRUE(is_local_host_field(host)) << host;
  }
  for (const std::string_view host :
       {"", "evil.example", "evil.example:9478", "localhost.evil.example", "127.0.0.1.evil.example",
        "1.2.3", "0x7f.1", "2130706433", "::1", "[::1", "[::1]x", "[::1]:", "[127.0.0.1]",
        "localhost:", "localhost:99999", "localhost:80:80", "127.0.0.1:x", "xlocalhost"}) {
    EXPECT_FALSE(is_local_host_field(host)) << host;
  }
}

TEST_F(AdminServerTest, TakesAnyHostAtAPath) {
  std::string root = testing::TempDir() + "roost-admin-XXXXXX";
  ASSERT_NE(nullptr, mkdtemp(root.data()));
  const std::string path = root + "/socket";
  auto listener = listen_unix(path);
  ASSERT_TRUE(listener);
  AdminServer server(loop_, std::move(*listener), pages_, limits_);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  FileDescriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  ASSERT_EQ(0, connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address));
  StreamClient client(std::move(fd));
  EXPECT_TRUE(ask(client, "GET /metrics HTTP/1.1\r\nHost: any\r\n\r\n").ends_with("roost_x 1\n"));
  std::filesystem::remove_all(root);
}

TEST_F(AdminServerTest, ALargePageArrivesWhole) {
  start();
  pages_.metrics_text = std::string(700'000, 'x');
  const std::string answer = get("/metrics");
  EXPECT_EQ(pages_.metrics_text.size(), answer.size() - answer.find("\r\n\r\n") - 4);
}

TEST_F(AdminServerTest, MoreConnectionsThanItTakesWaitForTheirTurn) {
  limits_.connection_count_max = 2;
  start();
  std::vector<std::unique_ptr<StreamClient>> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(std::make_unique<StreamClient>(endpoint_));
    clients.back()->send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    clients.back()->pump();
  }
  run_for(loop_, 20ms);
  EXPECT_EQ(2u, server_->connection_count());
  for (const auto& client : clients) {
    client->finish();
    ASSERT_TRUE(run_until(loop_, [&] {
      client->pump();
      return client->has_ended() && client->received().ends_with("ok\n");
    }));
  }
  EXPECT_TRUE(run_until(loop_, [&] { return server_->connection_count() == 0; }));
}

TEST_F(AdminServerTest, SlowAndIdleClientsAreClosed) {
  limits_.http.head_time_max = 50ms;
  limits_.http.idle_time_max = 50ms;
  start();
  StreamClient silent(endpoint_);
  StreamClient slow(endpoint_);
  slow.send("GET / HT");
  EXPECT_TRUE(run_until(loop_, [&] {
    silent.pump();
    slow.pump();
    return silent.has_ended() && slow.has_ended() && server_->connection_count() == 0;
  }));
  EXPECT_TRUE(silent.received().empty());
  EXPECT_TRUE(slow.received().starts_with("HTTP/1.1 408 "));
}

TEST_F(AdminServerTest, OneThatNeverReadsIsClosed) {
  limits_.buffers.stall_time_max = 50ms;
  pages_.metrics_text = std::string(900'000, 'x');
  start();
  StreamClient client(endpoint_, 4096);
  client.stop_reading();
  for (int i = 0; i < 20; ++i) client.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
  client.pump();
  ASSERT_TRUE(run_until(loop_, [&] { return server_->connection_count() == 1; }));
  EXPECT_TRUE(run_until(loop_, [&] {
    client.pump();
    return server_->connection_count() == 0;
  }));
}

TEST_F(AdminServerTest, StopClosesEverything) {
  start();
  StreamClient client(endpoint_);
  ASSERT_TRUE(run_until(loop_, [&] { return server_->connection_count() == 1; }));
  server_->stop();
  EXPECT_EQ(0u, server_->connection_count());
  client.pump();
  EXPECT_TRUE(client.has_ended());
  run_for(loop_, 1ms);
  EXPECT_EQ(0, event_base_get_num_events(loop_.base(), EVENT_BASE_COUNT_ADDED));
}

}  // namespace
}  // namespace roost::io
