// SPDX-License-Identifier: MIT
#include "core/peers/book.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "base/cursor.h"
#include "base/prefix_limiter.h"
#include "base/special_purpose.h"

namespace roost::core::peers {
namespace {

using Outcome = BookOutcome;

uint32_t whole_buckets(uint32_t entries) {
  CHECK(entries > 0);
  constexpr auto kSize = static_cast<uint32_t>(Book::kBucketSize);
  return (entries + kSize - 1) / kSize * kSize;
}

bool names(const wire::NodeRecord& record, const Endpoint& address) {
  const auto endpoints = record.udp.endpoints();
  return std::find(endpoints.begin(), endpoints.end(), address) != endpoints.end();
}

bool is_within(MonoTime now, const std::optional<MonoTime>& time, Duration age) {
  return time && now < *time + age;
}

std::optional<Duration> age(MonoTime now, const std::optional<MonoTime>& time) {
  return time ? std::optional(now - *time) : std::nullopt;
}

PrefixKey prefix_of(const IpAddress& address) {
  return prefix_key(address, PrefixWidth::kSite);
}

}  // namespace

std::string_view label(BookOutcome outcome) {
  switch (outcome) {
    case Outcome::kAdded: return "added";
    case Outcome::kRenewed: return "renewed";
    case Outcome::kKnown: return "known";
    case Outcome::kTried: return "tried";
    case Outcome::kChallenges: return "challenges";
    case Outcome::kSpare: return "spare";
    case Outcome::kUnreachable: return "unreachable";
    case Outcome::kBadRecord: return "bad_record";
    case Outcome::kBadSignature: return "bad_signature";
    case Outcome::kOlder: return "older";
    case Outcome::kFromTheFuture: return "from_the_future";
    case Outcome::kStale: return "stale";
    case Outcome::kNotASupernode: return "not_a_supernode";
    case Outcome::kOurs: return "ours";
    case Outcome::kAddressTaken: return "address_taken";
    case Outcome::kElsewhere: return "elsewhere";
    case Outcome::kSourceFull: return "source_full";
    case Outcome::kFull: return "full";
    case Outcome::kGone: return "gone";
  }
  return "";
}

uint64_t group_of(const IpAddress& address) {
  constexpr uint64_t kV4 = uint64_t{1} << 63;  // A /32 of IPv6 leaves the upper half free.
  return address.is_v4() ? kV4 | address.v4_value() >> 16 : address.high() >> 32;
}

std::array<uint8_t, 18> Book::AddressBytes::operator()(const Endpoint& endpoint) const {
  std::array<uint8_t, 18> bytes;
  Writer writer(bytes);
  writer.u64(endpoint.address.high());
  writer.u64(endpoint.address.low());
  writer.u16(endpoint.port);
  return bytes;
}

Book::Book(const Options& options, Random& random)
    : options_(options),
      secret_(random.bytes<16>()),
      new_places_(whole_buckets(options.new_entries)),
      entries_(size_t{new_places_} + whole_buckets(options.tried_entries)),
      by_address_(entries_.size(), random.bytes<16>()),
      by_key_(entries_.size(), random.bytes<16>()),
      due_at_(static_cast<uint32_t>(entries_.size())) {
  drawing_.reserve(entries_.size() - new_places_);
}

void Book::set_reach(bool reaches_v4, bool reaches_v6) {
  reaches_ = {reaches_v4, reaches_v6};
}

// ---- Where things belong.

bool Book::is_public(const Endpoint& endpoint) const {
  return endpoint.port != 0 &&
         (options_.takes_special_purpose || is_globally_reachable(endpoint.address));
}

bool Book::is_welcome(const Endpoint& endpoint) const {
  return is_public(endpoint) && reaches_[endpoint.address.is_v4() ? 0 : 1];
}

uint64_t Book::hash(char purpose, uint64_t a, uint64_t b, uint64_t c) const {
  std::array<uint8_t, 1 + 3 * 8> bytes;
  Writer writer(bytes);
  writer.u8(static_cast<uint8_t>(purpose));
  writer.u64(a);
  writer.u64(b);
  writer.u64(c);
  return sip_hash(secret_, bytes);
}

Book::Numbers Book::new_bucket(uint64_t source, const IpAddress& address) const {
  const uint64_t of_source = hash('n', source, group_of(address)) % kNewBucketsPerSource;
  const uint64_t buckets = new_places_ / kBucketSize;
  const uint64_t first = hash('N', source, of_source) % buckets * kBucketSize;
  return {static_cast<uint32_t>(first), static_cast<uint32_t>(first + kBucketSize)};
}

Book::Numbers Book::tried_bucket(const IpAddress& address) const {
  const uint64_t of_group = hash('t', address.high(), address.low()) % kTriedBucketsPerGroup;
  const uint64_t buckets = (entries_.size() - new_places_) / kBucketSize;
  const uint64_t first =
      new_places_ + hash('T', group_of(address), of_group) % buckets * kBucketSize;
  return {static_cast<uint32_t>(first), static_cast<uint32_t>(first + kBucketSize)};
}

// The preferred address that may and can be asked.
std::optional<Endpoint> Book::address_of(const wire::NodeRecord& record) const {
  for (const Endpoint& endpoint : record.udp.endpoints()) {
    if (is_welcome(endpoint)) return endpoint;
  }
  return {};
}

Result<uint32_t, BookOutcome> Book::find_new_place(uint64_t source,
                                                   const IpAddress& address) const {
  const Numbers bucket = new_bucket(source, address);
  std::optional<uint32_t> free, failed, spare, failed_of_source, spare_of_source;
  size_t of_source = 0;
  for (uint32_t number = bucket.first; number < bucket.end; ++number) {
    const Entry& entry = entries_[number];
    if (entry.address.port == 0) {
      free = number;
      continue;
    }
    const bool is_of_source = entry.source == source;
    of_source += is_of_source;
    if (entry.is_spare) (is_of_source ? spare_of_source : spare) = number;
    if (entry.failures > 0 || entry.is_waiting) {
      (is_of_source ? failed_of_source : failed) = number;
    }
  }
  const auto own = failed_of_source ? failed_of_source : spare_of_source;
  if (of_source >= kPerSourceInBucketMax) {
    if (own) return *own;
    return Failure(Outcome::kSourceFull);
  }
  for (const auto& place : {free, own, failed, spare}) {
    if (place) return *place;
  }
  return Failure(Outcome::kFull);
}

// A prefix that has its places gives up one of its own. Nobody is silent for longer than who has
// not answered at all.
Book::TriedPlace Book::find_tried_place(const IpAddress& address) const {
  const auto silent_for_longest = [this](std::optional<uint32_t> a, uint32_t b) {
    return a && entries_[*a].answered_at <= entries_[b].answered_at ? *a : b;
  };
  std::optional<uint32_t> free, of_bucket, of_prefix;
  size_t prefix_size = 0;
  for (uint32_t number = new_places_; number < entries_.size(); ++number) {
    const Entry& entry = entries_[number];
    if (entry.address.port == 0 || prefix_of(entry.address.address) != prefix_of(address)) continue;
    of_prefix = silent_for_longest(of_prefix, number);
    ++prefix_size;
  }
  if (prefix_size >= kTriedPerPrefixMax) return {{}, *of_prefix};
  const Numbers bucket = tried_bucket(address);
  for (uint32_t number = bucket.first; number < bucket.end; ++number) {
    if (entries_[number].address.port == 0) {
      free = number;
    } else {
      of_bucket = silent_for_longest(of_bucket, number);
    }
  }
  return {free, of_bucket.value_or(bucket.first)};
}

// ---- What is heard.

BookOutcome Book::count(BookOutcome outcome) {
  ++stats_.outcomes[static_cast<size_t>(outcome)];
  return outcome;
}

BookOutcome Book::hear(const Now& now, const Endpoint& address, const IpAddress& source) {
  if (!is_welcome(address)) return count(Outcome::kUnreachable);
  if (by_address_.find(address) != nullptr) return count(Outcome::kKnown);
  const auto place = find_new_place(group_of(source), address.address);
  if (!place) return count(place.error());
  occupy(*place, address, now.mono).source = group_of(source);
  return count(Outcome::kAdded);
}

BookOutcome Book::hear(const Now& now, const wire::MutableItem& record, const IpAddress& source) {
  return count(hear_record(now, record, source));
}

// Why nothing is to be believed of it, if so. The signature last: it costs as much as all the rest
// a hundred times over.
std::optional<BookOutcome> Book::refuse(
    const Now& now, const wire::MutableItem& item,
    const Result<wire::NodeRecord, wire::NodeRecordError>& record, int64_t newer_than) {
  if (item.key == options_.own_key) return Outcome::kOurs;
  if (!record) return Outcome::kBadRecord;
  if (item.seq < newer_than) return Outcome::kOlder;
  const WallTime signed_at{std::chrono::seconds(item.seq)};
  if (now.wall && signed_at > *now.wall + kAheadMax) return Outcome::kFromTheFuture;
  if (!same_bytes(item.salt, as_bytes(wire::kNodeRecordSalt))) return Outcome::kBadSignature;
  // What nests as deep as bencoding may cannot be put into a list, which is one more.
  std::array<uint8_t, wire::kSignedNodeRecordSizeMax> carried;
  if (wire::encode_signed_node_record(item, carried).empty()) return Outcome::kBadRecord;
  if (!wire::signature_matches(item)) return Outcome::kBadSignature;
  return {};
}

BookOutcome Book::hear_record(const Now& now, const wire::MutableItem& item,
                              const IpAddress& source) {
  const uint32_t* const known = by_key_.find(item.key);
  if (known != nullptr && item.seq == entries_[*known].seq) return Outcome::kKnown;
  const auto record = wire::parse_node_record(item.value);
  const auto refused =
      refuse(now, item, record, known == nullptr ? int64_t{0} : entries_[*known].seq);
  if (refused) return *refused;
  if (record->role != wire::NodeRole::kSupernode) {
    if (known != nullptr) vacate(*known);
    return Outcome::kNotASupernode;
  }
  if (known != nullptr && names(*record, entries_[*known].address)) {
    set_record(*known, item);
    return Outcome::kRenewed;
  }
  // It is new, or it has moved and has to answer anew.
  const auto address = address_of(*record);
  if (!address) return Outcome::kUnreachable;
  if (const uint32_t* const found = by_address_.find(*address)) {
    const uint32_t there = *found;  // What it points to moves when another goes.
    if (entries_[there].value_size > 0) return Outcome::kAddressTaken;
    if (known != nullptr) vacate(*known);
    set_record(there, item);
    return Outcome::kRenewed;
  }
  const auto place = find_new_place(group_of(source), address->address);
  if (!place) return place.error();
  if (known != nullptr) vacate(*known);
  occupy(*place, *address, now.mono).source = group_of(source);
  set_record(*place, item);
  return Outcome::kAdded;
}

// ---- Tests.

std::optional<Book::Question> Book::next_to_test(MonoTime now) {
  const auto number = due_at_.pop_due(now);
  if (!number) return {};
  Entry& entry = entries_[*number];
  const bool is_proven = entry.answered_at.has_value();
  entry.asked_at = now;
  entry.is_waiting = false;
  return Question{entry.address, is_proven};
}

void Book::postpone(const Endpoint& address, MonoTime until) {
  const uint32_t* const number = by_address_.find(address);
  if (number == nullptr) return;
  entries_[*number].is_waiting = true;
  due_at_.set(*number, until);
}

void Book::test_later(MonoTime now, uint32_t number) {
  const auto jitter = hash('j', ++tests_, 0) % static_cast<uint64_t>(kTestJitter.count());
  due_at_.set(number, now + kTestEvery + Duration(static_cast<int64_t>(jitter)));
}

void Book::unanswered(MonoTime now, const Endpoint& asked) {
  const uint32_t* const number = by_address_.find(asked);
  if (number != nullptr) fail(now, *number);
}

void Book::fail(MonoTime now, uint32_t number) {
  Entry& entry = entries_[number];
  test_later(now, number);
  if (is_tried(number)) {
    if (entry.failed_at && !(answered_at_ > entry.failed_at)) return;
    if (entry.is_challenged) {
      const uint32_t challenger = entry.challenger;
      ++stats_.evicted;
      vacate(number);
      // It may have left, or somebody else may be there: also one who has answered and waits.
      if (entries_[challenger].is_spare) promote(now, challenger);
      return;
    }
  }
  entry.failed_at = now;
  ++entry.failures;
  const unsigned times = entry.failures / kLostAfter;
  if (is_tried(number) && entry.failures % kLostAfter == 0 && std::has_single_bit(times)) {
    entry.is_lost = true;
  }
  if (entry.failures < (is_tried(number) ? kTriedFailuresMax : kNewFailuresMax)) return;
  ++(is_tried(number) ? stats_.forgotten_tried : stats_.forgotten_new);
  vacate(number);
}

std::optional<PublicKey> Book::take_lost() {
  for (uint32_t number = new_places_; number < entries_.size(); ++number) {
    Entry& entry = entries_[number];
    if (entry.address.port == 0 || !entry.is_lost) continue;
    entry.is_lost = false;
    return entry.key;
  }
  return {};
}

BookOutcome Book::answered(const Now& now, const Endpoint& asked, const wire::MutableItem& record) {
  const uint32_t* const number = by_address_.find(asked);
  return count(number == nullptr ? Outcome::kGone : take_answer(now, *number, record));
}

BookOutcome Book::take_answer(const Now& now, uint32_t number, const wire::MutableItem& item) {
  const uint32_t* const known = by_key_.find(item.key);
  const auto record = wire::parse_node_record(item.value);
  auto refused = refuse(now, item, record, known == nullptr ? int64_t{0} : entries_[*known].seq);
  if (refused == Outcome::kOurs) {
    vacate(number);
    return *refused;
  }
  const WallTime signed_at{std::chrono::seconds(item.seq)};
  if (!refused && !names(*record, entries_[number].address)) refused = Outcome::kElsewhere;
  if (!refused && now.wall && signed_at < *now.wall - kBehindMax) refused = Outcome::kStale;
  if (refused) {
    fail(now.mono, number);
    return *refused;
  }
  answered_at_ = now.mono;
  if (record->role != wire::NodeRole::kSupernode) {
    if (known != nullptr && *known != number) vacate(*known);
    vacate(number);
    return Outcome::kNotASupernode;
  }
  if (known != nullptr && *known != number) {
    const uint32_t other = *known;
    const Entry& entry = entries_[other];
    // One entry is enough of a node with several addresses, as long as that one answers.
    if (is_tried(other) && entry.failures == 0 && names(*record, entry.address)) {
      set_record(other, item);
      vacate(number);
      return Outcome::kKnown;
    }
    vacate(other);
  }
  set_record(number, item);
  Entry& entry = entries_[number];
  entry.answered_at = now.mono;
  entry.failed_at.reset();
  entry.failures = 0;
  entry.is_challenged = false;
  entry.is_lost = false;
  test_later(now.mono, number);
  return is_tried(number) ? Outcome::kTried : promote(now.mono, number);
}

// From the new table into the tried one, if there is a place. Who has answered long ago only is
// asked whether it still does.
BookOutcome Book::promote(MonoTime now, uint32_t number) {
  const TriedPlace place = find_tried_place(entries_[number].address.address);
  if (place.free) {
    move(number, *place.free);
    return Outcome::kTried;
  }
  entries_[number].is_spare = true;
  Entry& holder = entries_[place.holder];
  if (is_within(now, holder.answered_at, kSafeFor)) return Outcome::kSpare;
  if (!holder.is_challenged) due_at_.set(place.holder, now);
  holder.is_challenged = true;
  holder.challenger = number;
  return Outcome::kChallenges;
}

// ---- What is told.

size_t Book::sample(MonoTime now, std::span<wire::MutableItem> out) {
  const uint64_t day = static_cast<uint64_t>(kDrawnFor.count());
  const uint64_t begins = hash('b', 0, 0) % day;
  const uint64_t drawing = (static_cast<uint64_t>(now.time_since_epoch().count()) + begins) / day;
  drawing_.clear();
  for (uint32_t number = new_places_; number < entries_.size(); ++number) {
    const Entry& entry = entries_[number];
    if (entry.address.port == 0 || entry.failures > 0) continue;
    if (!is_within(now, entry.answered_at, kHandedOutFor)) continue;
    const uint64_t key = load_u64(entry.key.data());
    drawing_.emplace_back(hash('s', drawing, key, load_u64(entry.key.data() + 8)), number);
  }
  std::sort(drawing_.begin(), drawing_.end());

  const size_t wanted = std::clamp(tried_size() / kDrawnPart, kDrawnMin, wire::kPeerListRecordsMax);
  std::array<uint64_t, wire::kPeerListRecordsMax> groups;
  size_t drawn = 0;
  for (const auto& [rank, number] : drawing_) {
    if (drawn == std::min(wanted, out.size())) break;
    const uint64_t group = group_of(entries_[number].address.address);
    if (std::find(groups.begin(), groups.begin() + drawn, group) != groups.begin() + drawn) {
      continue;
    }
    groups[drawn] = group;
    out[drawn++] = record_of(entries_[number]);
  }
  return drawn;
}

wire::MutableItem Book::record_of(const Entry& entry) const {
  return {entry.key, entry.seq, entry.signature, as_bytes(wire::kNodeRecordSalt),
          Bytes(entry.value).first(entry.value_size)};
}

Book::Known Book::known(MonoTime now, uint32_t number) const {
  const Entry& entry = entries_[number];
  Known known;
  known.address = entry.address;
  if (entry.value_size > 0) known.record = record_of(entry);
  known.is_tried = is_tried(number);
  known.failures = entry.failures;
  known.heard_before = now - entry.heard_at;
  known.asked_before = age(now, entry.asked_at);
  known.answered_before = age(now, entry.answered_at);
  return known;
}

BookOutcome Book::restore(const Now& now, const wire::MutableItem& record) {
  return count(take_back(now, record));
}

BookOutcome Book::take_back(const Now& now, const wire::MutableItem& item) {
  if (by_key_.find(item.key) != nullptr) return Outcome::kKnown;
  const auto record = wire::parse_node_record(item.value);
  if (const auto refused = refuse(now, item, record, 0)) return *refused;
  if (record->role != wire::NodeRole::kSupernode) return Outcome::kNotASupernode;
  const auto endpoints = record->udp.endpoints();
  auto address = address_of(*record);
  for (size_t at = 0; at < endpoints.size() && !address; ++at) {
    if (is_public(endpoints[at])) address = endpoints[at];
  }
  if (!address) return Outcome::kUnreachable;
  if (by_address_.find(*address) != nullptr) return Outcome::kAddressTaken;
  const TriedPlace place = find_tried_place(address->address);
  if (!place.free) return Outcome::kFull;
  Entry& entry = occupy(*place.free, *address, now.mono);
  if (now.wall) {
    const WallTime signed_at{std::chrono::seconds(item.seq)};
    entry.answered_at = now.mono - std::max(*now.wall - signed_at, std::chrono::seconds(0));
  }
  set_record(*place.free, item);
  return Outcome::kTried;
}

// ---- The tables.

Book::Entry& Book::occupy(uint32_t number, const Endpoint& address, MonoTime now) {
  vacate(number);
  Entry& entry = entries_[number];
  entry.address = address;
  entry.heard_at = now;
  CHECK(by_address_.find_or_insert(address, number) != nullptr);
  due_at_.set(number, now);
  ++sizes_[is_tried(number) ? 1 : 0];
  return entry;
}

void Book::set_record(uint32_t number, const wire::MutableItem& item) {
  forget_record(number);
  Entry& entry = entries_[number];
  entry.key = item.key;
  entry.signature = item.signature;
  entry.seq = item.seq;
  entry.value_size = static_cast<uint16_t>(item.value.size());
  std::copy(item.value.begin(), item.value.end(), entry.value.begin());
  CHECK(by_key_.find_or_insert(entry.key, number) != nullptr);
}

void Book::forget_record(uint32_t number) {
  Entry& entry = entries_[number];
  if (entry.value_size > 0) by_key_.erase(entry.key);
  entry.value_size = 0;
}

void Book::vacate(uint32_t number) {
  Entry& entry = entries_[number];
  if (entry.address.port == 0) return;
  forget_record(number);
  by_address_.erase(entry.address);
  due_at_.clear(number);
  --sizes_[is_tried(number) ? 1 : 0];
  entry = Entry();
}

void Book::move(uint32_t from, uint32_t to) {
  const Entry entry = entries_[from];
  vacate(from);
  occupy(to, entry.address, entry.heard_at);
  set_record(to, record_of(entry));
  Entry& moved = entries_[to];
  moved.asked_at = entry.asked_at;
  moved.answered_at = entry.answered_at;
  test_later(entry.answered_at.value_or(entry.heard_at), to);
}

uint64_t Book::bytes_for(const Options& options) {
  const uint64_t tried = whole_buckets(options.tried_entries);
  const uint64_t places = whole_buckets(options.new_entries) + tried;
  return places * sizeof(Entry) + decltype(by_address_)::bytes_for(places) +
         decltype(by_key_)::bytes_for(places) +
         DeadlineHeap::bytes_for(static_cast<uint32_t>(places)) +
         tried * sizeof(std::pair<uint64_t, uint32_t>);
}

void Book::check_invariants() const {
  by_address_.check_invariants();
  by_key_.check_invariants();
  due_at_.check_invariants();
  size_t records = 0;
  std::array<size_t, 2> sizes{};
  for (uint32_t number = 0; number < entries_.size(); ++number) {
    const Entry& entry = entries_[number];
    if (entry.address.port == 0) continue;
    ++sizes[is_tried(number) ? 1 : 0];
    CHECK(*by_address_.find(entry.address) == number);
    if (entry.value_size > 0) CHECK(++records > 0 && *by_key_.find(entry.key) == number);
    const IpAddress& address = entry.address.address;
    const Numbers bucket =
        is_tried(number) ? tried_bucket(address) : new_bucket(entry.source, address);
    CHECK(number >= bucket.first && number < bucket.end);
    size_t same = 0;  // Of the prefix, or of the source in the bucket.
    for (uint32_t other = 0; other < entries_.size(); ++other) {
      const Entry& another = entries_[other];
      if (another.address.port == 0 || is_tried(other) != is_tried(number)) continue;
      same += is_tried(number)
                  ? prefix_of(another.address.address) == prefix_of(address)
                  : other >= bucket.first && other < bucket.end && another.source == entry.source;
    }
    CHECK(same <= (is_tried(number) ? kTriedPerPrefixMax : kPerSourceInBucketMax));
    CHECK(!is_tried(number) || (entry.value_size > 0 && !entry.is_spare));
  }
  CHECK(sizes == sizes_ && by_address_.size() == sizes[0] + sizes[1] && by_key_.size() == records);
}

}  // namespace roost::core::peers
