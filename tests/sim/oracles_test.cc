// SPDX-License-Identifier: MIT
//
// Goal: each oracle reports each breach of what it watches over, and nothing that is allowed.
// Method: for each promise a planted breach, and the nearest that is still right.
#include "sim/oracles.h"

#include <chrono>
#include <gtest/gtest.h>
#include <utility>

namespace roost::sim {
namespace {

using namespace std::chrono_literals;

constexpr Endpoint kClient{IpAddress::v4(0x0b000001), 5000};
constexpr Endpoint kClientOtherPort{kClient.address, 5001};
constexpr Endpoint kOther{IpAddress::v4(0x0b000101), 5000};
constexpr Endpoint kOurs{IpAddress::v4(0x14000101), 3478};
constexpr Endpoint kOursToo{{0x2a00'0000'0000'0000, 1}, 3478};
constexpr core::StreamId kStream{7};
constexpr core::StreamId kOtherStream{8};
constexpr core::RequestId kRequest{3};

const std::vector<uint8_t> kBytes(2000);

Bytes bytes(size_t size) {
  return Bytes(kBytes).first(size);
}

core::DatagramArrived asked(size_t size = 20, const Endpoint& from = kClient) {
  return {0, {kOurs, 0}, from, bytes(size)};
}

core::SendDatagram reply(size_t size = 32, const Endpoint& to = kClient,
                         const Endpoint& from = kOurs) {
  return {0, {from, 0}, to, bytes(size)};
}

core::MessageArrived asked_on(core::StreamId stream) {
  return {stream, core::Transport::kTcp, {kOurs, 0}, kClient, bytes(20)};
}

core::SendMessage reply_on(core::StreamId stream) {
  return {stream, bytes(32)};
}

core::StreamOpened opened(uint64_t stream, const Endpoint& from = kClient) {
  return {core::StreamId{stream}, from};
}

core::StreamClosed closed(uint64_t stream, const Endpoint& from = kClient) {
  return {core::StreamId{stream}, from};
}

core::HttpRequestArrived requested(core::RequestId request = kRequest) {
  return {request, kClient, core::HttpMethod::kGet, "/v1/node", {}};
}

core::HttpReply replied(core::RequestId request = kRequest) {
  return {request, 200, "text/plain", {}, {}};
}

struct Step {
  std::string_view what;
  core::Input input;
  std::vector<core::Action> actions;
  uint64_t expect;  // So many faults.
};

// ---- ReplyOracle

TEST(ReplyOracle, ReportsDatagramsThatWereNotAskedForOrNotLikeThis) {
  const Step steps[] = {
      {"an answer", asked(), {reply()}, 0},
      {"silence", asked(), {}, 0},
      {"three times the question", asked(20), {reply(60)}, 0},
      {"one byte more", asked(20), {reply(61)}, 1},
      {"an empty answer to an empty question", asked(0), {reply(0)}, 0},
      {"one byte in answer to nothing", asked(0), {reply(1)}, 1},
      {"to another port", asked(), {reply(32, kClientOtherPort)}, 1},
      {"to another address", asked(), {reply(32, kOther)}, 1},
      {"from another address of ours", asked(), {reply(32, kClient, kOursToo)}, 0},
      {"from another port of ours", asked(), {reply(32, kClient, {kOurs.address, 3479})}, 0},
      {"from the address of another", asked(), {reply(32, kClient, kOther)}, 1},
      {"two answers", asked(), {reply(), reply()}, 1},
      {"three answers", asked(), {reply(), reply(), reply()}, 2},
      {"to a question on a stream", asked_on(kStream), {reply()}, 1},
      {"to the opening of a stream", opened(1), {reply()}, 1},
      {"to the closing of a stream", closed(1), {reply()}, 1},
      {"to a request", requested(), {replied(), reply()}, 1},
      {"to bytes that were sent", core::StreamBytesSent{core::Transport::kTcp, 9}, {reply()}, 1},
      {"at a deadline", core::DeadlinePassed(), {reply()}, 1},
      {"nothing at a deadline", core::DeadlinePassed(), {}, 0},
  };
  for (const Step& step : steps) {
    Verdict verdict;
    ReplyOracle oracle(verdict, {kOurs.address, kOursToo.address});
    oracle.check(MonoTime(1s), step.input, step.actions);
    EXPECT_EQ(verdict.count(), step.expect) << step.what << '\n' << verdict.text();
  }
}

TEST(ReplyOracle, ReportsMessagesOnStreamsThatDidNotAsk) {
  const Step steps[] = {
      {"an answer", asked_on(kStream), {reply_on(kStream)}, 0},
      {"silence", asked_on(kStream), {}, 0},
      {"two answers", asked_on(kStream), {reply_on(kStream), reply_on(kStream)}, 1},
      {"on another stream", asked_on(kStream), {reply_on(kOtherStream)}, 1},
      {"on another stream too",
       asked_on(kStream),
       {reply_on(kStream), reply_on(kOtherStream)},
       2},  // A second one, and one that nobody asked for.
      {"to a datagram", asked(), {reply_on(kStream)}, 1},
      {"to the opening of the stream", opened(7), {reply_on(kStream)}, 1},
      {"to the closing of the stream", closed(7), {reply_on(kStream)}, 1},
      {"to a request", requested(), {replied(), reply_on(kStream)}, 1},
      {"at a deadline", core::DeadlinePassed(), {reply_on(kStream)}, 1},
  };
  for (const Step& step : steps) {
    Verdict verdict;
    ReplyOracle oracle(verdict, {kOurs.address});
    oracle.check(MonoTime(1s), step.input, step.actions);
    EXPECT_EQ(verdict.count(), step.expect) << step.what << '\n' << verdict.text();
  }
}

// Connects are answered when the peer has, and owners told of peers who connect.
TEST(ReplyOracle, KnowsWhoIsToldOfPeers) {
  constexpr core::PeerConnectionId kConnection{5};
  constexpr core::RelayId kRelay{6};
  const core::Action connect = core::ConnectPeer{kConnection, kRelay, kOther};
  const core::Action open = core::OpenRelay{kRelay, kOurs.address};
  const core::Action take = core::TakePeer{kConnection};
  const core::Action give_up = core::ClosePeer{kConnection};
  const core::Action told = reply_on(kStream);
  const core::Action other_told = reply_on(kOtherStream);
  const core::PeerArrived arrived{kRelay, kOther};
  const Step steps[] = {
      {"connected", core::PeerConnected{kConnection}, {told}, 0},
      {"connected, and another told", core::PeerConnected{kConnection}, {other_told}, 1},
      {"connected, and told twice", core::PeerConnected{kConnection}, {told, told}, 1},
      {"failed", core::PeerFailed{kConnection, core::PeerFailure::kRefused}, {told}, 0},
      {"given up", core::DeadlinePassed(), {give_up, told}, 0},
      {"given up, and another told", core::DeadlinePassed(), {give_up, other_told}, 1},
      {"told without a reason", core::DeadlinePassed(), {told}, 1},
      {"taken on", arrived, {take, told}, 0},
      {"taken on, and another told", arrived, {take, other_told}, 1},
      {"told of one who was not taken on", arrived, {told}, 1},
  };
  for (const Step& step : steps) {
    Verdict verdict;
    ReplyOracle oracle(verdict, {kOurs.address});
    oracle.check(MonoTime(1s), asked_on(kStream), std::vector<core::Action>{open, connect});
    oracle.check(MonoTime(1s), step.input, step.actions);
    EXPECT_EQ(verdict.count(), step.expect) << step.what << '\n' << verdict.text();
  }
}

TEST(ReplyOracle, LooksAtEachActionAmongOthers) {
  Verdict verdict;
  ReplyOracle oracle(verdict, {kOurs.address});
  oracle.check(MonoTime(), asked(), std::vector<core::Action>{core::Note{"a word"}, reply()});
  EXPECT_TRUE(verdict.holds());
  oracle.check(MonoTime(), asked(),
               std::vector<core::Action>{core::Note{"a word"}, reply(61, kOther, kOther)});
  EXPECT_EQ(verdict.count(), 3u);
}

// ---- StreamOracle

class StreamOracleTest : public testing::Test {
 protected:
  static node::Config bounds(uint32_t in_all, uint32_t per_prefix) {
    node::Config config;
    config.donate.connections = in_all;
    config.admission.connections_per_prefix = per_prefix;
    return config;
  }

  // How many faults the step adds.
  uint64_t faults(const core::Input& input, std::vector<core::Action> actions,
                  uint32_t node_open_count) {
    const uint64_t before = verdict_.count();
    oracle_.check(MonoTime(1s), input, actions, node_open_count);
    return verdict_.count() - before;
  }
  static core::RefuseStream refused(uint64_t stream) { return {core::StreamId{stream}}; }

  Verdict verdict_;
  StreamOracle oracle_{verdict_, bounds(3, 2)};
};

TEST_F(StreamOracleTest, AllowsStreamsToBeOpenedRefusedAndClosed) {
  EXPECT_EQ(faults(opened(1), {}, 1), 0u);
  EXPECT_EQ(faults(opened(2), {refused(2)}, 1), 0u);
  EXPECT_EQ(faults(core::DeadlinePassed(), {}, 1), 0u);
  EXPECT_EQ(faults(closed(1), {}, 0), 0u);
  EXPECT_EQ(oracle_.open_count(), 0u);
}

TEST_F(StreamOracleTest, ReportsARefusalThatComesTooLateOrToAnother) {
  EXPECT_EQ(faults(opened(1), {}, 1), 0u);
  EXPECT_EQ(faults(core::DeadlinePassed(), {refused(1)}, 1), 1u);
  // Instead of an answer to a message of its own it may be.
  EXPECT_EQ(faults(asked_on(core::StreamId{1}), {refused(1)}, 1), 0u);
  EXPECT_EQ(faults(asked_on(core::StreamId{1}), {refused(2)}, 1), 1u);
  // Also once its peer has answered.
  EXPECT_EQ(faults(core::PeerConnected{}, {refused(1)}, 1), 0u);
  EXPECT_EQ(faults(opened(2), {refused(2), refused(2)}, 1), 1u);
}

TEST_F(StreamOracleTest, ReportsARefusalOfAnotherStreamThanThatWhichWasOpened) {
  EXPECT_EQ(faults(opened(1), {refused(2)}, 0), 1u);
}

TEST_F(StreamOracleTest, ReportsAStreamThatEndsTwiceOrNeverBegan) {
  EXPECT_EQ(faults(closed(1), {}, 0), 1u);
  EXPECT_EQ(faults(opened(2), {refused(2)}, 0), 0u);
  EXPECT_EQ(faults(closed(2), {}, 0), 1u);  // It was refused.
  EXPECT_EQ(faults(opened(3), {}, 1), 0u);
  EXPECT_EQ(faults(closed(3), {}, 0), 0u);
  EXPECT_EQ(faults(closed(3), {}, 0), 1u);
}

TEST_F(StreamOracleTest, ReportsANumberThatIsUsedAgain) {
  EXPECT_EQ(faults(opened(1), {}, 1), 0u);
  EXPECT_EQ(faults(closed(1), {}, 0), 0u);
  EXPECT_EQ(faults(opened(1), {refused(1)}, 0), 1u);
}

TEST_F(StreamOracleTest, ReportsOneStreamTooManyInAll) {
  EXPECT_EQ(faults(opened(1, kClient), {}, 1), 0u);
  EXPECT_EQ(faults(opened(2, kOther), {}, 2), 0u);
  EXPECT_EQ(faults(opened(3, kOursToo), {}, 3), 0u);
  EXPECT_EQ(faults(opened(4, kOurs), {refused(4)}, 3), 0u);
  EXPECT_EQ(faults(opened(5, kOurs), {}, 4), 1u);
}

TEST_F(StreamOracleTest, ReportsOneStreamTooManyOfAPrefix) {
  struct Row {
    Endpoint first;
    Endpoint within;  // The last address of its /24 or /56.
    Endpoint beyond;  // The first of the next one.
  };
  const Row rows[] = {
      {kClient, {IpAddress::v4(0x0b0000ff), 1}, {IpAddress::v4(0x0b000100), 1}},
      {kOursToo, {{0x2a00'0000'0000'00ff, ~uint64_t{0}}, 1}, {{0x2a00'0000'0000'0100, 0}, 1}},
  };
  for (const Row& row : rows) {
    Verdict verdict;
    StreamOracle oracle(verdict, bounds(10, 2));
    oracle.check(MonoTime(), opened(1, row.first), {}, 1);
    oracle.check(MonoTime(), opened(2, row.within), {}, 2);
    oracle.check(MonoTime(), opened(3, row.beyond), {}, 3);
    EXPECT_TRUE(verdict.holds()) << verdict.text();
    oracle.check(MonoTime(), opened(4, row.within), {}, 4);
    EXPECT_EQ(verdict.count(), 1u) << verdict.text();
    // Two of three must end before there is room for another.
    oracle.check(MonoTime(), closed(4, row.within), {}, 3);
    oracle.check(MonoTime(), closed(1, row.first), {}, 2);
    oracle.check(MonoTime(), opened(5, row.first), {}, 3);
    EXPECT_EQ(verdict.count(), 1u) << verdict.text();
  }
}

TEST_F(StreamOracleTest, ReportsANodeThatCountsDifferently) {
  EXPECT_EQ(faults(core::DeadlinePassed(), {}, 1), 1u);
  EXPECT_EQ(faults(opened(1), {}, 0), 1u);
  EXPECT_EQ(faults(opened(2), {refused(2)}, 2), 1u);
  EXPECT_EQ(faults(closed(1), {}, 1), 1u);
  EXPECT_EQ(faults(core::DeadlinePassed(), {}, 0), 0u);
}

TEST_F(StreamOracleTest, TakesNewBoundsForNewStreamsOnly) {
  for (uint32_t i = 1; i <= 2; ++i) EXPECT_EQ(faults(opened(i), {}, i), 0u);
  oracle_.set_bounds(bounds(1, 1));
  EXPECT_EQ(faults(core::DeadlinePassed(), {}, 2), 0u);
  EXPECT_EQ(faults(closed(1), {}, 1), 0u);
  EXPECT_EQ(faults(opened(3, kOther), {refused(3)}, 1), 0u);
  EXPECT_EQ(faults(opened(4, kOther), {}, 2), 1u);
  oracle_.set_bounds(bounds(3, 2));
  EXPECT_EQ(faults(opened(5, kOther), {}, 3), 0u);
}

TEST_F(StreamOracleTest, ForgetsTheStreamsOfANodeThatIsGone) {
  EXPECT_EQ(faults(opened(1), {}, 1), 0u);
  EXPECT_EQ(faults(opened(2), {}, 2), 0u);
  oracle_.forget();
  EXPECT_EQ(faults(core::DeadlinePassed(), {}, 0), 0u);
  EXPECT_EQ(faults(closed(1), {}, 0), 1u);
  EXPECT_EQ(faults(opened(1), {}, 1), 0u);
  EXPECT_EQ(faults(opened(2), {}, 2), 0u);
}

TEST_F(StreamOracleTest, ReportsRequestsThatAreNotAnsweredOnce) {
  EXPECT_EQ(faults(requested(), {replied()}, 0), 0u);
  EXPECT_EQ(faults(requested(), {}, 0), 1u);
  EXPECT_EQ(faults(requested(), {replied(), replied()}, 0), 1u);
  EXPECT_EQ(faults(requested(), {core::Note{"a word"}, replied()}, 0), 0u);
}

TEST_F(StreamOracleTest, ReportsRepliesThatNobodyWaitsFor) {
  EXPECT_EQ(faults(requested(), {replied(core::RequestId{4})}, 0), 1u);
  // Neither waited for nor of that number.
  EXPECT_EQ(faults(core::DeadlinePassed(), {replied()}, 0), 2u);
  EXPECT_EQ(faults(asked_on(kStream), {replied()}, 0), 2u);
  EXPECT_EQ(faults(requested(), {replied(), replied(core::RequestId{4})}, 0), 2u);
}

// ---- AccountOracle

TEST(AccountOracle, ReportsMessagesThatAreNotCountedOnce) {
  struct Row {
    core::Input input;
    uint64_t added;
    uint64_t expect;
  };
  const Row rows[] = {
      {asked(), 1, 0},
      {asked(), 0, 1},
      {asked(), 2, 1},
      {asked_on(kStream), 1, 0},
      {asked_on(kStream), 0, 1},
      {asked_on(kStream), 2, 1},
      {core::DeadlinePassed(), 0, 0},
      {core::StreamBytesSent{core::Transport::kTcp, 9}, 0, 0},
      // What is no message may be counted among what was dropped, or not.
      {opened(1), 1, 0},
      {requested(), 1, 0},
      {requested(), 0, 0},
  };
  for (const Row& row : rows) {
    Verdict verdict;
    AccountOracle oracle(verdict);
    oracle.check(MonoTime(1s), row.input, 10, 10 + row.added);
    EXPECT_EQ(verdict.count(), row.expect) << row.input.index() << ' ' << row.added;
  }
}

// ---- DonationOracle

constexpr WallTime kJune{std::chrono::sys_days{std::chrono::year{2027} / 6 / 15}};
constexpr WallTime kJuly{std::chrono::sys_days{std::chrono::year{2027} / 7 / 1}};
constexpr int64_t kJuneNumber = 12 * 2027 + 5;

class DonationOracleTest : public testing::Test {
 protected:
  using Month = DonationOracle::Month;

  static node::Config::Donate donation(uint64_t rate, uint64_t monthly) {
    node::Config::Donate donate;
    donate.bandwidth_bytes_per_second = rate;
    donate.monthly_bytes = monthly;
    return donate;
  }
  DonationOracle make(uint64_t rate, uint64_t monthly) {
    return DonationOracle(verdict_, donation(rate, monthly));
  }
  static Now at(Duration mono, std::optional<WallTime> wall = kJune) {
    return {MonoTime(100h) + mono, wall};
  }
  // How many faults it adds.
  uint64_t sent(DonationOracle& oracle, const Now& now, uint64_t bytes) {
    const uint64_t before = verdict_.count();
    oracle.sent(now, bytes);
    return verdict_.count() - before;
  }
  uint64_t refused(DonationOracle& oracle, const Now& now, uint64_t bytes) {
    const uint64_t before = verdict_.count();
    oracle.sent_refusal(now, bytes);
    return verdict_.count() - before;
  }
  uint64_t claimed(DonationOracle& oracle, const Now& now, const Month& month) {
    const uint64_t before = verdict_.count();
    oracle.check_month(now, month);
    return verdict_.count() - before;
  }

  Verdict verdict_;
};

TEST_F(DonationOracleTest, ReportsOneByteBeyondTheMonth) {
  DonationOracle oracle = make(0, 1000);
  EXPECT_EQ(sent(oracle, at(0s), 400), 0u);
  EXPECT_EQ(sent(oracle, at(1h), 600), 0u);
  EXPECT_EQ(sent(oracle, at(2h), 1), 1u);
  EXPECT_EQ(oracle.month(), (Month{kJuneNumber, 1001}));
}

TEST_F(DonationOracleTest, BeginsANewMonthWhenTheCalendarDoes) {
  DonationOracle oracle = make(0, 1000);
  EXPECT_EQ(sent(oracle, at(0s, kJuly - 1s), 1000), 0u);
  EXPECT_EQ(sent(oracle, at(1s, kJuly), 1000), 0u);
  EXPECT_EQ(oracle.month(), (Month{kJuneNumber + 1, 1000}));
  EXPECT_EQ(sent(oracle, at(2s, kJuly + 1s), 1), 1u);
}

TEST_F(DonationOracleTest, KnowsNoBoundWhereTheDonationHasNone) {
  DonationOracle oracle = make(0, 0);
  EXPECT_EQ(sent(oracle, at(0s), uint64_t{1} << 40), 0u);
  EXPECT_EQ(sent(oracle, at(0s), uint64_t{1} << 40), 0u);
}

TEST_F(DonationOracleTest, ReportsOneByteBeyondTheBurst) {
  struct Row {
    uint64_t rate;
    uint64_t burst;
  };
  // A second's worth, and never less than one large packet.
  constexpr Row kRows[] = {{10'000, 10'000}, {2049, 2049}, {2048, 2048}, {2047, 2048}, {1, 2048}};
  for (const Row& row : kRows) {
    DonationOracle oracle = make(row.rate, 0);
    EXPECT_EQ(sent(oracle, at(0s), row.burst - 1), 0u) << row.rate;
    EXPECT_EQ(sent(oracle, at(0s), 1), 0u) << row.rate;
    EXPECT_EQ(sent(oracle, at(0s), 1), 1u) << row.rate;
  }
}

TEST_F(DonationOracleTest, ReportsOneByteBeyondTheRateInWhateverSpanOfTime) {
  constexpr uint64_t kRate = 1'000'000;  // A byte each microsecond.
  for (const Duration span : {Duration(1us), Duration(500ms), Duration(1s), Duration(1h)}) {
    DonationOracle oracle = make(kRate, 0);
    EXPECT_EQ(sent(oracle, at(0s), kRate), 0u);
    const uint64_t earned = std::min(kRate, static_cast<uint64_t>(span.count()));
    EXPECT_EQ(sent(oracle, at(span), earned), 0u) << span.count();
    EXPECT_EQ(sent(oracle, at(span), 1), 1u) << span.count();
  }
  // A busy hour in steady small steps, whose bytes are just those of one burst and the rate.
  DonationOracle oracle = make(kRate, 0);
  EXPECT_EQ(sent(oracle, at(0s), kRate), 0u);
  for (int i = 1; i <= 3600; ++i) ASSERT_EQ(sent(oracle, at(i * 1s), kRate), 0u);
  EXPECT_EQ(sent(oracle, at(1h), 1), 1u);
}

TEST_F(DonationOracleTest, AllowsToSayThatWeAreFullInAFewBytesEach) {
  DonationOracle oracle = make(0, 1000);
  EXPECT_EQ(sent(oracle, at(0s), 1000), 0u);
  EXPECT_EQ(refused(oracle, at(0s), DonationOracle::kRefusalBytesMax), 0u);
  EXPECT_EQ(refused(oracle, at(0s), DonationOracle::kRefusalBytesMax + 1), 1u);
  EXPECT_EQ(oracle.month().bytes, 1000 + 2 * DonationOracle::kRefusalBytesMax + 1);
  EXPECT_EQ(sent(oracle, at(0s), 1), 1u);
  // In the next month nothing of that is left to excuse a byte too many.
  EXPECT_EQ(sent(oracle, at(1s, kJuly), 1000), 0u);
  EXPECT_EQ(sent(oracle, at(1s, kJuly), 1), 1u);
}

TEST_F(DonationOracleTest, CountsRefusalsIntoTheMonthInWhichTheyAreSent) {
  DonationOracle oracle = make(0, 1000);
  EXPECT_EQ(sent(oracle, at(0s), 1000), 0u);
  EXPECT_EQ(refused(oracle, at(1s, kJuly), 100), 0u);
  EXPECT_EQ(oracle.month(), (Month{kJuneNumber + 1, 100}));
}

TEST_F(DonationOracleTest, ComparesWhatTheNodeSays) {
  DonationOracle oracle = make(0, 0);
  EXPECT_EQ(claimed(oracle, at(0s), {0, 0}), 0u);
  sent(oracle, at(0s), 100);
  refused(oracle, at(0s), 20);
  EXPECT_EQ(claimed(oracle, at(0s), {kJuneNumber, 120}), 0u);
  EXPECT_EQ(claimed(oracle, at(0s), {kJuneNumber, 119}), 1u);
  EXPECT_EQ(claimed(oracle, at(0s), {kJuneNumber, 121}), 1u);
  EXPECT_EQ(claimed(oracle, at(0s), {kJuneNumber + 1, 120}), 1u);
  // In July it may not have looked at the calendar yet, or have begun anew; nothing in between.
  EXPECT_EQ(claimed(oracle, at(1s, kJuly), {kJuneNumber, 120}), 0u);
  EXPECT_EQ(claimed(oracle, at(1s, kJuly), {kJuneNumber + 1, 120}), 1u);
  EXPECT_EQ(claimed(oracle, at(1s, kJuly), {kJuneNumber + 1, 0}), 0u);
  EXPECT_EQ(claimed(oracle, at(1s, kJuly), {kJuneNumber, 120}), 1u);
}

TEST_F(DonationOracleTest, LetsTheNodeBelieveABitTooMuchAfterACrashAndNeverTooLittle) {
  constexpr uint64_t kAhead = DonationOracle::kAheadBytesMax;
  struct Row {
    Month claimed;
    uint64_t faults;
  };
  constexpr Row kRows[] = {
      {{kJuneNumber, 600}, 0},
      {{kJuneNumber, 599}, 1},
      {{kJuneNumber, 600 + kAhead}, 0},
      {{kJuneNumber, 601 + kAhead}, 1},
      {{0, 0}, 1},
      {{kJuneNumber + 1, 600}, 1},
  };
  for (const Row& row : kRows) {
    DonationOracle oracle = make(0, 1000);
    sent(oracle, at(0s), 600);
    oracle.crashed();
    const uint64_t before = verdict_.count();
    oracle.restored(at(1s), row.claimed);
    EXPECT_EQ(row.faults, verdict_.count() - before) << row.claimed.bytes;
    EXPECT_EQ(claimed(oracle, at(1s), row.claimed), 0u);
  }
}

TEST_F(DonationOracleTest, ForgetsNothingOfTheMonthInACrash) {
  DonationOracle oracle = make(0, 1000);
  sent(oracle, at(0s), 500);
  refused(oracle, at(0s), 100);
  oracle.crashed();
  oracle.restored(at(0s), {kJuneNumber, 600});
  EXPECT_EQ(sent(oracle, at(1s), 500), 0u);
  EXPECT_EQ(sent(oracle, at(1s), 1), 1u);
}

// Each life has a burst, and a monotonic clock of its own, which may begin earlier.
TEST_F(DonationOracleTest, BeginsABurstAnewAfterACrash) {
  DonationOracle oracle = make(10'000, 0);
  EXPECT_EQ(sent(oracle, at(0s), 10'000), 0u);
  oracle.crashed();
  EXPECT_EQ(sent(oracle, at(-50h), 10'000), 0u);
  EXPECT_EQ(sent(oracle, at(-50h), 1), 1u);
}

TEST_F(DonationOracleTest, GivesNoMonthAwayTwiceWhenTheClockIsSetBack) {
  DonationOracle oracle = make(0, 1000);
  EXPECT_EQ(sent(oracle, at(0s, kJuly), 1000), 0u);
  EXPECT_EQ(sent(oracle, at(1s, kJune), 1), 1u);
  EXPECT_EQ(sent(oracle, at(2s, kJuly), 1), 1u);
  EXPECT_EQ(oracle.month(), (Month{kJuneNumber + 1, 1002}));
  EXPECT_EQ(sent(oracle, at(3s, kJuly + 24h * 31), 1000), 0u);
}

TEST_F(DonationOracleTest, BeginsANewMonthWhenTheClockIsSetForward) {
  DonationOracle oracle = make(0, 1000);
  EXPECT_EQ(sent(oracle, at(0s), 1000), 0u);
  EXPECT_EQ(sent(oracle, at(1s, kJune + 24h * 400), 1000), 0u);
  EXPECT_EQ(sent(oracle, at(2s, kJune + 24h * 400), 1), 1u);
  EXPECT_EQ(oracle.month(), (Month{kJuneNumber + 13, 1001}));
}

TEST_F(DonationOracleTest, CountsWithoutAClockTowardsTheLastMonthKnown) {
  DonationOracle oracle = make(0, 1000);
  EXPECT_EQ(sent(oracle, at(0s), 900), 0u);
  EXPECT_EQ(sent(oracle, at(1s, std::nullopt), 100), 0u);
  EXPECT_EQ(sent(oracle, at(2s, std::nullopt), 1), 1u);
  EXPECT_EQ(oracle.month(), (Month{kJuneNumber, 1001}));
}

TEST_F(DonationOracleTest, CountsBeforeAnyClockTowardsTheFirstMonthKnown) {
  DonationOracle oracle = make(0, 1000);
  EXPECT_EQ(sent(oracle, at(0s, std::nullopt), 900), 0u);
  EXPECT_EQ(oracle.month(), (Month{0, 900}));
  EXPECT_EQ(sent(oracle, at(1s), 100), 0u);
  EXPECT_EQ(sent(oracle, at(2s), 1), 1u);
  EXPECT_EQ(oracle.month(), (Month{kJuneNumber, 1001}));
}

TEST_F(DonationOracleTest, TakesANewDonationAndForgetsNothingThatWasSent) {
  DonationOracle oracle = make(10'000, 20'000);
  EXPECT_EQ(sent(oracle, at(0s), 10'000), 0u);
  oracle.set_donation(donation(3000, 12'000));
  EXPECT_EQ(sent(oracle, at(0s), 2000), 0u);
  EXPECT_EQ(sent(oracle, at(0s), 1), 1u);  // Beyond the month.
  oracle.set_donation(donation(3000, 0));
  EXPECT_EQ(sent(oracle, at(0s), 3000), 0u);
  EXPECT_EQ(sent(oracle, at(0s), 1), 1u);  // Beyond the burst.
}

// The oracle counts days by itself; here against the calendar of the library.
TEST_F(DonationOracleTest, KnowsTheCalendar) {
  using std::chrono::days;
  DonationOracle oracle = make(0, 0);
  const std::chrono::sys_days first = std::chrono::year{2026} / 1 / 1;
  const std::chrono::sys_days last = std::chrono::year{2105} / 1 / 1;
  for (std::chrono::sys_days day = first; day < last; day += days(1)) {
    const std::chrono::year_month_day date(day);
    const int64_t expect = 12 * static_cast<int>(date.year()) + unsigned{date.month()} - 1;
    oracle.sent(at(0s, WallTime(day + days(1)) - 1s), 1);
    ASSERT_EQ(oracle.month().number, expect);
    ASSERT_EQ(oracle.month().bytes, unsigned{date.day()});
  }
}

// ---- MappedAddressOracle

// The answers of RFC 5769 §2.2, §2.3 and one of RFC 3489, without what does not matter here.
class MappedAddressOracleTest : public testing::Test {
 protected:
  using Message = std::vector<uint8_t>;

  static Message with_header(bool is_classic, std::initializer_list<Message> attributes) {
    Message message = {0x01, 0x01, 0x00, 0x00, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7,
                       0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae};
    if (is_classic) message[4] = 0x22;
    for (const Message& attribute : attributes) {
      message.insert(message.end(), attribute.begin(), attribute.end());
    }
    store_u16(message.data() + 2, static_cast<uint16_t>(message.size() - 20));
    return message;
  }
  uint64_t faults(const Message& message, const std::optional<Endpoint>& truth) {
    const uint64_t before = verdict_.count();
    oracle_.check(MonoTime(1s), message, truth);
    return verdict_.count() - before;
  }

  static constexpr Endpoint kV4{IpAddress::v4(0xc0000201), 32853};
  static constexpr Endpoint kV6{{0x20010db812345678, 0x0011223344556677}, 32853};
  const Message xor_v4_ = {0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43};
  const Message xor_v6_ = {0,    0x20, 0,    20,   0,    2,    0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa,
                           0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9};
  const Message plain_v4_ = {0, 0x01, 0, 8, 0, 1, 0x80, 0x55, 0xc0, 0x00, 0x02, 0x01};
  const Message software_ = {0x80, 0x22, 0, 5, 'a', 'b', 'c', 'd', 'e', 0, 0, 0};

  Verdict verdict_;
  MappedAddressOracle oracle_{verdict_};
};

TEST_F(MappedAddressOracleTest, AllowsTheTruth) {
  EXPECT_EQ(faults(with_header(false, {xor_v4_}), kV4), 0u);
  EXPECT_EQ(faults(with_header(false, {xor_v6_}), kV6), 0u);
  EXPECT_EQ(faults(with_header(true, {plain_v4_}), kV4), 0u);
  EXPECT_EQ(faults(with_header(false, {software_, xor_v4_}), kV4), 0u);
  EXPECT_EQ(faults(with_header(false, {plain_v4_, xor_v6_}), kV6), 0u);
  EXPECT_EQ(oracle_.checked(), 5u);
}

TEST_F(MappedAddressOracleTest, ReportsWhateverElseAClientIsTold) {
  const Endpoint other_port{kV4.address, 32854};
  const Endpoint other_address{IpAddress::v4(0xc0000202), 32853};
  const Endpoint other_high{{0x20010db812345679, 0x0011223344556677}, 32853};
  const Endpoint other_low{{0x20010db812345678, 0x0011223344556678}, 32853};
  const Message v4 = with_header(false, {xor_v4_});
  const Message v6 = with_header(false, {xor_v6_});
  for (const Endpoint& truth : {other_port, other_address, kV6}) EXPECT_EQ(faults(v4, truth), 1u);
  for (const Endpoint& truth : {other_high, other_low, kV4}) EXPECT_EQ(faults(v6, truth), 1u);
  EXPECT_EQ(faults(with_header(true, {plain_v4_}), other_port), 1u);
  // Nothing, or not in the words of its protocol.
  EXPECT_EQ(faults({}, kV4), 1u);
  EXPECT_EQ(faults(with_header(false, {}), kV4), 1u);
  EXPECT_EQ(faults(with_header(false, {software_}), kV4), 1u);
  EXPECT_EQ(faults(with_header(false, {plain_v4_}), kV4), 1u);
  EXPECT_EQ(faults(with_header(true, {xor_v4_}), kV4), 1u);
  for (size_t size = 0; size < v4.size(); ++size) {
    EXPECT_EQ(faults({v4.begin(), v4.begin() + static_cast<ptrdiff_t>(size)}, kV4), 1u) << size;
  }
}

TEST_F(MappedAddressOracleTest, SaysNothingWhereTheTruthIsForgotten) {
  EXPECT_EQ(faults(with_header(false, {xor_v4_}), std::nullopt), 0u);
  EXPECT_EQ(oracle_.checked(), 0u);
}

// ---- LivenessOracle

class LivenessOracleTest : public testing::Test {
 protected:
  Verdict verdict_;
  LivenessOracle oracle_{verdict_};
  const LivenessOracle::ClientId client_ = oracle_.add_client("a client");
};

TEST_F(LivenessOracleTest, AllowsFailuresThatBeganBeforeTheHealing) {
  oracle_.failed(client_, MonoTime(1s), MonoTime(40s));
  oracle_.begin(MonoTime(50s));
  oracle_.failed(client_, MonoTime(50s) - 1us, MonoTime(60s));
  oracle_.succeeded(client_, MonoTime(61s));
  oracle_.end(MonoTime(70s));
  EXPECT_TRUE(verdict_.holds()) << verdict_.text();
  EXPECT_EQ(oracle_.failures(), 2u);
  EXPECT_EQ(oracle_.successes(), 1u);
}

TEST_F(LivenessOracleTest, ReportsFailuresThatBeganInAHealedWorld) {
  oracle_.begin(MonoTime(50s));
  oracle_.failed(client_, MonoTime(50s), MonoTime(60s));
  EXPECT_EQ(verdict_.count(), 1u);
  // That it succeeds later is no excuse.
  oracle_.succeeded(client_, MonoTime(61s));
  oracle_.end(MonoTime(70s));
  EXPECT_EQ(verdict_.count(), 1u);
  EXPECT_NE(verdict_.text().find("a client"), std::string::npos);
}

TEST_F(LivenessOracleTest, ReportsEachClientThatGotNothingSinceTheHealing) {
  const auto served = oracle_.add_client("the served");
  const auto early = oracle_.add_client("the early");
  oracle_.succeeded(client_, MonoTime(10s));
  oracle_.begin(MonoTime(50s));
  oracle_.succeeded(served, MonoTime(50s));
  oracle_.succeeded(early, MonoTime(50s) - 1us);  // It had asked before.
  oracle_.end(MonoTime(70s));
  EXPECT_EQ(verdict_.count(), 2u);
  EXPECT_NE(verdict_.text().find("a client"), std::string::npos);
  EXPECT_NE(verdict_.text().find("the early"), std::string::npos);
  EXPECT_EQ(verdict_.text().find("the served"), std::string::npos);
}

using LivenessOracleDeathTest = LivenessOracleTest;

TEST_F(LivenessOracleDeathTest, CannotEndWhatHasNotBegun) {
  EXPECT_DEATH(oracle_.end(MonoTime(1s)), "broken invariant");
}

}  // namespace
}  // namespace roost::sim
