// SPDX-License-Identifier: MIT
// The bare relay of forwarder.cc with io_uring instead of epoll: what the ring could be worth.
//
// A multishot recvmsg is armed once for each socket and fills buffers of one shared ring; all
// messages of a wake-up are sent with the io_uring_enter(2) that waits for the next one. Sockets
// are registered, so that none is looked up per message. Without a kernel thread (SQPOLL), which
// would take a core that a small machine does not have. Ends on SIGTERM or SIGINT.

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <getopt.h>
#include <liburing.h>
#include <memory>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <optional>
#include <poll.h>
#include <span>
#include <string_view>
#include <sys/socket.h>
#include <vector>

#include "flow_table.h"
#include "forwarder.h"
#include "outbox.h"
#include "stop_signal.h"

namespace bench {
namespace {

// How the kernel gets work done that a socket's readiness causes.
enum class Setup : uint8_t {
  kPlain,  // It interrupts the thread.
  kCoop,   // At the next system call, whichever that is.
  kDefer,  // When the thread waits for it (one thread only).
};

// More than the generator's window, so that no buffer is awaited; few enough to stay in the cache.
constexpr uint16_t kBufferCount = 256;
constexpr size_t kBufferSize = 2048;
// For the longest datagram that UDP_GRO makes, and what is put before it. The odd rest keeps the
// beginnings out of each other's cache lines.
constexpr size_t kBufferSizeWithGro = 65536 + 192;
constexpr int kBufferGroup = 0;
constexpr unsigned kSubmissionsMax = 1024;
constexpr unsigned kCompletionsMax = 8192;
constexpr unsigned kDescriptorsMax = FlowTable::kFlowsMax + 64;
constexpr uint32_t kPublic = ~uint32_t{0};
constexpr uint32_t kStop = kPublic - 1;
constexpr uint32_t kSent = kPublic - 2;

unsigned flags_of(Setup setup) {
  switch (setup) {
    case Setup::kPlain: return 0;
    case Setup::kCoop: return IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SINGLE_ISSUER;
    case Setup::kDefer: return IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER;
  }
  return 0;
}

class Forwarder {
 public:
  Forwarder(bool with_segments, Setup setup)
      : setup_(setup),
        buffer_size_(with_segments ? kBufferSizeWithGro : kBufferSize),
        outbox_(with_segments),
        flows_(with_segments,
               [this](const Flow& flow, uint32_t index) { return watch(flow.socket, index); }) {
    shape_.msg_namelen = sizeof(sockaddr_in);
    shape_.msg_controllen = with_segments ? CMSG_SPACE(sizeof(int)) : 0;
  }
  ~Forwarder() {
    if (is_open_) io_uring_queue_exit(&ring_);
  }
  Forwarder(const Forwarder&) = delete;
  Forwarder& operator=(const Forwarder&) = delete;

  [[nodiscard]] bool open(uint16_t port, int stop_signal) {
    io_uring_params parameters{};
    parameters.flags = flags_of(setup_) | IORING_SETUP_CQSIZE;
    parameters.cq_entries = kCompletionsMax;
    if (!succeeds(io_uring_queue_init_params(kSubmissionsMax, &ring_, &parameters))) return false;
    is_open_ = true;
    if (!succeeds(io_uring_register_files_sparse(&ring_, kDescriptorsMax))) return false;
    if (!open_buffers()) return false;
    public_ = flows_.open_public(port);
    if (public_ < 0 || !watch(public_, kPublic)) return false;
    io_uring_sqe* const sqe = next_submission();
    io_uring_prep_poll_add(sqe, stop_signal, POLLIN);
    io_uring_sqe_set_data64(sqe, kStop);
    return true;
  }

  // Until the stop signal comes.
  void run() {
    while (true) {
      // All messages are sent when this returns: they are not allowed to wait (MSG_DONTWAIT).
      io_uring_submit_and_wait(&ring_, 1);
      give_back_buffers();
      unsigned head = 0;
      unsigned count = 0;
      io_uring_cqe* completion = nullptr;
      io_uring_for_each_cqe(&ring_, head, completion) {
        ++count;
        if (completion->user_data == kStop) return;
        take(*completion);
      }
      io_uring_cq_advance(&ring_, count);
      send();
    }
  }

 private:
  static bool succeeds(int result) {
    if (result < 0) errno = -result;
    return result >= 0;
  }

  bool open_buffers() {
    constexpr size_t kPage = 4096;
    const size_t ring_bytes = kBufferCount * sizeof(io_uring_buf);
    static_assert(kBufferCount * sizeof(io_uring_buf) % kPage == 0);
    buffer_ring_.reset(static_cast<io_uring_buf_ring*>(std::aligned_alloc(kPage, ring_bytes)));
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<uintptr_t>(buffer_ring_.get());
    registration.ring_entries = kBufferCount;
    registration.bgid = kBufferGroup;
    io_uring_buf_ring_init(buffer_ring_.get());
    if (!succeeds(io_uring_register_buf_ring(&ring_, &registration, 0))) return false;
    buffers_.reset(new uint8_t[kBufferCount * buffer_size_]);
    for (uint16_t i = 0; i < kBufferCount; ++i) used_.push_back(i);
    give_back_buffers();
    return true;
  }

  uint8_t* buffer(uint16_t number) { return buffers_.get() + number * buffer_size_; }

  void give_back_buffers() {
    int offset = 0;
    for (const uint16_t number : used_) {
      io_uring_buf_ring_add(buffer_ring_.get(), buffer(number), static_cast<unsigned>(buffer_size_),
                            number, io_uring_buf_ring_mask(kBufferCount), offset++);
    }
    io_uring_buf_ring_advance(buffer_ring_.get(), offset);
    used_.clear();
  }

  io_uring_sqe* next_submission() {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    while (sqe == nullptr) {
      io_uring_submit(&ring_);
      sqe = io_uring_get_sqe(&ring_);
    }
    return sqe;
  }

  bool watch(int fd, uint32_t which) {
    if (!succeeds(io_uring_register_files_update(&ring_, static_cast<unsigned>(fd), &fd, 1))) {
      return false;
    }
    arm(fd, which);
    return true;
  }

  void arm(int fd, uint32_t which) {
    io_uring_sqe* const sqe = next_submission();
    io_uring_prep_recvmsg_multishot(sqe, fd, &shape_, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT | IOSQE_FIXED_FILE;
    sqe->buf_group = kBufferGroup;
    io_uring_sqe_set_data64(sqe, which);
  }

  void take(const io_uring_cqe& completion) {
    if (completion.user_data == kSent) return;  // It failed: it is lost, as in UDP.
    const auto which = static_cast<uint32_t>(completion.user_data);
    if ((completion.flags & IORING_CQE_F_BUFFER) != 0) {
      const auto number = static_cast<uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
      used_.push_back(number);
      if (completion.res >= 0) receive(which, buffer(number), completion.res);
    }
    if ((completion.flags & IORING_CQE_F_MORE) != 0) return;
    arm(which == kPublic ? public_ : flows_[which].socket, which);  // No buffer, or an error.
  }

  void receive(uint32_t which, uint8_t* at, int bytes) {
    io_uring_recvmsg_out* const out = io_uring_recvmsg_validate(at, bytes, &shape_);
    if (out == nullptr) return;
    const auto* const data = static_cast<const uint8_t*>(io_uring_recvmsg_payload(out, &shape_));
    const size_t size = io_uring_recvmsg_payload_length(out, bytes, &shape_);
    const size_t segment = segment_size(out, size);
    if (!outbox_.has_room(size / segment + 1)) send();
    if (which != kPublic) {
      const Flow& flow = flows_[which];
      for (size_t i = 0; i < size; i += segment) {
        outbox_.add(public_, flow.client, true, data + i, std::min(segment, size - i));
      }
      return;
    }
    const auto& from = *static_cast<const sockaddr_in*>(io_uring_recvmsg_name(out));
    const Flow* const flow = flows_.find(from);
    if (flow == nullptr || !is_channel_data(data, size)) return flows_.answer(data, size, from);
    for (size_t i = 0; i < size; i += segment) {
      const size_t whole = std::min(segment, size - i);
      if (whole < kChannelHeaderSize) return;
      outbox_.add(flow->socket, flow->peer, false, data + i + kChannelHeaderSize,
                  whole - kChannelHeaderSize);
    }
  }

  size_t segment_size(io_uring_recvmsg_out* out, size_t size) {
    const size_t whole = std::max<size_t>(size, 1);
    if (out->controllen < CMSG_LEN(sizeof(int))) return whole;
    const cmsghdr* const control = io_uring_recvmsg_cmsg_firsthdr(out, &shape_);
    if (control == nullptr || control->cmsg_type != UDP_GRO) return whole;
    int segment = 0;
    std::memcpy(&segment, CMSG_DATA(control), sizeof segment);
    return segment > 0 ? static_cast<size_t>(segment) : whole;
  }

  // With the next submission; at once only where it has no room for all.
  void send() {
    outbox_.take_out([this](int socket, std::span<mmsghdr> messages) {
      for (mmsghdr& message : messages) {
        io_uring_sqe* const sqe = next_submission();
        io_uring_prep_sendmsg(sqe, socket, &message.msg_hdr, MSG_DONTWAIT);
        sqe->flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
        io_uring_sqe_set_data64(sqe, kSent);
      }
    });
  }

  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };

  Setup setup_;
  size_t buffer_size_;
  bool is_open_ = false;
  io_uring ring_{};
  std::unique_ptr<io_uring_buf_ring, Free> buffer_ring_;
  std::unique_ptr<uint8_t[]> buffers_;
  std::vector<uint16_t> used_;  // Buffers that hold what is being sent.
  msghdr shape_{};              // What each buffer has room for before the payload.
  int public_ = -1;
  Outbox outbox_;
  FlowTable flows_;
};

struct Options {
  uint16_t port = 0;
  bool with_segments = false;
  Setup setup = Setup::kDefer;
};

bool read_setup(std::string_view text, Setup& out) {
  if (text == "plain") {
    out = Setup::kPlain;
  } else if (text == "coop") {
    out = Setup::kCoop;
  } else {
    out = Setup::kDefer;
    return text == "defer";
  }
  return true;
}

std::optional<Options> parse_options(int argc, char** argv) {
  constexpr option kOptions[] = {
      {"port", required_argument, nullptr, 'p'},
      {"segments", no_argument, nullptr, 's'},
      {"setup", required_argument, nullptr, 'u'},
      {nullptr, 0, nullptr, 0},
  };
  Options options;
  bool is_understood = true;
  for (int option; (option = getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    const std::string_view text = optarg != nullptr ? optarg : "";
    switch (option) {
      case 'p': std::from_chars(text.data(), text.data() + text.size(), options.port); break;
      case 's': options.with_segments = true; break;
      case 'u': is_understood &= read_setup(text, options.setup); break;
      default: is_understood = false;
    }
  }
  if (!is_understood || options.port == 0 || optind != argc) return std::nullopt;
  return options;
}

int run(int argc, char** argv) {
  const std::optional<Options> options = parse_options(argc, argv);
  if (!options) {
    std::fputs("forwarder_uring --port N [--segments] [--setup plain|coop|defer]\n", stderr);
    return 2;
  }
  // On the heap, because its messages are too big for a stack.
  const auto forwarder = std::make_unique<Forwarder>(options->with_segments, options->setup);
  const int stop_signal = open_stop_signal();
  if (stop_signal < 0 || !forwarder->open(options->port, stop_signal)) {
    std::perror("forwarder_uring");
    return 1;
  }
  forwarder->run();
  return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::run(argc, argv);
}
