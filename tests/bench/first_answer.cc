// SPDX-License-Identifier: MIT
// Start-up stopwatch: microseconds from exec of a server to its first valid Binding reply.
//
// A request leaves every 200 us, which is the resolution; replies end the wait at once. The child
// notes the time itself, immediately before exec, so that the fork is not part of the figure. Every
// child is stopped and reaped before the next, and ends with this process in any case.

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <getopt.h>
#include <optional>
#include <poll.h>
#include <span>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "host.h"
#include "loopback_target.h"
#include "stun_client.h"

namespace bench {
namespace {

constexpr int64_t kRequestIntervalNanoseconds = 200'000;
constexpr int64_t kAnswerWithinNanoseconds = 10'000'000'000;
constexpr int64_t kExitWithinNanoseconds = 5'000'000'000;  // Between SIGTERM and SIGKILL.
constexpr int kRunCountMax = 1000;

struct Options {
  LoopbackTarget target;
  int run_count = 1;
  std::optional<int> cpu;
  std::optional<int> child_cpu;
  char** command = nullptr;  // Ends with a null pointer; part of argv.
};

// Written by the child before exec, read by the parent.
struct Shared {
  int64_t exec_nanoseconds;
  int exec_error;  // errno; 0 when the exec succeeded.
};

[[noreturn]] void become_server(const Options& options, Shared& shared) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; null >= 0 && fd <= 2; ++fd) dup2(null, fd);
  if (options.child_cpu && !pin_to_core(*options.child_cpu)) {
    shared.exec_error = errno;
    _exit(127);
  }
  shared.exec_nanoseconds = monotonic_nanoseconds();
  execvp(options.command[0], options.command);
  shared.exec_error = errno;
  _exit(127);
}

bool has_ended(pid_t pid) {
  siginfo_t info{};
  return waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
         info.si_pid == pid;
}

// Ends and reaps the child whatever it does.
void stop(pid_t pid) {
  kill(pid, SIGTERM);
  const int64_t deadline = monotonic_nanoseconds() + kExitWithinNanoseconds;
  while (!has_ended(pid) && monotonic_nanoseconds() < deadline) usleep(1000);
  if (!has_ended(pid)) kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
}

// Whether one of the replies waiting on `socket` is valid. A refused port reads as no reply.
bool read_valid_reply(int socket, const TransactionId& id, const MappedAddress& local) {
  std::array<uint8_t, 1500> buffer;
  for (int tries = 0; tries < 64; ++tries) {
    const ssize_t size = recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0 && errno == ECONNREFUSED) continue;
    if (size < 0) return false;
    const std::span<const uint8_t> reply(buffer.data(), static_cast<size_t>(size));
    if (check_binding_reply(reply, id, local) == ReplyCheck::kValid) return true;
  }
  return false;
}

// When the first valid reply came, or empty. The request stays the same: any copy's reply will do.
std::optional<int64_t> wait_for_answer(int socket, pid_t server) {
  TransactionId id{};
  if (getrandom(id.data(), id.size(), 0) != static_cast<ssize_t>(id.size())) return std::nullopt;
  std::array<uint8_t, kBindingRequestSizeMax> request{};
  const size_t request_size = build_binding_request(id, false, request);
  const MappedAddress local = local_address(socket);

  const int64_t deadline = monotonic_nanoseconds() + kAnswerWithinNanoseconds;
  int64_t next_send = 0;
  while (true) {
    int64_t now = monotonic_nanoseconds();
    if (now >= deadline || has_ended(server)) return std::nullopt;
    if (now >= next_send) {
      send(socket, request.data(), request_size, MSG_DONTWAIT);  // Refused until the server binds.
      next_send = now + kRequestIntervalNanoseconds;
    }
    pollfd polled{socket, POLLIN, 0};
    const timespec wait{0, std::max<int64_t>(next_send - monotonic_nanoseconds(), 0)};
    if (ppoll(&polled, 1, &wait, nullptr) <= 0) continue;
    now = monotonic_nanoseconds();
    if (read_valid_reply(socket, id, local)) return now;
  }
}

// Microseconds from exec to answer, or empty after a message.
std::optional<int64_t> time_one_start(const Options& options, Shared& shared) {
  const int socket = connect_udp(options.target);
  if (socket < 0) {
    std::perror("first_answer: socket");
    return std::nullopt;
  }
  shared = {};
  const pid_t pid = fork();
  if (pid == 0) become_server(options, shared);
  std::optional<int64_t> answered;
  if (pid > 0) {
    answered = wait_for_answer(socket, pid);
    stop(pid);
  }
  close(socket);
  if (shared.exec_error != 0) {
    std::fprintf(stderr, "first_answer: %s: %s\n", options.command[0],
                 std::strerror(shared.exec_error));
    return std::nullopt;
  }
  if (!answered) {
    std::fprintf(stderr, "first_answer: %s never answered\n", options.command[0]);
    return std::nullopt;
  }
  return (*answered - shared.exec_nanoseconds) / 1000;
}

std::optional<int> parse_number(const char* text, int least, int most) {
  int value = 0;
  const char* end = text + std::strlen(text);
  const auto [stop_at, error] = std::from_chars(text, end, value);
  if (error != std::errc{} || stop_at != end || value < least || value > most) return std::nullopt;
  return value;
}

std::optional<Options> parse_options(int argc, char** argv) {
  constexpr option kOptions[] = {
      {"target", required_argument, nullptr, 't'},
      {"runs", required_argument, nullptr, 'n'},
      {"cpu", required_argument, nullptr, 'c'},
      {"child-cpu", required_argument, nullptr, 'k'},
      {nullptr, 0, nullptr, 0},
  };
  Options options;
  std::optional<LoopbackTarget> target;
  std::optional<int> run_count = 1;
  bool is_understood = true;
  // The leading + stops at the command, whose own options are not ours.
  for (int option; (option = getopt_long(argc, argv, "+", kOptions, nullptr)) != -1;) {
    if (option == 't') {
      target = parse_loopback_target(optarg);
    } else if (option == 'n') {
      run_count = parse_number(optarg, 1, kRunCountMax);
    } else if (option == 'c') {
      options.cpu = parse_number(optarg, 0, 1023);
      is_understood &= options.cpu.has_value();
    } else if (option == 'k') {
      options.child_cpu = parse_number(optarg, 0, 1023);
      is_understood &= options.child_cpu.has_value();
    } else {
      is_understood = false;
    }
  }
  if (!is_understood || !target || !run_count || optind >= argc) return std::nullopt;
  options.target = *target;
  options.run_count = *run_count;
  options.command = argv + optind;
  return options;
}

void print_json(std::vector<int64_t> microseconds) {
  std::printf("{\"runs\":%zu,\"microseconds\":[", microseconds.size());
  for (size_t i = 0; i < microseconds.size(); ++i) {
    std::printf("%s%lld", i > 0 ? "," : "", static_cast<long long>(microseconds[i]));
  }
  std::sort(microseconds.begin(), microseconds.end());
  const int64_t low_middle = microseconds[(microseconds.size() - 1) / 2];
  const int64_t high_middle = microseconds[microseconds.size() / 2];
  std::printf("],\"median_us\":%lld}\n", static_cast<long long>((low_middle + high_middle) / 2));
}

int run(int argc, char** argv) {
  const std::optional<Options> options = parse_options(argc, argv);
  if (!options) {
    std::fputs(
        "first_answer --target HOST:PORT [--runs N] [--cpu N] [--child-cpu N] -- COMMAND...\n"
        "The target must be on loopback.\n",
        stderr);
    return 2;
  }
  void* memory =
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED || (options->cpu && !pin_to_core(*options->cpu))) {
    std::perror("first_answer");
    return 1;
  }
  auto& shared = *static_cast<Shared*>(memory);
  std::vector<int64_t> microseconds;
  for (int i = 0; i < options->run_count; ++i) {
    const std::optional<int64_t> one = time_one_start(*options, shared);
    if (!one) return 1;
    microseconds.push_back(*one);
  }
  print_json(microseconds);
  return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::run(argc, argv);
}
