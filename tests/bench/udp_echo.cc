// SPDX-License-Identifier: MIT
// A bare UDP echo: what one thread and one socket can do at most, as the bar for the daemon.
//
// Bound to the wildcard address as the daemon is; with --pktinfo it also asks for the address each
// datagram came to and answers from it. It answers loopback sources only, since an echo that others
// can reach is a reflector; --every-source is for a network namespace that leads nowhere. Ends on
// SIGTERM or SIGINT.

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <getopt.h>
#include <memory>
#include <netinet/in.h>
#include <optional>
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stop_signal.h"

namespace bench {
namespace {

constexpr size_t kBatchSize = 64;
constexpr size_t kDatagramSizeMax = 2048;

struct Options {
  uint16_t port = 0;
  bool is_batched = true;
  bool with_pktinfo = false;
  bool answers_every_source = false;
};

// Room for one datagram, its sender, and the address it came to.
struct Cell {
  std::array<uint8_t, kDatagramSizeMax> payload;
  sockaddr_in peer;
  alignas(cmsghdr) std::array<uint8_t, CMSG_SPACE(sizeof(in_pktinfo))> control;
};

class Echo {
 public:
  explicit Echo(const Options& options) : options_(options) {}
  ~Echo() {
    if (socket_ >= 0) close(socket_);
  }
  Echo(const Echo&) = delete;
  Echo& operator=(const Echo&) = delete;

  [[nodiscard]] bool open();
  int socket() const { return socket_; }

  // Answers what is there now, at most one batch.
  void turn() {
    if (options_.is_batched) {
      turn_batched();
    } else {
      turn_single();
    }
  }

 private:
  void turn_batched();
  void turn_single();
  void rearm(size_t i);
  bool may_answer(const sockaddr_in& peer) const;

  Options options_;
  int socket_ = -1;
  std::array<Cell, kBatchSize> cells_;
  std::array<iovec, kBatchSize> vectors_;
  std::array<mmsghdr, kBatchSize> headers_{};
};

bool Echo::open() {
  socket_ = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket_ < 0) return false;
  const int on = 1;
  if (options_.with_pktinfo && setsockopt(socket_, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) != 0) {
    return false;
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options_.port);
  address.sin_addr.s_addr = htonl(INADDR_ANY);
  return bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

bool Echo::may_answer(const sockaddr_in& peer) const {
  return options_.answers_every_source || ntohl(peer.sin_addr.s_addr) >> 24 == 127;
}

// Makes cell `i` ready to receive. The kernel shrank the sizes to what the last datagram needed.
void Echo::rearm(size_t i) {
  vectors_[i] = {cells_[i].payload.data(), cells_[i].payload.size()};
  msghdr& header = headers_[i].msg_hdr;
  header.msg_iov = &vectors_[i];
  header.msg_iovlen = 1;
  header.msg_name = &cells_[i].peer;
  header.msg_namelen = sizeof cells_[i].peer;
  header.msg_control = options_.with_pktinfo ? cells_[i].control.data() : nullptr;
  header.msg_controllen = options_.with_pktinfo ? cells_[i].control.size() : 0;
}

// Turns the received IP_PKTINFO into an order to send from that address: ipi_spec_dst is already
// it, and with no interface named the route decides.
void answer_from_same_address(msghdr& header) {
  cmsghdr* control = CMSG_FIRSTHDR(&header);
  if (control == nullptr || control->cmsg_type != IP_PKTINFO) return;
  const int any_interface = 0;
  std::memcpy(CMSG_DATA(control) + offsetof(in_pktinfo, ipi_ifindex), &any_interface,
              sizeof any_interface);
}

void Echo::turn_batched() {
  for (size_t i = 0; i < kBatchSize; ++i) rearm(i);
  const int received = recvmmsg(socket_, headers_.data(), kBatchSize, MSG_DONTWAIT, nullptr);
  unsigned count = 0;
  for (size_t i = 0; i < kBatchSize && static_cast<int>(i) < received; ++i) {
    if (!may_answer(cells_[i].peer)) break;  // Not ours: the rest of the batch goes with it.
    vectors_[i].iov_len = headers_[i].msg_len;
    if (options_.with_pktinfo) answer_from_same_address(headers_[i].msg_hdr);
    ++count;
  }
  if (count > 0) sendmmsg(socket_, headers_.data(), count, MSG_DONTWAIT);
}

void Echo::turn_single() {
  for (size_t i = 0; i < kBatchSize; ++i) {
    Cell& cell = cells_[0];
    ssize_t size = 0;
    if (options_.with_pktinfo) {
      rearm(0);
      size = recvmsg(socket_, &headers_[0].msg_hdr, MSG_DONTWAIT);
    } else {
      socklen_t peer_size = sizeof cell.peer;
      size = recvfrom(socket_, cell.payload.data(), cell.payload.size(), MSG_DONTWAIT,
                      reinterpret_cast<sockaddr*>(&cell.peer), &peer_size);
    }
    if (size < 0) return;
    if (!may_answer(cell.peer)) continue;
    if (options_.with_pktinfo) {
      vectors_[0].iov_len = static_cast<size_t>(size);
      answer_from_same_address(headers_[0].msg_hdr);
      sendmsg(socket_, &headers_[0].msg_hdr, MSG_DONTWAIT);
    } else {
      sendto(socket_, cell.payload.data(), static_cast<size_t>(size), MSG_DONTWAIT,
             reinterpret_cast<const sockaddr*>(&cell.peer), sizeof cell.peer);
    }
  }
}

std::optional<Options> parse_options(int argc, char** argv) {
  constexpr option kOptions[] = {
      {"port", required_argument, nullptr, 'p'},
      {"mode", required_argument, nullptr, 'm'},
      {"pktinfo", no_argument, nullptr, 'i'},
      {"every-source", no_argument, nullptr, 'e'},
      {nullptr, 0, nullptr, 0},
  };
  Options options;
  bool is_understood = true;
  for (int option; (option = getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    const std::string_view text = optarg != nullptr ? optarg : "";
    if (option == 'p') {
      std::from_chars(text.data(), text.data() + text.size(), options.port);
    } else if (option == 'm' && (text == "single" || text == "batch")) {
      options.is_batched = text == "batch";
    } else if (option == 'i') {
      options.with_pktinfo = true;
    } else if (option == 'e') {
      options.answers_every_source = true;
    } else {
      is_understood = false;
    }
  }
  if (!is_understood || options.port == 0 || optind != argc) return std::nullopt;
  return options;
}

bool watch(int epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

int run(int argc, char** argv) {
  const std::optional<Options> options = parse_options(argc, argv);
  if (!options) {
    std::fputs("udp_echo --port N [--mode single|batch] [--pktinfo] [--every-source]\n", stderr);
    return 2;
  }
  // On the heap, because its cells are too big for a stack.
  const auto echo = std::make_unique<Echo>(*options);
  const int stop_signal = open_stop_signal();
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (stop_signal < 0 || epoll < 0 || !echo->open() || !watch(epoll, stop_signal) ||
      !watch(epoll, echo->socket())) {
    std::perror("udp_echo");
    return 1;
  }
  while (true) {
    std::array<epoll_event, 2> events{};
    const int count = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (size_t i = 0; i < events.size() && static_cast<int>(i) < count; ++i) {
      if (events[i].data.fd == stop_signal) return 0;
      echo->turn();
    }
  }
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::run(argc, argv);
}
