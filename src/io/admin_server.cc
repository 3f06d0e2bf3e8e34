// SPDX-License-Identifier: MIT
#include "io/admin_server.h"

#include <algorithm>
#include <charconv>
#include <sys/socket.h>
#include <utility>

#include "base/address.h"
#include "io/clock.h"

namespace roost::io {
namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";

constexpr std::string_view kIndex =
    "roost\n"
    "\n"
    "/metrics      for Prometheus\n"
    "/healthz      200 while the process runs its loop\n"
    "/readyz       200 while the node serves; else 503 and why not\n"
    "/status.json  what the node is doing\n"
    "/peers.json   the supernodes that it knows\n";

bool is_on_network(int listener) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  return address.ss_family != AF_UNIX;
}

bool is_port(std::string_view text) {
  uint16_t port;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size();
}

// A page: what stands in a reply. `text` holds what `body` shows, where it was composed.
struct Page {
  uint16_t status;
  std::string_view content_type;
  std::string text;
  std::string_view header_lines;
};

Page readiness(AdminPages& pages) {
  std::string lines;
  for (const std::string& reason : pages.not_ready_because()) lines += reason + '\n';
  if (lines.empty()) return {200, kText, "ok\n", {}};
  return {503, kText, lines, {}};
}

Page find_page(AdminPages& pages, const HttpRequest& request) {
  if (request.method != core::HttpMethod::kGet && request.method != core::HttpMethod::kHead) {
    return {405, kText, "method not allowed\n", "Allow: GET, HEAD"};
  }
  constexpr std::string_view kFresh = "Cache-Control: no-store";
  if (request.path == "/") return {200, kText, std::string(kIndex), {}};
  if (request.path == "/metrics") {
    return {200, "text/plain; version=0.0.4; charset=utf-8", pages.metrics(), kFresh};
  }
  if (request.path == "/healthz") return {200, kText, "ok\n", kFresh};
  if (request.path == "/readyz") return readiness(pages);
  if (request.path == "/status.json") {
    return {200, "application/json", pages.status_json(), kFresh};
  }
  if (request.path == "/peers.json") {
    return {200, "application/json", pages.peers_json(), kFresh};
  }
  return {404, kText, "not found\n", {}};
}

}  // namespace

bool is_local_host_field(std::string_view host) {
  if (host.starts_with('[')) {
    const size_t end = host.find(']');
    if (end == host.npos) return false;
    const std::string_view rest = host.substr(end + 1);
    const std::string_view address = host.substr(1, end - 1);
    return address.find(':') != address.npos && IpAddress::parse(address) &&
           (rest.empty() || (rest.front() == ':' && is_port(rest.substr(1))));
  }
  const size_t colon = host.find(':');
  if (colon != host.npos && !is_port(host.substr(colon + 1))) return false;
  std::string name(host.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return name == "localhost" || IpAddress::parse(name);
}

class AdminServer::Connection final : private BufferedStream::Owner, private HttpConnection::Owner {
 public:
  Connection(AdminServer& server, uint64_t number, FileDescriptor fd)
      : server_(server),
        number_(number),
        http_(server.limits_.http, *this, server.stats_, read_clocks().mono),
        stream_(server.loop_, std::move(fd), server.limits_.buffers, *this) {
    stream_.read_plainly();
    update_deadline();
  }

  void abort() { stream_.abort(); }

  void on_deadline(MonoTime now) {
    stream_.on_deadline(now);
    http_.on_deadline(now);
    if (http_.end()) stream_.finish();
    update_deadline();
  }

 private:
  void on_first_byte(uint8_t, MonoTime) override {}
  void on_tls_ready() override {}
  size_t on_input(Bytes input, MonoTime now) override {
    const size_t used = http_.take(input, now);
    if (http_.end()) stream_.finish();
    return used;
  }
  void on_input_end() override { stream_.finish(); }
  void on_sent(uint64_t) override {}
  void on_end(BufferedStream::End) override { server_.on_ended(number_); }
  void on_event_done() override { update_deadline(); }

  void on_output(Bytes bytes) override { stream_.write(bytes); }
  bool has_room() const override { return stream_.is_open() && !stream_.is_congested(); }
  void on_request(const HttpRequest& request) override {
    const bool is_foreign =
        server_.is_on_network_ && request.host && !is_local_host_field(*request.host);
    const Page page = is_foreign ? Page{403, kText, "use the address, or localhost\n", {}}
                                 : find_page(server_.pages_, request);
    http_.reply(
        {core::RequestId{}, page.status, page.content_type, as_bytes(page.text), page.header_lines},
        read_clocks().mono);
  }

  void update_deadline() {
    if (stream_.has_ended()) return;
    auto deadline = stream_.deadline();
    if (http_.deadline() && (!deadline || *http_.deadline() < *deadline)) {
      deadline = http_.deadline();
    }
    server_.deadlines_.set(server_.connections_.slot_of(number_), deadline);
  }

  AdminServer& server_;
  uint64_t number_;
  HttpConnection http_;
  BufferedStream stream_;
};

AdminServer::AdminServer(EventLoop& loop, FileDescriptor listener, AdminPages& pages,
                         const Limits& limits)
    : loop_(loop),
      pages_(pages),
      limits_(limits),
      is_on_network_(is_on_network(listener.get())),
      deadlines_(loop, limits.connection_count_max, limits.tick,
                 [this](uint32_t slot, MonoTime now) {
                   if (Connection* const connection = connections_.at_slot(slot)) {
                     connection->on_deadline(now);
                   }
                 }),
      destroy_(loop, [this] { destroy_ended(); }),
      connections_(limits.connection_count_max) {
  acceptor_.emplace(loop, std::move(listener),
                    [this](FileDescriptor fd, const Endpoint&) { on_accept(std::move(fd)); });
}

AdminServer::~AdminServer() = default;

void AdminServer::on_accept(FileDescriptor fd) {
  const uint64_t number = connections_.reserve();
  connections_.put(number, std::make_unique<Connection>(*this, number, std::move(fd)));
  // The next one waits in the backlog: it is the owner's, and so is not turned away.
  if (connections_.is_full()) acceptor_->hold();
}

void AdminServer::on_ended(uint64_t number) {
  deadlines_.set(connections_.slot_of(number), {});
  ended_.push_back(number);
  destroy_.schedule();
}

void AdminServer::destroy_ended() {
  for (const uint64_t number : std::exchange(ended_, {})) connections_.erase(number);
  if (!acceptor_) return;
  acceptor_->retry();
  if (!connections_.is_full()) acceptor_->release();
}

void AdminServer::stop() {
  acceptor_.reset();
  connections_.for_each([](Connection& connection) { connection.abort(); });
  destroy_ended();
}

}  // namespace roost::io
