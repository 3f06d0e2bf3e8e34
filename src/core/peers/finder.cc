// SPDX-License-Identifier: MIT
#include "core/peers/finder.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/cursor.h"
#include "base/special_purpose.h"
#include "wire/stun_builder.h"

namespace roost::core::peers {
namespace {

// As in BEP 20: two letters for the program, and two bytes of its version.
constexpr std::array<uint8_t, 4> kVersion = {'R', 'O', 0, 1};

// /24 or /48, as an address.
IpAddress prefix_of(const IpAddress& address) {
  return Prefix::of(address, address.is_v4() ? 96 + 24 : 48).base;
}

}  // namespace

Finder::Finder(const Options& options, Random& random, MonoTime now)
    : options_(options),
      book_(options.book, random),
      secret_(random.bytes<16>()),
      addresses_(options.resting_addresses, options.address_rest, random.bytes<16>()),
      prefixes_(options.resting_prefixes, options.prefix_rest, random.bytes<16>()),
      pace_{options.tests_per_second, options.tests_per_second},
      tests_left_(pace_, now),
      attempts_(options.in_flight) {
  CHECK(options.in_flight > 0);
  book_.set_reach(false, false);
}

void Finder::set_homes(const std::optional<Home>& v4, const std::optional<Home>& v6) {
  v4_ = v4;
  v6_ = v6;
  book_.set_reach(v4.has_value(), v6.has_value());
}

const std::optional<Finder::Home>& Finder::home_of(const IpAddress& address) const {
  return address.is_v4() ? v4_ : v6_;
}

// ---- What is asked.

void Finder::step(MonoTime now, const DeadlinePassed&, Outbox& out) {
  size_t fetches = 0;
  for (Attempt& attempt : attempts_) {
    if (fetches == kFetchesPerStepMax) break;
    if (attempt.state != State::kFree && now >= attempt.deadline) {
      fetches += go_on(now, attempt, out);
    }
  }
  for (size_t looked_at = 0; looked_at < kLookedAtPerStepMax; ++looked_at) {
    Attempt* const attempt = find_free();
    if (attempt == nullptr || tests_left_.tokens(pace_, now) == 0) return;
    const auto question = book_.next_to_test(now);
    if (!question) return;
    if (!may_ask(now, *question)) {
      book_.postpone(question->address, now + kLookAgainAfter);
      continue;
    }
    CHECK(tests_left_.take(pace_, now));
    ask(now, *attempt, question->address, out);
  }
}

bool Finder::go_on(MonoTime now, Attempt& attempt, Outbox& out) {
  switch (attempt.state) {
    case State::kFree: return false;
    case State::kBound:
    case State::kAgain: return fetch(now, attempt, out);
    case State::kFetching:
      if (attempt.is_repetition) break;
      attempt.is_repetition = true;
      return fetch(now, attempt, out);
    case State::kAsked: break;
  }
  ++stats_.silent;
  fail(now, attempt);
  return false;
}

// Whoever has answered before is asked when it is due, which is not more often either; but the
// question counts for what others may cause.
bool Finder::may_ask(MonoTime now, const Book::Question& question) {
  const IpAddress& address = question.address.address;
  if (!home_of(address) ||
      (!options_.book.takes_special_purpose && !is_globally_reachable(address))) {
    ++stats_.held_back_unreachable;
    return false;
  }
  if (!question.is_proven && !addresses_.may(now, address)) {
    ++stats_.held_back_address;
    return false;
  }
  if (!question.is_proven && !prefixes_.may(now, prefix_of(address))) {
    ++stats_.held_back_prefix;
    return false;
  }
  addresses_.took(now, address);
  prefixes_.took(now, prefix_of(address));
  return true;
}

// 96 bits that nobody can guess who does not receive what is sent to `to`.
Finder::TransactionId Finder::next_transaction_id(const Endpoint& to) {
  TransactionId id;
  Writer writer(id);
  ++transactions_;
  for (const uint8_t half : {uint8_t{0}, uint8_t{1}}) {
    std::array<uint8_t, 1 + 8 + 16 + 2> bytes;
    Writer input(bytes);
    input.u8(half);
    input.u64(transactions_);
    input.u64(to.address.high());
    input.u64(to.address.low());
    input.u16(to.port);
    const uint64_t hash = sip_hash(secret_, bytes);
    if (half == 0) writer.u64(hash);
    if (half == 1) writer.u32(static_cast<uint32_t>(hash));
  }
  return id;
}

void Finder::ask(MonoTime now, Attempt& attempt, const Endpoint& to, Outbox& out) {
  attempt = {State::kAsked, false, to, next_transaction_id(to), now + kAnswerTimeMax};
  wire::StunBuilder builder(out.build(kRequestSize), wire::StunClass::kRequest,
                            wire::StunMethod::kBinding, attempt.transaction_id);
  const Bytes request = builder.finish();
  CHECK(request.size() == kRequestSize);
  send(to, request, Grade::kUnproven, out);
  ++stats_.bindings;
}

bool Finder::fetch(MonoTime now, Attempt& attempt, Outbox& out) {
  const auto& home = home_of(attempt.to.address);
  if (!home) {
    fail(now, attempt);
    return false;
  }
  // Even an answer that comes late is an answer, so a repetition asks under the same ID.
  if (!attempt.is_repetition) attempt.transaction_id = next_transaction_id(attempt.to);
  attempt.state = State::kFetching;
  attempt.deadline = now + (attempt.is_repetition ? kAnswerTimeMax : kRepeatAfter);
  const wire::KrpcHead head{.transaction_id = attempt.transaction_id,
                            .version = kVersion,
                            .is_read_only = home->is_read_only};
  const Bytes query =
      write_record_query(head, home->id, options_.network, out.build(kRecordQuerySize));
  send(attempt.to, query, Grade::kCommitted, out);
  ++stats_.fetches;
  return true;
}

void Finder::send(const Endpoint& to, Bytes payload, Grade grade, Outbox& out) const {
  const auto& home = home_of(to.address);
  CHECK(home.has_value());
  out.push(SendDatagram{
      .from = home->socket, .local = home->local, .to = to, .payload = payload, .grade = grade});
}

// ---- What is answered.

Finder::Attempt* Finder::find(State state, const Endpoint& from, Bytes transaction_id) {
  for (Attempt& attempt : attempts_) {
    if (attempt.state == state && attempt.to == from &&
        same_bytes(attempt.transaction_id, transaction_id)) {
      return &attempt;
    }
  }
  return nullptr;
}

Finder::Attempt* Finder::find_free() {
  const auto found = std::find_if(attempts_.begin(), attempts_.end(), [](const Attempt& attempt) {
    return attempt.state == State::kFree;
  });
  return found == attempts_.end() ? nullptr : &*found;
}

bool Finder::heard_stun(MonoTime now, const DatagramArrived& input, const wire::StunView& message) {
  if (message.is_classic() || message.method() != wire::StunMethod::kBinding) return false;
  const bool is_success = message.message_class() == wire::StunClass::kSuccess;
  if (!is_success && message.message_class() != wire::StunClass::kError) return false;
  Attempt* const attempt = find(State::kAsked, input.from, message.transaction_id());
  if (attempt == nullptr) return false;
  ++stats_.answers;
  const auto ours = message.find_xor_address(wire::StunAttribute::kXorMappedAddress);
  if (!is_success || !ours) {
    ++stats_.errors;
    fail(now, *attempt);
    return true;
  }
  ++stats_.bound;
  observation_ = Observation{*ours, input.from.address};
  attempt->state = State::kBound;
  attempt->deadline = now;
  return true;
}

std::optional<Finder::Observation> Finder::take_observation() {
  return std::exchange(observation_, std::nullopt);
}

bool Finder::heard_answer(const Now& now, const DatagramArrived& input,
                          const wire::KrpcMessage& message) {
  Attempt* attempt = find(State::kFetching, input.from, message.head.transaction_id);
  if (attempt == nullptr) attempt = find(State::kAgain, input.from, message.head.transaction_id);
  if (attempt == nullptr || message.kind == wire::KrpcKind::kQuery) return false;
  ++stats_.answers;
  if (const auto record = read_record_answer(message)) {
    ++stats_.fetched;
    attempt->state = State::kFree;
    book_.answered(now, input.from, *record);
  } else if (attempt->state == State::kAgain) {
    return true;  // Came twice.
  } else if (attempt->is_repetition) {
    ++stats_.errors;
    fail(now.mono, *attempt);
  } else {
    attempt->state = State::kAgain;
    attempt->is_repetition = true;
    attempt->deadline = now.mono + kRepeatAfter;
  }
  return true;
}

void Finder::fail(MonoTime now, Attempt& attempt) {
  attempt.state = State::kFree;
  book_.unanswered(now, attempt.to);
}

bool Finder::has_open_questions() const {
  return std::any_of(attempts_.begin(), attempts_.end(),
                     [](const Attempt& attempt) { return attempt.state != State::kFree; });
}

std::optional<MonoTime> Finder::next_deadline() const {
  std::optional<MonoTime> next;
  bool has_free = false;
  for (const Attempt& attempt : attempts_) {
    has_free |= attempt.state == State::kFree;
    if (attempt.state == State::kFree) continue;
    if (!next || attempt.deadline < *next) next = attempt.deadline;
  }
  auto due = has_free ? book_.next_deadline() : std::nullopt;
  if (due) due = std::max(*due, tests_left_.ready_at(pace_, 1));
  return due && (!next || *due < *next) ? due : next;
}

uint64_t Finder::bytes_for(const Options& options) {
  return Book::bytes_for(options.book) + Spacing::bytes_for(options.resting_addresses) +
         Spacing::bytes_for(options.resting_prefixes) + options.in_flight * sizeof(Attempt);
}

}  // namespace roost::core::peers
