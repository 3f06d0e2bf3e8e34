// SPDX-License-Identifier: MIT
#include "core/turn/consent.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "wire/stun.h"

namespace roost::core::turn {
namespace {

using wire::StunAttribute;
using wire::StunClass;
using wire::StunMethod;
using wire::StunView;

std::optional<StunView> binding(Bytes data) {
  if (data.size() > Consent::kCheckSizeMax) return {};
  const auto view = StunView::parse(data);
  if (!view || view->is_classic() || view->method() != StunMethod::kBinding) return {};
  return *view;
}

bool has_integrity(const StunView& view) {
  return view.find(StunAttribute::kMessageIntegrity) ||
         view.find(StunAttribute::kMessageIntegritySha256);
}

// Of a connectivity check; empty where it is none. Two agents of one name would be one whose words
// come back to it.
std::string_view check_name(const StunView& view) {
  if (view.message_class() != StunClass::kRequest || !has_integrity(view)) return {};
  const auto username = view.find(StunAttribute::kUsername);
  if (!username) return {};
  const std::string_view name = as_text(*username);
  const size_t colon = name.find(':');
  const bool has_both = colon != name.npos && colon > 0 && colon + 1 < name.size() &&
                        name.substr(0, colon) != name.substr(colon + 1);
  return has_both ? name : std::string_view();
}

// "theirs:ours" of "ours:theirs" (RFC 8445 §7.2.2).
std::string turned_round(std::string_view name) {
  const size_t colon = name.find(':');
  return std::string(name.substr(colon + 1)).append(":").append(name.substr(0, colon));
}

// "receiver:sender".
std::string_view receiver_of(std::string_view name) {
  return name.substr(0, name.find(':'));
}

std::string_view sender_of(std::string_view name) {
  return name.substr(name.find(':') + 1);
}

bool is_answer(const StunView& view) {
  return view.message_class() == StunClass::kSuccess || view.message_class() == StunClass::kError;
}

}  // namespace

Consent::Consent(uint32_t slots, uint32_t count, const SipHashKey& secret)
    : secret_(secret), heads_(slots), names_(slots), entries_(size_t{count} * kPeersMax + 1) {}

bool Consent::is_given(MonoTime now, uint32_t slot, const Endpoint& peer) const {
  for (uint32_t i = heads_[slot]; i != 0; i = entries_[i].next) {
    if (entries_[i].peer == peer) return now < entries_[i].consent_ends;
  }
  return false;
}

bool Consent::admits_to_peer(MonoTime now, uint32_t slot, const Endpoint& peer, Bytes data) {
  const auto message = binding(data);
  const bool is_ice = message && take_from_client(now, slot, peer, *message);
  return is_ice || is_given(now, slot, peer);
}

bool Consent::admits_to_client(MonoTime now, uint32_t slot, const Endpoint& peer, Bytes data) {
  const auto message = binding(data);
  const bool is_ice = message && take_from_peer(now, slot, peer, *message);
  return is_ice || is_given(now, slot, peer);
}

bool Consent::take_from_client(MonoTime now, uint32_t slot, const Endpoint& peer,
                               const StunView& message) {
  if (is_answer(message)) {
    const Entry* const entry = find(slot, peer);
    return entry != nullptr && now < entry->their_name_ends;
  }
  const std::string_view name = check_name(message);
  // In which the peer would bear the client's own name: what comes back of it would pass for the
  // peer's.
  const bool is_for_itself =
      is_name(slot, receiver_of(name)) || receiver_of(name) == sender_of(name);
  if (name.empty() || is_for_itself || !note_name(slot, sender_of(name))) return false;
  Entry* const entry = find_or_make(now, slot, peer);
  if (entry == nullptr) return false;
  entry->our_check = hash(message.transaction_id());
  entry->our_name = hash(as_bytes(turned_round(name)));
  compare_names(*entry);
  return true;
}

bool Consent::take_from_peer(MonoTime now, uint32_t slot, const Endpoint& peer,
                             const StunView& message) {
  if (is_answer(message)) {
    Entry* const entry = find(slot, peer);
    const bool is_ours = entry != nullptr && entry->our_check == hash(message.transaction_id());
    // An error, such as a role conflict, is an answer too, and no consent.
    if (is_ours && message.message_class() == StunClass::kSuccess && has_integrity(message)) {
      entry->consent_ends = now + kLifetime;
      entry->our_check = 0;  // Who repeats it says nothing new.
    }
    return is_ours;
  }
  const std::string_view name = check_name(message);
  if (name.empty() || is_name(slot, sender_of(name))) return false;
  Entry* const entry = find_or_make(now, slot, peer);
  // What only sends back what it gets has not said anything.
  const bool is_echo = entry != nullptr && entry->our_check == hash(message.transaction_id());
  if (entry == nullptr || is_echo) return false;
  entry->their_name = hash(as_bytes(name));
  entry->their_name_ends = now + kLifetime;
  compare_names(*entry);
  return true;
}

// The client's word renews nothing: what counts is when the peer has said his.
void Consent::compare_names(Entry& entry) {
  if (entry.our_name != entry.their_name) return;
  entry.consent_ends = std::max(entry.consent_ends, entry.their_name_ends);
}

bool Consent::is_name(uint32_t slot, std::string_view name) const {
  const Names& names = names_[slot];
  return std::find(names.begin(), names.end(), hash(as_bytes(name))) != names.end();
}

// False when there are too many. Names are never forgotten while the allocation lives: however long
// a check takes to come back, it is known.
bool Consent::note_name(uint32_t slot, std::string_view name) {
  const uint64_t hashed = hash(as_bytes(name));
  Names& names = names_[slot];
  const auto place = std::find_if(names.begin(), names.end(),
                                  [&](uint64_t other) { return other == hashed || other == 0; });
  if (place == names.end()) return false;
  *place = hashed;
  return true;
}

Consent::Entry* Consent::find(uint32_t slot, const Endpoint& peer) {
  for (uint32_t i = heads_[slot]; i != 0; i = entries_[i].next) {
    if (entries_[i].peer == peer) return &entries_[i];
  }
  return nullptr;
}

// Those with the newest checks come first, so the last one without consent is the oldest.
Consent::Entry* Consent::find_or_make(MonoTime now, uint32_t slot, const Endpoint& peer) {
  uint32_t count = 0;
  uint32_t* oldest = nullptr;  // The link to it.
  for (uint32_t* link = &heads_[slot]; *link != 0; link = &entries_[*link].next) {
    const uint32_t index = *link;
    if (entries_[index].peer == peer) {
      *link = entries_[index].next;
      entries_[index].next = heads_[slot];
      heads_[slot] = index;
      return &entries_[index];
    }
    ++count;
    if (now >= entries_[index].consent_ends) oldest = link;
  }
  uint32_t index = 0;
  if (count >= kPeersMax) {
    if (oldest == nullptr) return nullptr;
    index = *oldest;
    *oldest = entries_[index].next;
  } else if (free_ != 0) {
    index = free_;
    free_ = entries_[index].next;
  } else if (never_used_ < entries_.size()) {
    index = never_used_++;
  } else {
    return nullptr;
  }
  Entry& entry = entries_[index];
  entry = Entry();
  entry.peer = peer;
  entry.next = heads_[slot];
  heads_[slot] = index;
  return &entry;
}

void Consent::forget(uint32_t slot) {
  names_[slot] = {};
  while (heads_[slot] != 0) {
    const uint32_t index = heads_[slot];
    heads_[slot] = entries_[index].next;
    entries_[index].next = free_;
    free_ = index;
  }
}

uint64_t Consent::bytes_for(uint32_t slots, uint32_t count) {
  return slots * (sizeof(uint32_t) + sizeof(Names)) +
         (uint64_t{count} * kPeersMax + 1) * sizeof(Entry);
}

}  // namespace roost::core::turn
