// SPDX-License-Identifier: MIT
//
// Goal: watches call back when they should, as often as they should, and never once they are
// cleared or destroyed. Method: a real loop with short timers; what must not happen gets a moment
// in which it would.
#include "io/event_loop.h"

#include <csignal>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <optional>
#include <unistd.h>

#include "io/file_descriptor.h"
#include "loop_runner.h"

namespace roost::io {
namespace {

using namespace std::chrono_literals;

// Long enough for anything that is due at once to happen, short enough to be waited for often.
constexpr Duration kMoment = 20ms;

// libevent reads the kernel's coarse clock, so a timer may come early by a tick of it, 10 ms at
// most.
constexpr Duration kCoarseTick = 10ms;

TEST(EventLoop, CallsATimerOnceAndOnlyAfterItsDelay) {
  EventLoop loop;
  int calls = 0;
  const MonoTime start = read_clocks().mono;
  MonoTime called_at{};
  auto timer = loop.timer([&] {
    ++calls;
    called_at = read_clocks().mono;
  });
  run_for(loop, kMoment);
  EXPECT_EQ(0, calls);  // It was not set yet.

  loop.set(timer, 2 * kMoment);
  EXPECT_TRUE(run_until(loop, [&] { return calls > 0; }));
  EXPECT_GE(called_at - start, 2 * kMoment - kCoarseTick);
  run_for(loop, 3 * kMoment);
  EXPECT_EQ(1, calls);

  loop.set(timer, 0us);
  EXPECT_TRUE(run_until(loop, [&] { return calls == 2; }));
}

TEST(EventLoop, MovesATimerThatIsSetAgain) {
  EventLoop loop;
  int calls = 0;
  auto timer = loop.timer([&] { ++calls; });
  loop.set(timer, 0us);
  loop.set(timer, 1h);
  run_for(loop, kMoment);
  EXPECT_EQ(0, calls);
  loop.set(timer, 1ms);
  EXPECT_TRUE(run_until(loop, [&] { return calls == 1; }));
}

TEST(EventLoop, TakesADelayThatHasPassedForNow) {
  EventLoop loop;
  int calls = 0;
  auto timer = loop.timer([&] { ++calls; });
  loop.set(timer, -5s);
  EXPECT_EQ(0, calls);  // From run() only.
  EXPECT_TRUE(run_until(loop, [&] { return calls == 1; }));
}

TEST(EventLoop, LetsATimerSetItselfAgain) {
  EventLoop loop;
  int calls = 0;
  EventLoop::Watch timer;
  timer = loop.timer([&] {
    if (++calls < 3) loop.set(timer, 0us);
  });
  loop.set(timer, 0us);
  EXPECT_TRUE(run_until(loop, [&] { return calls == 3; }));
  run_for(loop, kMoment);
  EXPECT_EQ(3, calls);
}

TEST(EventLoop, DoesNotCallATimerThatWasCleared) {
  EventLoop loop;
  int calls = 0;
  auto timer = loop.timer([&] { ++calls; });
  loop.clear(timer);  // One that was never set is none the worse.
  loop.set(timer, 0us);
  loop.clear(timer);
  run_for(loop, kMoment);
  EXPECT_EQ(0, calls);
  loop.set(timer, 0us);
  EXPECT_TRUE(run_until(loop, [&] { return calls == 1; }));
}

TEST(EventLoop, CallsAgainAndAgainAfterEachInterval) {
  EventLoop loop;
  int calls = 0;
  const MonoTime start = read_clocks().mono;
  const auto watch = loop.every(5ms, [&] { ++calls; });
  EXPECT_TRUE(run_until(loop, [&] { return calls >= 4; }));
  EXPECT_GE(read_clocks().mono - start, 20ms - kCoarseTick);
}

TEST(EventLoop, CallsForAsLongAsThereIsSomethingToRead) {
  int ends[2];
  ASSERT_EQ(0, pipe2(ends, O_CLOEXEC | O_NONBLOCK));
  const FileDescriptor read_end(ends[0]);
  const FileDescriptor write_end(ends[1]);
  EventLoop loop;
  int calls = 0;
  const auto watch = loop.watch_readable(read_end.get(), [&] {
    char byte;
    if (++calls % 3 == 0) {
      EXPECT_EQ(1, read(read_end.get(), &byte, 1));
    }
  });
  run_for(loop, kMoment);
  EXPECT_EQ(0, calls);
  ASSERT_EQ(1, write(write_end.get(), "x", 1));
  EXPECT_TRUE(run_until(loop, [&] { return calls > 0; }));
  run_for(loop, kMoment);
  EXPECT_EQ(3, calls);
  ASSERT_EQ(1, write(write_end.get(), "y", 1));  // It is still watched.
  EXPECT_TRUE(run_until(loop, [&] { return calls == 6; }));
}

TEST(EventLoop, CallsForASignalAndOnlyForThatOne) {
  EventLoop loop;
  int first = 0;
  int second = 0;
  const auto watch_first = loop.watch_signal(SIGUSR1, [&] { ++first; });
  const auto watch_second = loop.watch_signal(SIGUSR2, [&] { ++second; });
  raise(SIGUSR1);
  EXPECT_EQ(0, first);  // Never in the middle of something else.
  EXPECT_TRUE(run_until(loop, [&] { return first == 1; }));
  raise(SIGUSR2);
  EXPECT_TRUE(run_until(loop, [&] { return second == 1; }));
  raise(SIGUSR1);
  EXPECT_TRUE(run_until(loop, [&] { return first == 2; }));
  EXPECT_EQ(1, second);
}

TEST(EventLoop, GivesASignalBackWhenItsWatchIsDestroyed) {
  const auto before = std::signal(SIGUSR1, SIG_IGN);
  {
    EventLoop loop;
    const auto watch = loop.watch_signal(SIGUSR1, [] {});
  }
  EXPECT_EQ(SIG_IGN, std::signal(SIGUSR1, before));
}

TEST(EventLoop, DoesNotCallAWatchThatIsGone) {
  int ends[2];
  ASSERT_EQ(0, pipe2(ends, O_CLOEXEC));
  const FileDescriptor read_end(ends[0]);
  const FileDescriptor write_end(ends[1]);
  ASSERT_EQ(1, write(write_end.get(), "x", 1));
  EventLoop loop;
  int calls = 0;
  const auto call = [&] { ++calls; };
  {
    auto timer = loop.timer(call);
    loop.set(timer, 0us);
    const auto repeated = loop.every(1us, call);
    const auto readable = loop.watch_readable(read_end.get(), call);
  }
  run_for(loop, kMoment);
  EXPECT_EQ(0, calls);
}

TEST(EventLoop, DoesNotCallAWatchThatAnotherOneDestroysInTheSameTurn) {
  EventLoop loop;
  std::optional<EventLoop::Watch> watches[2];
  int calls = 0;
  // Both are due: whichever comes first ends the other.
  for (size_t i = 0; i < 2; ++i) {
    watches[i] = loop.timer([&, i] {
      ++calls;
      watches[1 - i].reset();
    });
    loop.set(*watches[i], 0us);
  }
  run_for(loop, kMoment);
  EXPECT_EQ(1, calls);
}

TEST(EventLoop, KeepsAWatchThatIsMoved) {
  EventLoop loop;
  int calls = 0;
  auto timer = loop.timer([&] { ++calls; });
  loop.set(timer, 0us);
  const EventLoop::Watch moved = std::move(timer);
  EXPECT_TRUE(run_until(loop, [&] { return calls == 1; }));
}

TEST(EventLoop, RunsUntilItIsStopped) {
  EventLoop loop;
  int calls = 0;
  const auto watch = loop.every(1ms, [&] {
    if (++calls % 3 == 0) loop.stop();
  });
  loop.run();
  EXPECT_EQ(3, calls);
  loop.run();  // And once more, from where it was.
  EXPECT_EQ(6, calls);
}

TEST(EventLoop, CallsBackAfterEachPassWhateverWasReadyInIt) {
  EventLoop loop;
  int first = 0;
  int passes = 0;
  auto one = loop.timer([&] { ++first; });
  auto two = loop.timer([&] { ++first; });
  auto later = loop.timer([&] { loop.stop(); });
  loop.set_after_pass([&] {
    ++passes;
    EXPECT_EQ(2, first);  // Both, before the first pass ended.
  });
  loop.set(one, 0us);
  loop.set(two, 0us);
  loop.set(later, 2 * kMoment);
  loop.run();
  EXPECT_EQ(2, passes);
}

}  // namespace
}  // namespace roost::io
