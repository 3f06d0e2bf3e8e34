// SPDX-License-Identifier: MIT
//
// Goal: a service manager is told what sd_notify(3) says, its sockets are taken over as
// sd_listen_fds(3) says, and what is not meant for us is left alone. Method: a notify socket of our
// own, and for descriptors, which begin at 3, a child process.
#include "app/supervisor.h"

#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "environment_variable.h"
#include "forked_child.h"
#include "handed_over.h"
#include "io/clock.h"

namespace roost::app {
namespace {

using namespace std::chrono_literals;

// The service manager's end. `name` is what NOTIFY_SOCKET says: a path, or "@" and a name that is
// in no file system.
class NotifySocket {
 public:
  explicit NotifySocket(const std::string& name)
      : fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name.front() == '@') address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(0, bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), size)) << name;
  }

  // Each datagram that waits; sent to a socket on the same machine, it is there at once.
  std::vector<std::string> received() {
    std::vector<std::string> messages;
    char buffer[4096];
    for (ssize_t size; (size = recv(fd_.get(), buffer, sizeof buffer, 0)) >= 0;) {
      messages.emplace_back(buffer, static_cast<size_t>(size));
    }
    return messages;
  }

 private:
  io::FileDescriptor fd_;
};

class SupervisorTest : public testing::Test {
 protected:
  SupervisorTest() {
    std::string pattern = testing::TempDir() + "roost-supervisor-XXXXXX";
    root_ = mkdtemp(pattern.data());
  }
  ~SupervisorTest() override { std::filesystem::remove_all(root_); }

  std::string path() const { return root_ + "/notify"; }

  std::string root_;
};

using Messages = std::vector<std::string>;

TEST_F(SupervisorTest, TellsTheServiceManagerWhatHappens) {
  const std::string abstract = "@roost-supervisor-test-" + std::to_string(getpid());
  for (const std::string& name : {path(), abstract}) {
    SCOPED_TRACE(name);
    NotifySocket manager(name);
    const EnvironmentVariable variable("NOTIFY_SOCKET", name);
    Supervisor supervisor;
    supervisor.ready("serving stun");
    supervisor.feed_watchdog();
    supervisor.stopping();
    EXPECT_EQ((Messages{"READY=1\nSTATUS=serving stun", "WATCHDOG=1", "STOPPING=1"}),
              manager.received());
  }
}

TEST_F(SupervisorTest, SaysWhenAReloadBegan) {
  NotifySocket manager(path());
  const EnvironmentVariable variable("NOTIFY_SOCKET", path());
  const auto earliest = io::read_clocks().mono.time_since_epoch();
  Supervisor().reloading();
  const auto latest = io::read_clocks().mono.time_since_epoch();
  const Messages messages = manager.received();
  ASSERT_EQ(1u, messages.size());
  const std::string_view start = "RELOADING=1\nMONOTONIC_USEC=";
  ASSERT_TRUE(messages[0].starts_with(start)) << messages[0];
  const Duration told(std::stoll(messages[0].substr(start.size())));
  EXPECT_EQ(std::string(start) + std::to_string(told.count()), messages[0]);
  EXPECT_LE(earliest, told);
  EXPECT_GE(latest, told);
}

TEST_F(SupervisorTest, SaysNothingWithoutAServiceManager) {
  NotifySocket manager(path());
  const std::optional<std::string> rows[] = {
      {},                                // No variable.
      "",                                // An empty one.
      root_ + "/nobody",                 // Nobody is there.
      root_ + std::string(200, 'x'),     // Longer than the path of any socket.
      "@" + root_ + "/nobody",           // Nobody is there either.
      root_ + std::string("/notify\n"),  // Not quite.
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.value_or("(none)"));
    const EnvironmentVariable variable("NOTIFY_SOCKET", row);
    Supervisor supervisor;
    supervisor.ready("");
    supervisor.reloading();
    supervisor.feed_watchdog();
    supervisor.stopping();
    EXPECT_EQ(Messages{}, manager.received());
  }
}

TEST_F(SupervisorTest, IsNotHeldUpByAServiceManagerThatDoesNotRead) {
  NotifySocket manager(path());
  constexpr size_t kMoreThanAQueueHolds = 10'000;
  const std::string ended = in_child([this] {
    const EnvironmentVariable variable("NOTIFY_SOCKET", path());
    Supervisor supervisor;
    for (size_t i = 0; i < kMoreThanAQueueHolds; ++i) supervisor.feed_watchdog();
    return std::string("not held up");
  });
  EXPECT_EQ("not held up", ended);
  const size_t count = manager.received().size();
  EXPECT_GT(count, 0u);
  EXPECT_LT(count, kMoreThanAQueueHolds);  // Else this test would show nothing.
}

TEST_F(SupervisorTest, IsWatchedOnlyIfTheWatchdogIsMeantForUs) {
  struct Row {
    std::optional<std::string> usec;
    std::optional<std::string> pid;
    std::optional<std::chrono::microseconds> expect;
  };
  const std::string ours = std::to_string(getpid());
  const Row rows[] = {
      {"3000000", ours, 3s},
      {"1", ours, 1us},
      {"3000000", {}, 3s},  // sd_watchdog_enabled(3): a PID that is not set is any.
      {"3000000", "", 3s},
      {"3000000", "1", {}},
      {"3000000", ours + "x", {}},
      {"3000000", ours + " ", {}},
      {"3000000", "-" + ours, {}},
      {"3000000", "0x" + ours, {}},
      {"3000000", "99999999999999999999999", {}},
      {{}, ours, {}},
      {"", ours, {}},
      {"0", ours, {}},
      {"-1", ours, {}},
      {"3s", ours, {}},
      {"3000000 ", ours, {}},
      {"9223372036854775807", ours, std::chrono::microseconds::max()},
      {"9223372036854775808", ours, {}},   // As many as no clock of ours can count.
      {"18446744073709551615", ours, {}},  // systemd's word for never.
      {"18446744073709551616", ours, {}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.usec.value_or("(none)") + " for " + row.pid.value_or("(none)"));
    const EnvironmentVariable usec("WATCHDOG_USEC", row.usec);
    const EnvironmentVariable pid("WATCHDOG_PID", row.pid);
    EXPECT_EQ(row.expect, Supervisor().watchdog_timeout());
  }
}

// Which descriptors a supervisor takes, with what they have become, and whether the variables are
// still there for others. "PID" in `pid` stands for that of the child.
std::string take_sockets(const std::optional<std::string>& count, std::optional<std::string> pid,
                         size_t open_count) {
  return in_child([&] {
    if (pid && pid->find("PID") != std::string::npos) {
      pid->replace(pid->find("PID"), 3, std::to_string(getpid()));
    }
    const EnvironmentVariable fds("LISTEN_FDS", count);
    const EnvironmentVariable meant("LISTEN_PID", pid);
    const EnvironmentVariable names("LISTEN_FDNAMES", "a:b");
    // All are blocking, and would be inherited by what we start.
    hand_over(std::vector<int>(open_count, socket(AF_INET, SOCK_DGRAM, 0)));
    Supervisor supervisor;
    const std::vector<io::FileDescriptor> taken = supervisor.take_sockets();
    std::string text;
    for (const io::FileDescriptor& fd : taken) {
      text += std::to_string(fd.get());
      if ((fcntl(fd.get(), F_GETFL) & O_NONBLOCK) == 0) text += " blocking";
      if ((fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) == 0) text += " inherited";
      text += ", ";
    }
    for (const char* const name : {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"}) {
      if (std::getenv(name) != nullptr) text += name + std::string(" ");
    }
    if (!supervisor.take_sockets().empty()) text += "and again";
    return text;
  });
}

TEST_F(SupervisorTest, TakesTheSocketsThatAreMeantForUs) {
  struct Row {
    std::optional<std::string> count;
    std::optional<std::string> pid;
    size_t open_count;
    std::string expect;
  };
  const Row rows[] = {
      {"1", "PID", 1, "3, "},
      {"2", "PID", 2, "3, 4, "},
      {"1", "PID", 2, "3, "},
      {"0", "PID", 2, ""},
      {"5", "PID", 2, "3, 4, "},  // More said than there are.
      {"1", "PID", 0, ""},
      {"2147483647", "PID", 2, "3, 4, "},
      {"18446744073709551615", "PID", 2, "3, 4, "},
      // Not for us: the variables stay for whom they are for.
      {"2", "1", 2, "LISTEN_FDS LISTEN_PID LISTEN_FDNAMES "},
      {"2", {}, 2, "LISTEN_FDS LISTEN_FDNAMES "},
      {"2", "", 2, "LISTEN_FDS LISTEN_PID LISTEN_FDNAMES "},
      {"2", "PIDx", 2, "LISTEN_FDS LISTEN_PID LISTEN_FDNAMES "},
      {"2", " PID", 2, "LISTEN_FDS LISTEN_PID LISTEN_FDNAMES "},
      {"2", "-PID", 2, "LISTEN_FDS LISTEN_PID LISTEN_FDNAMES "},
      // No number.
      {{}, "PID", 2, "LISTEN_PID LISTEN_FDNAMES "},
      {"", "PID", 2, "LISTEN_FDS LISTEN_PID LISTEN_FDNAMES "},
      {"two", "PID", 2, "LISTEN_FDS LISTEN_PID LISTEN_FDNAMES "},
      {"2x", "PID", 2, "LISTEN_FDS LISTEN_PID LISTEN_FDNAMES "},
      {"-1", "PID", 2, "LISTEN_FDS LISTEN_PID LISTEN_FDNAMES "},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.count.value_or("(none)") + " for " + row.pid.value_or("(none)"));
    EXPECT_EQ(row.expect, take_sockets(row.count, row.pid, row.open_count));
  }
}

}  // namespace
}  // namespace roost::app
