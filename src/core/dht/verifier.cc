// SPDX-License-Identifier: MIT
#include "core/dht/verifier.h"

#include <algorithm>

#include "base/check.h"
#include "base/special_purpose.h"

namespace roost::core::dht {
namespace {

template <typename Counts, typename Enum>
void count(Counts& counts, Enum what) {
  ++counts[static_cast<size_t>(what)];
}

}  // namespace

Verifier::Verifier(const Options& options, Random& random, MonoTime now)
    : options_(options),
      ring_(options.contacts, random.bytes<16>()),
      candidates_(options.candidates, random.bytes<16>()),
      proven_(options.proven_addresses, random.bytes<16>()),
      cookies_(random.bytes<16>()),
      pace_{options.pings_per_second, options.pings_per_second},
      pings_left_(pace_, now),
      proofs_left_(kProofPace, now),
      turn_(std::min<Duration>(kTurn, Duration(std::chrono::seconds(kPingsPerStepMax)) /
                                          std::max<uint64_t>(1, options.pings_per_second))),
      next_turn_(now) {}

void Verifier::set_home(Family family, const std::optional<Home>& home) {
  homes_[static_cast<size_t>(family)] = home;
}

bool Verifier::is_welcome(const IpAddress& address) const {
  return options_.takes_special_purpose || is_globally_reachable(address);
}

bool Verifier::ping(MonoTime now, PingPurpose purpose, const Endpoint& to, Outbox& out) {
  const auto& home = homes_[static_cast<size_t>(family_of(to.address))];
  if (!home) return false;
  const PingCookies::Cookie cookie = cookies_.make(now, purpose, to);
  send_query(*home, is_read_only_, cookie, {}, to, out,
             purpose == PingPurpose::kProof ? Grade::kUnproven : Grade::kCommitted);
  count(stats_.pings, purpose);
  return true;
}

size_t Verifier::heard_query(MonoTime now, const Endpoint& from, bool may_ping, Outbox& out) {
  if (!is_welcome(from.address)) {
    ++stats_.refused_special_purpose;
    return 0;
  }
  // Before the ring, which is far larger than any cache.
  if (!may_ping || proofs_left_.tokens(kProofPace, now) == 0 || ring_.contains(from)) return 0;
  (void)proofs_left_.take(kProofPace, now);
  return ping(now, PingPurpose::kProof, from, out) ? kPingSize : 0;
}

void Verifier::heard_proven(MonoTime now, const Endpoint& from) {
  if (ring_.contains(from)) return;
  if (!is_welcome(from.address)) {
    ++stats_.refused_special_purpose;
    return;
  }
  count(stats_.candidates, candidates_.heard(now, from));
}

std::optional<PingPurpose> Verifier::heard_answer(MonoTime now, const DatagramArrived& input,
                                                  const wire::KrpcMessage& message) {
  const auto purpose = cookies_.check(now, message.head.transaction_id, input.from);
  if (!purpose) return {};
  count(stats_.answers, *purpose);
  line_lives(now, family_of(input.from.address));
  proven_.add(now, input.from.address);  // Even an error has been received there.
  if (message.kind != wire::KrpcKind::kResponse) return purpose;
  const auto response = parse_response(message);
  if (!response) return purpose;
  const wire::CompactNode contact{response->id, input.from};
  switch (*purpose) {
    case PingPurpose::kProof: count(stats_.candidates, candidates_.heard(now, input.from)); break;
    case PingPurpose::kAdmission:
    case PingPurpose::kVerify: admit(now, contact); break;
    case PingPurpose::kQuality15:
    case PingPurpose::kQuality60: quality_.answered(*purpose, input.from); break;
    case PingPurpose::kTable:
    case PingPurpose::kBootstrap: break;  // Not asked here.
  }
  return purpose;
}

bool Verifier::is_line_dead(MonoTime now, Family family) const {
  const Line& line = lines_[static_cast<size_t>(family)];
  const uint64_t enough = std::clamp<uint64_t>(ring_.size(family), kInARowMin, kInARowMax);
  return line.unanswered >= enough && now - line.silent_since >= kSilenceMin;
}

void Verifier::line_lives(MonoTime now, Family family) {
  if (is_line_dead(now, family)) ring_.forgive(family);
  Line& line = lines_[static_cast<size_t>(family)];
  const bool has_been_silent = now - line.heard.until > kQuietMax;
  line = {.heard = {has_been_silent ? now : line.heard.since, now}};
}

bool Verifier::has_heard_since(MonoTime time, Family family) const {
  return lines_[static_cast<size_t>(family)].heard.until >= time;
}

void Verifier::heard_elsewhere(MonoTime now, const wire::CompactNode& node) {
  const Endpoint& endpoint = node.endpoint;
  if (!is_welcome(endpoint.address)) return;
  if (ring_.contains(endpoint)) return admit(now, node);
  const bool has_asked_us =
      proven_.contains(now, endpoint.address) || candidates_.contains(endpoint);
  if (has_asked_us) return;
  if (ring_.size(family_of(endpoint.address)) < kContactsMin) return admit(now, node);
  count(stats_.candidates, candidates_.heard(now, endpoint));
}

void Verifier::admit(MonoTime now, const wire::CompactNode& contact) {
  const auto& home = homes_[static_cast<size_t>(family_of(contact.endpoint.address))];
  if (home && home->id == contact.id) return;  // Ourselves, whom others have named to us.
  if (!options_.takes_special_purpose && !wire::conforms(contact.id, contact.endpoint.address)) {
    ++stats_.refused_id;
    return;
  }
  count(stats_.admissions, ring_.admit(now, contact));
}

size_t Verifier::take(MonoTime now, Family family, std::span<wire::CompactNode> out) {
  const size_t taken = ring_.take(now, family, out);
  for (const wire::CompactNode& contact : out.first(taken)) {
    quality_.handed_out(now, contact.endpoint);
  }
  return taken;
}

// Samples first, since they are few and their time matters; then those who wait to come in. While
// our line is dead they all wait.
bool Verifier::ask_next(MonoTime now, Outbox& out) {
  const auto is_dead = [&](Family family) {
    return !homes_[static_cast<size_t>(family)] || is_line_dead(now, family);
  };
  if (!is_dead(Family::kV4) || !is_dead(Family::kV6)) {
    if (const auto question = quality_.next_question(now)) {
      (void)ping(now, question->purpose, question->to, out);
      return true;
    }
    if (const auto candidate = candidates_.pop_silent(now)) {
      (void)ping(now, PingPurpose::kAdmission, *candidate, out);
      return true;
    }
  }
  return ask_contact(now, Family::kV4, out) || ask_contact(now, Family::kV6, out);
}

bool Verifier::ask_contact(MonoTime now, Family family, Outbox& out) {
  if (!homes_[static_cast<size_t>(family)]) return false;
  Line& line = lines_[static_cast<size_t>(family)];
  if (is_line_dead(now, family)) {
    if (now < line.try_at) return false;
    line.try_at = now + line.try_again;
    line.try_again = std::min(2 * line.try_again, kTryAgainMax);
    return try_line(now, family, out);
  }
  const auto due = ring_.next_to_verify(now, family, line.heard);
  if (!due) return false;
  if (line.unanswered++ == 0) line.silent_since = now;
  (void)ping(now, PingPurpose::kVerify, due->contact.endpoint, out);
  if (due->is_in_doubt && pings_left_.take(pace_, now)) (void)try_line(now, family, out);
  return true;
}

// By asking whoever is next, who may well answer.
bool Verifier::try_line(MonoTime now, Family family, Outbox& out) {
  const auto contact = ring_.next_in_turn(family);
  return contact && ping(now, PingPurpose::kVerify, contact->endpoint, out);
}

void Verifier::step(MonoTime now, const DeadlinePassed&, Outbox& out) {
  next_turn_ = now + turn_;
  for (size_t sent = 0; sent < kPingsPerStepMax; ++sent) {
    if (!pings_left_.take(pace_, now) || !ask_next(now, out)) return;
  }
}

std::optional<MonoTime> Verifier::next_deadline() const {
  const bool has_contacts = ring_.size(Family::kV4) + ring_.size(Family::kV6) > 0;
  std::optional<MonoTime> next;
  for (const auto& deadline : {candidates_.next_deadline(), quality_.next_deadline(),
                               has_contacts ? std::optional(next_turn_) : std::nullopt}) {
    if (deadline && (!next || *deadline < *next)) next = deadline;
  }
  // What is due and not asked yet waits for its turn: the pace has held it back.
  if (next) next = std::max(*next, next_turn_);
  return next;
}

uint64_t Verifier::bytes_for(const Options& options) {
  return ContactRing::bytes_for(options.contacts) + Candidates::bytes_for(options.candidates) +
         ProvenAddresses::bytes_for(options.proven_addresses);
}

}  // namespace roost::core::dht
