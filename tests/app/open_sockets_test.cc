// SPDX-License-Identifier: MIT
//
// Goal: the daemon listens where its configuration says, on one port, or on what the service
// manager hands over; and who cannot be served is told which address it is about. Method: real
// sockets on loopback; for descriptors, which begin at 3, a child process.
#include "app/open_sockets.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "environment_variable.h"
#include "forked_child.h"
#include "handed_over.h"
#include "io/listening_socket.h"
#include "io/socket_address.h"

namespace roost::app {
namespace {

constexpr IpAddress kLoopback = IpAddress::v4(0x7f000001);
constexpr IpAddress kSecondLoopback = IpAddress::v4(0x7f000002);
constexpr IpAddress kLoopbackV6(0, 1);

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// On a port that the system chooses, without an admin listener.
node::Config listening_on(std::vector<IpAddress> addresses) {
  node::Config config;
  config.node.listen = std::move(addresses);
  config.node.port = 0;
  config.metrics.listen.reset();
  return config;
}

class OpenSocketsTest : public testing::Test {
 protected:
  OpenSocketsTest() {
    std::string pattern = testing::TempDir() + "roost-sockets-XXXXXX";
    root_ = mkdtemp(pattern.data());
  }
  ~OpenSocketsTest() override { std::filesystem::remove_all(root_); }

  Result<OpenSockets, std::string> open(const node::Config& config) {
    const EnvironmentVariable none("LISTEN_FDS", {});
    Supervisor supervisor;
    return open_sockets(config, supervisor, notes_);
  }
  std::string error(const node::Config& config) {
    const auto sockets = open(config);
    return sockets ? "opened" : sockets.error();
  }

  std::string root_;
  std::vector<std::string> notes_;
};

TEST_F(OpenSocketsTest, ShareOnePortThatTheSystemChooses) {
  const std::vector<IpAddress> rows[] = {
      {kLoopback},
      {kLoopbackV6},
      {kLoopback, kLoopbackV6},
      {kLoopback, kSecondLoopback, kLoopbackV6},
      {IpAddress::v4(0), IpAddress()},
  };
  for (const std::vector<IpAddress>& row : rows) {
    SCOPED_TRACE(row.back().text() + " of " + std::to_string(row.size()));
    const auto sockets = open(listening_on(row));
    ASSERT_TRUE(sockets) << sockets.error();
    const uint16_t port = sockets->udp.front().local().port;
    EXPECT_NE(0u, port);
    std::vector<Endpoint> expected;
    for (const IpAddress& address : row) expected.push_back({address, port});
    EXPECT_EQ(expected, sockets->udp_endpoints());
    EXPECT_EQ(expected, sockets->tcp_endpoints());
    EXPECT_FALSE(sockets->admin.is_open());
    EXPECT_TRUE(notes_.empty());
  }
}

TEST_F(OpenSocketsTest, LetTheSystemChooseAgainWhenItsPortIsTaken) {
  // Of some 28,000 ports so many are taken for TCP and free for UDP that one of these starts would
  // almost surely meet one, as without this many it does now and then.
  constexpr size_t kTaken = 400;
  constexpr size_t kStarts = 400;
  std::vector<io::FileDescriptor> taken;
  for (size_t i = 0; i < kTaken; ++i) taken.push_back(std::move(*io::listen_tcp({kLoopback, 0})));
  for (size_t i = 0; i < kStarts; ++i) {
    const auto sockets = open(listening_on({kLoopback}));
    ASSERT_TRUE(sockets) << sockets.error();
    EXPECT_EQ(1u, sockets->udp.size());
    EXPECT_EQ(sockets->udp_endpoints(), sockets->tcp_endpoints());
  }
}

// One that was free a moment ago.
uint16_t free_port() {
  const auto socket = io::UdpSocket::bind({kLoopback, 0});
  return socket ? socket->local().port : uint16_t{0};
}

TEST_F(OpenSocketsTest, ListenOnTheSecondPortOfDiscoveryOverUdpOnly) {
  node::Config config = listening_on({kLoopback, kSecondLoopback, kLoopbackV6});
  config.stun.discovery_addresses = {kLoopback, kSecondLoopback};
  config.stun.discovery_port = free_port();
  const auto sockets = open(config);
  ASSERT_TRUE(sockets) << sockets.error();
  const uint16_t port = sockets->udp.front().local().port;
  const uint16_t second = config.stun.discovery_port;
  const std::vector<Endpoint> main = {
      {kLoopback, port}, {kSecondLoopback, port}, {kLoopbackV6, port}};
  std::vector<Endpoint> all = main;
  all.push_back({kLoopback, second});
  all.push_back({kSecondLoopback, second});
  EXPECT_EQ(all, sockets->udp_endpoints());
  EXPECT_EQ(main, sockets->tcp_endpoints());
}

TEST_F(OpenSocketsTest, NameTheAddressThatIsTaken) {
  for (const IpAddress& address : {kLoopback, kLoopbackV6}) {
    const auto udp = io::UdpSocket::bind({address, 0});
    ASSERT_TRUE(udp);
    node::Config config = listening_on({address});
    config.node.port = udp->local().port;
    EXPECT_TRUE(contains(error(config), "UDP " + udp->local().text() + ": ")) << error(config);

    // Of a port that nobody else has on UDP, which is bound first.
    std::vector<io::FileDescriptor> listening;
    do {
      auto tcp = io::listen_tcp({address, 0});
      ASSERT_TRUE(tcp);
      config.node.port = io::bound_endpoint(tcp->get()).port;
      listening.push_back(std::move(*tcp));
    } while (!io::UdpSocket::bind({address, config.node.port}));
    const std::string taken = Endpoint{address, config.node.port}.text();
    EXPECT_TRUE(contains(error(config), "TCP " + taken + ": ")) << error(config);
    EXPECT_FALSE(contains(error(config), "metrics.listen")) << error(config);
  }
}

TEST_F(OpenSocketsTest, NameTheAddressThatThisMachineDoesNotHave) {
  const IpAddress foreign = IpAddress::v4(0xc6336407);
  EXPECT_TRUE(contains(error(listening_on({kLoopback, foreign})), "UDP 198.51.100.7:"));
}

TEST_F(OpenSocketsTest, HaveAnAdminListenerWhereTheConfigurationSays) {
  node::Config config = listening_on({kLoopback});
  config.metrics.listen = Endpoint{kLoopbackV6, 0};
  auto sockets = open(config);
  ASSERT_TRUE(sockets) << sockets.error();
  EXPECT_EQ(kLoopbackV6, io::bound_endpoint(sockets->admin.get()).address);
  EXPECT_EQ(1u, sockets->tcp.size());

  // A path comes before an endpoint.
  config.metrics.listen_path = root_ + "/admin";
  sockets = open(config);
  ASSERT_TRUE(sockets) << sockets.error();
  sockaddr_un address{};
  socklen_t size = sizeof address;
  ASSERT_EQ(0, getsockname(sockets->admin.get(), reinterpret_cast<sockaddr*>(&address), &size));
  EXPECT_EQ(AF_UNIX, address.sun_family);
  EXPECT_EQ(config.metrics.listen_path, address.sun_path);
  const io::FileDescriptor client(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(0, connect(client.get(), reinterpret_cast<sockaddr*>(&address), size));
}

TEST_F(OpenSocketsTest, NameTheAdminListenerThatCannotBe) {
  const auto taken = io::listen_tcp({kLoopback, 0});
  ASSERT_TRUE(taken);
  node::Config config = listening_on({kLoopback});
  config.metrics.listen = io::bound_endpoint(taken->get());
  EXPECT_TRUE(contains(error(config), config.metrics.listen->text())) << error(config);
  EXPECT_TRUE(error(config).ends_with(" (metrics.listen)")) << error(config);

  config.metrics.listen_path = root_ + "/file";
  std::ofstream(config.metrics.listen_path) << "an operator's";
  EXPECT_TRUE(contains(error(config), config.metrics.listen_path)) << error(config);
  EXPECT_TRUE(error(config).ends_with(" (metrics.listen)")) << error(config);
}

// A descriptor that a service manager may have opened, by a word for it.
int opened(std::string_view what) {
  if (what == "pipe") {
    int ends[2];
    return pipe(ends) == 0 ? ends[0] : -1;
  }
  if (what == "unix datagram") return socket(AF_UNIX, SOCK_DGRAM, 0);
  if (what == "unix stream") return socket(AF_UNIX, SOCK_STREAM, 0);
  const bool is_udp = what.starts_with("udp");
  const Endpoint any_port{what.ends_with("6") ? kLoopbackV6 : kLoopback, 0};
  if (!is_udp) return io::listen_tcp(any_port)->release();
  sockaddr_storage address;
  const socklen_t size = io::to_sockaddr(any_port, address);
  const int fd = socket(address.ss_family, SOCK_DGRAM, 0);
  return bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 ? fd : -1;
}

// What becomes of these, each named by the address that it is bound to; or the error.
std::string adopted(const std::vector<std::string>& given) {
  return in_child([&] {
    std::vector<int> fds;
    std::vector<Endpoint> bound;
    for (const std::string& what : given) {
      fds.push_back(opened(what));
      bound.push_back(io::bound_endpoint(fds.back()));
    }
    hand_over(fds);
    setenv("LISTEN_FDS", std::to_string(fds.size()).c_str(), 1);
    setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
    // Not looked at: nobody could listen there.
    node::Config config = listening_on({IpAddress::v4(0xc6336407)});
    config.metrics.listen = Endpoint{kLoopback, 0};
    Supervisor supervisor;
    std::vector<std::string> notes;
    const auto sockets = open_sockets(config, supervisor, notes);
    if (!sockets) return sockets.error();
    std::string text;
    const auto add = [&](std::string_view kind, const std::vector<Endpoint>& endpoints) {
      for (const Endpoint& endpoint : endpoints) {
        const auto at = std::find(bound.begin(), bound.end(), endpoint);
        text.append(kind).append(std::to_string(at - bound.begin())).append(" ");
      }
    };
    add("udp", sockets->udp_endpoints());
    add("tcp", sockets->tcp_endpoints());
    return text + (sockets->admin.is_open() ? "admin" : "");
  });
}

TEST_F(OpenSocketsTest, AreThoseThatTheServiceManagerHandsOver) {
  struct Row {
    std::vector<std::string> given;
    std::string expect;
  };
  const std::string needs_udp =
      "the service manager hands over no UDP socket; the socket unit needs ListenDatagram=";
  const std::string is_no_socket =
      "the service manager hands over a descriptor that is no UDP or TCP socket; look at the "
      "Listen lines of the socket unit";
  const Row rows[] = {
      {{"udp", "tcp"}, "udp0 tcp1 admin"},
      {{"tcp", "udp"}, "udp1 tcp0 admin"},
      {{"udp", "udp 6", "tcp", "tcp 6"}, "udp0 udp1 tcp2 tcp3 admin"},
      {{"udp"}, "udp0 admin"},
      {{"tcp"}, needs_udp},
      {{"pipe"}, is_no_socket},
      {{"udp", "tcp", "pipe"}, is_no_socket},
      {{"udp", "unix stream"}, is_no_socket},
      {{"unix datagram"}, is_no_socket},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.given.front() + " of " + std::to_string(row.given.size()));
    EXPECT_EQ(row.expect, adopted(row.given));
  }
}

}  // namespace
}  // namespace roost::app
