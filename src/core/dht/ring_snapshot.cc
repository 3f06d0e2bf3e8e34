// SPDX-License-Identifier: MIT
#include "core/dht/ring_snapshot.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace roost::core::dht {
namespace {

using std::chrono::seconds;
using wire::ContactPage;
using wire::ContactPageIndex;
using Kind = StoreChange::Kind;

constexpr std::string_view kIndexKey = "dht/contacts.index";
constexpr std::string_view kBehindIndexKey{"dht/contacts.index\0", 19};
constexpr std::string_view kPagesPrefix = "dht/contacts/";
constexpr std::string_view kBehindPages = "dht/contacts0";
constexpr size_t kGenerationDigits = 16;
constexpr size_t kPageDigits = 8;

// The pages of a commit, their keys, and the range that it may remove.
static_assert(RingSnapshot::kBytes +
                  (RingSnapshot::kPagesPerCommit + 2) * (kStoreKeySizeMax + kChangeOverhead) <=
              kCommitSizeMax);

void append_hex(std::string& text, uint64_t number, size_t digits) {
  for (size_t left = digits; left-- > 0;) text += "0123456789abcdef"[number >> 4 * left & 0xf];
}

std::optional<uint64_t> parse_hex(std::string_view text) {
  uint64_t number = 0;
  for (const char c : text) {
    const bool is_digit = c >= '0' && c <= '9';
    if (!is_digit && (c < 'a' || c > 'f')) return {};
    number = number << 4 | static_cast<uint64_t>(is_digit ? c - '0' : c - 'a' + 10);
  }
  return number;
}

std::string page_key(uint64_t generation, uint64_t page) {
  std::string key(kPagesPrefix);
  append_hex(key, generation, kGenerationDigits);
  key += '/';
  append_hex(key, page, kPageDigits);
  return key;
}

struct PagePlace {
  uint64_t generation = 0;
  uint64_t page = 0;
};

// The other way round; empty if it is no such key.
std::optional<PagePlace> place_of(std::string_view key) {
  constexpr size_t kGenerationAt = kPagesPrefix.size();
  constexpr size_t kPageAt = kGenerationAt + kGenerationDigits + 1;
  if (key.size() != kPageAt + kPageDigits || key[kPageAt - 1] != '/') return {};
  const auto generation = parse_hex(key.substr(kGenerationAt, kGenerationDigits));
  const auto page = parse_hex(key.substr(kPageAt));
  if (!generation || !page) return {};
  return PagePlace{*generation, *page};
}

void note(const std::string& text, Outbox& out) {
  const MutableBytes copy = out.build(text.size());
  std::copy(text.begin(), text.end(), copy.begin());
  out.push(Note{as_text(copy)});
}

}  // namespace

RingSnapshot::RingSnapshot(ContactRing& ring) : ring_(ring), page_bytes_(kBytes) {}

void RingSnapshot::start(const Now& now, Outbox& out) {
  CHECK(state_ == State::kNotStarted);
  give_up_at_ = now.mono + kReadFor;
  state_ = State::kReadingIndex;
  key_ = kIndexKey;
  end_ = kBehindIndexKey;
  ask(out);
}

void RingSnapshot::step(const Now& now, const DeadlinePassed&, Outbox& out) {
  if (!deadline_ || now.mono < *deadline_) return;
  deadline_.reset();
  switch (state_) {
    case State::kResting: return begin(now, out);
    case State::kFilling: return fill(now, out);
    case State::kReadingIndex:
    case State::kReadingPages:
    case State::kKeepingPages:
    case State::kKeepingIndex:
    case State::kRemovingRest: return ask(out);
    case State::kNotStarted:
    case State::kIdle: return;
  }
}

bool RingSnapshot::is_loaded() const {
  switch (state_) {
    case State::kNotStarted:
    case State::kReadingIndex:
    case State::kReadingPages: return false;
    case State::kResting:
    case State::kFilling:
    case State::kKeepingPages:
    case State::kKeepingIndex:
    case State::kRemovingRest:
    case State::kIdle: return true;
  }
  return false;
}

void RingSnapshot::keep_now(const Now& now, Outbox& out) {
  if (state_ == State::kResting) begin(now, out);
}

bool RingSnapshot::is_keeping() const {
  return is_loaded() && state_ != State::kResting && state_ != State::kIdle;
}

// ---- Reading.

void RingSnapshot::step(const Now& now, const RangeRead& input, Outbox& out) {
  if (!is_answer(input.id)) return;
  is_waiting_ = false;
  if (input.failure == StoreError::kAbsent) return retire();
  if (input.failure && *input.failure != StoreError::kDamaged) return read_in_vain(now, out);
  tries_ = 0;
  if (state_ == State::kReadingIndex) return read_index(now, input, out);
  read_page(now, input, out);
}

void RingSnapshot::read_index(const Now& now, const RangeRead& input, Outbox& out) {
  if (!input.failure && input.entries.empty()) return end_reading(now, out);
  state_ = State::kReadingPages;
  const auto index =
      input.failure ? std::nullopt : ContactPageIndex::parse(input.entries.front().value);
  if (index) {
    index_ = *index;
    return read_from(now, 0, out);
  }
  ++stats_.pages_damaged;
  index_is_damaged_ = true;
  key_ = kPagesPrefix;
  end_ = kBehindPages;
  ask(out);
}

// The pages of the generation from that one on.
void RingSnapshot::read_from(const Now& now, uint64_t page, Outbox& out) {
  next_page_ = page;
  if (next_page_ >= index_.pages) return end_reading(now, out);
  key_ = page_key(index_.generation, next_page_);
  end_ = page_key(index_.generation, index_.pages);
  ask(out);
}

void RingSnapshot::read_page(const Now& now, const RangeRead& input, Outbox& out) {
  if (input.failure) {
    ++stats_.pages_damaged;
    return skip_page(now, out);
  }
  if (input.entries.empty()) {
    if (!index_is_damaged_) stats_.pages_missing += index_.pages - next_page_;
    return end_reading(now, out);
  }
  const StoreEntry& entry = input.entries.front();
  const auto place = place_of(as_text(entry.key));
  if (place) {
    restore(now, entry.value);
  } else {
    ++stats_.pages_damaged;
  }
  if (place && !index_is_damaged_) {
    stats_.pages_missing += place->page - next_page_;
    return read_from(now, place->page + 1, out);
  }
  if (place) index_.generation = std::max(index_.generation, place->generation);
  if (input.is_last) return end_reading(now, out);
  key_.assign(as_text(entry.key)).push_back('\0');  // Right behind it.
  ask(out);
}

void RingSnapshot::read_in_vain(const Now& now, Outbox& out) {
  ask_again(now);
  if (tries_ == kTriesMax) {
    note("dht: the contacts in the store cannot be read for now; none are written before they are",
         out);
  }
  // The index is never given up: without it, what it names would be in the way of what is written.
  // Once a page was, others behind it have one try, until one can be read.
  if (state_ == State::kReadingIndex || tries_ < kTriesMax || now.mono < give_up_at_) return;
  ++stats_.pages_given_up;
  skip_page(now, out);
}

// The next one that can be found without it.
void RingSnapshot::skip_page(const Now& now, Outbox& out) {
  return index_is_damaged_ ? end_reading(now, out) : read_from(now, next_page_ + 1, out);
}

void RingSnapshot::restore(const Now& now, Bytes bytes) {
  const auto page = ContactPage::parse(bytes);
  if (!page) {
    ++stats_.pages_damaged;
    return;
  }
  const auto size = [this] { return ring_.size(Family::kV4) + ring_.size(Family::kV6); };
  const size_t size_before = size();
  const auto written_at = page->written_at();
  std::optional<seconds> gone_for;
  if (written_at && now.wall && *now.wall >= *written_at) gone_for = *now.wall - *written_at;
  page->for_each([&](const wire::CompactNode& contact, seconds verified_before) {
    const Duration age = gone_for ? Duration(verified_before + *gone_for)
                                  : std::max<Duration>(verified_before, kTooOld);
    ring_.restore(now.mono, contact, age);
  });
  ++stats_.pages_read;
  stats_.contacts_read += size() - size_before;
}

void RingSnapshot::end_reading(const Now& now, Outbox& out) {
  const uint64_t lost = stats_.pages_damaged + stats_.pages_missing + stats_.pages_given_up;
  if (lost > 0) {
    note("dht: " + std::to_string(stats_.pages_damaged) + " damaged, " +
             std::to_string(stats_.pages_missing) + " missing and " +
             std::to_string(stats_.pages_given_up) +
             " unreadable pages of contacts in the store; " + std::to_string(stats_.contacts_read) +
             " contacts restored from the others",
         out);
  } else if (stats_.contacts_read > 0) {
    note("dht: " + std::to_string(stats_.contacts_read) + " contacts restored from the store", out);
  }
  // What is there is as old as we were gone; and whoever crashes soon again shall not find it
  // older.
  rest(now, kPeriodMin);
}

// ---- Writing.

void RingSnapshot::begin(const Now& now, Outbox& out) {
  if (ring_.size(Family::kV4) + ring_.size(Family::kV6) == 0) return rest(now, kPeriodMin);
  family_ = Family::kV4;
  place_ = 0;
  contacts_ = 0;
  next_page_ = 0;
  pages_ready_ = 0;
  change_count_ = 0;
  begin_page(now);
  fill(now, out);
}

// Others first.
void RingSnapshot::begin_page(const Now& now) {
  const auto room = std::span(page_bytes_).subspan(pages_ready_ * wire::kContactPageSizeMax);
  page_.emplace(room.first(wire::kContactPageSizeMax), family_ == Family::kV4, now.wall);
  state_ = State::kFilling;
  deadline_ = now.mono;
}

void RingSnapshot::fill(const Now& now, Outbox& out) {
  deadline_.reset();
  const size_t room = wire::kContactsPerPageMax - page_->count();
  place_ = ring_.visit_from(now.mono, family_, place_, room,
                            [this](const wire::CompactNode& contact, Duration age) {
                              page_->add(contact, std::chrono::floor<seconds>(age));
                            });
  if (!has_seen_family() && page_->count() < wire::kContactsPerPageMax) {
    deadline_ = now.mono;  // Others first.
  } else if (page_->count() > 0) {
    end_page(now, out);
  } else {
    go_on(now, out);
  }
}

bool RingSnapshot::has_seen_family() const {
  return place_ >= ring_.capacity(family_);
}

bool RingSnapshot::has_seen_all() const {
  return next_page_ + pages_ready_ == ContactPageIndex::kPagesMax ||
         (has_seen_family() && family_ == Family::kV6);
}

void RingSnapshot::end_page(const Now& now, Outbox& out) {
  contacts_ += page_->count();
  std::string& key = page_keys_[pages_ready_];
  key = page_key(next_generation(), next_page_ + pages_ready_);
  // What an earlier attempt has left behind.
  if (change_count_ == 0 && next_page_ == 0) {
    change(Kind::kRemoveRange, as_bytes(key), as_bytes(kBehindPages));
  }
  change(Kind::kPut, as_bytes(key), page_->finish());
  ++pages_ready_;
  if (pages_ready_ == kPagesPerCommit || has_seen_all()) return keep_pages(out);
  go_on(now, out);
}

void RingSnapshot::keep_pages(Outbox& out) {
  state_ = State::kKeepingPages;
  ask(out);
}

void RingSnapshot::go_on(const Now& now, Outbox& out) {
  if (has_seen_all()) return pages_ready_ > 0 ? keep_pages(out) : keep_index(out);
  if (has_seen_family()) {
    family_ = Family::kV6;
    place_ = 0;
  }
  begin_page(now);
}

void RingSnapshot::keep_index(Outbox& out) {
  state_ = State::kKeepingIndex;
  next_index_ = {next_generation(), static_cast<uint32_t>(next_page_), contacts_};
  index_bytes_ = next_index_.encode();
  key_ = page_key(next_index_.generation, 0);
  change_count_ = 0;
  change(Kind::kPut, as_bytes(kIndexKey), index_bytes_);
  change(Kind::kRemoveRange, as_bytes(kPagesPrefix), as_bytes(key_));
  ask(out);
}

void RingSnapshot::step(const Now& now, const CommitDone& input, Outbox& out) {
  if (!is_answer(input.id)) return;
  is_waiting_ = false;
  if (input.failure == StoreError::kAbsent) return retire();
  if (state_ == State::kRemovingRest) {
    if (input.failure) ++stats_.requests_failed;  // The next snapshot removes it, too.
    return rest(now, period());
  }
  if (input.failure) {
    ask_again(now);
    // That of the index may be there after all, so the pages that it names have to stay.
    if (state_ == State::kKeepingPages && tries_ >= kTriesMax) give_up(out);
    return;
  }
  tries_ = 0;
  if (state_ == State::kKeepingPages) {
    next_page_ += std::exchange(pages_ready_, 0);
    change_count_ = 0;
    return go_on(now, out);
  }
  index_ = next_index_;
  ++stats_.snapshots;
  stats_.contacts_kept = index_.contacts;
  stats_.kept_at = now.mono;
  rest(now, period());
}

void RingSnapshot::give_up(Outbox& out) {
  state_ = State::kRemovingRest;
  ++stats_.snapshots_lost;
  key_ = page_key(next_generation(), 0);
  change_count_ = 0;
  change(Kind::kRemoveRange, as_bytes(key_), as_bytes(kBehindPages));
  ask(out);
}

Duration RingSnapshot::period() const {
  constexpr size_t kAgeSize = 4;  // As in wire/contact_page.h.
  const uint64_t bytes = ring_.size(Family::kV4) * (wire::kCompactNodeV4Size + kAgeSize) +
                         ring_.size(Family::kV6) * (wire::kCompactNodeV6Size + kAgeSize);
  const auto seconds_needed = static_cast<int64_t>(bytes * 3600 / kBytesPerHour);
  return std::clamp<Duration>(seconds(seconds_needed), kPeriodMin, kPeriodMax);
}

void RingSnapshot::rest(const Now& now, Duration time) {
  state_ = State::kResting;
  tries_ = 0;
  deadline_ = now.mono + time;
}

// ---- What is asked of the store.

void RingSnapshot::change(Kind kind, Bytes key, Bytes value) {
  changes_[change_count_++] = {kind, key, value};
}

void RingSnapshot::ask(Outbox& out) {
  is_waiting_ = true;
  deadline_.reset();
  const StoreRequestId id{StoreUser::kContacts, ++request_number_};
  if (state_ == State::kReadingIndex || state_ == State::kReadingPages) {
    out.push(ReadRange{id, as_bytes(key_), as_bytes(end_), 1});
  } else {
    out.push(Commit{id, std::span(changes_).first(change_count_)});
  }
}

bool RingSnapshot::is_answer(const StoreRequestId& id) const {
  return is_waiting_ && id == StoreRequestId{StoreUser::kContacts, request_number_};
}

void RingSnapshot::ask_again(const Now& now) {
  constexpr unsigned kDoublingsMax = 16;
  ++stats_.requests_failed;
  const Duration wait = kAskAgainAfter * (1 << std::min(tries_++, kDoublingsMax));
  deadline_ = now.mono + std::min(wait, kPeriodMin);
}

void RingSnapshot::retire() {
  state_ = State::kIdle;
  deadline_.reset();
}

}  // namespace roost::core::dht
