// SPDX-License-Identifier: MIT
// Makes the store of a node that has known a million others: the daemon's own
// core/dht/ring_snapshot writes the contacts, so that their form is whatever the daemon reads.
//
// Contacts are IPv4, two in each /24 that has any, all at one port, with the IDs that BEP 42 gives
// their addresses; they were verified within the last half hour, evenly.

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "core/dht/ring_snapshot.h"
#include "core/outbox.h"
#include "dht_addresses.h"
#include "io/rocksdb_store.h"
#include "node/write_batch.h"
#include "wire/node_id.h"

namespace bench {
namespace {

using namespace roost;
using core::dht::ContactRing;
using core::dht::RingSnapshot;

// So that all find a place here; how many do in the daemon is for its configuration to say.
constexpr size_t kPlacesPerContact = 8;
constexpr MonoTime kNow{std::chrono::hours(1000)};

void admit_contacts(ContactRing& ring, uint32_t count) {
  SeededRandom random(1);
  for (uint32_t i = 0; i < count; ++i) {
    const IpAddress address = IpAddress::v4(contact_address(i));
    const auto id = wire::conforming_node_id(address, random.bytes<20>());
    const Duration age(random.below(ContactRing::kVerifyAgainAfter.count()));
    (void)ring.admit(kNow - age, {id, {address, kDhtPort}});
  }
}

// One snapshot, from the start to the end. False when the store refuses something.
class Keeper {
 public:
  Keeper(ContactRing& ring, node::Store& store) : snapshot_(ring), store_(store) {}

  bool keep() {
    Now now{kNow, std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now())};
    snapshot_.start(now, out_);
    if (!answer(now)) return false;
    snapshot_.keep_now(now, out_);
    while (snapshot_.stats().snapshots == 0) {
      if (!answer(now)) return false;
      if (!snapshot_.next_deadline()) continue;
      now.mono = std::max(now.mono, *snapshot_.next_deadline());
      snapshot_.step(now, core::DeadlinePassed{}, out_);
    }
    return true;
  }

  uint64_t kept() const { return snapshot_.stats().contacts_kept; }

 private:
  // What it has asked of the store. False if that has failed.
  bool answer(const Now& now) {
    const std::vector<core::Action> actions(out_.actions().begin(), out_.actions().end());
    out_.clear();
    for (const core::Action& action : actions) {
      if (const auto* read = std::get_if<core::ReadRange>(&action)) {
        snapshot_.step(now, core::RangeRead{read->id, {}, true, {}}, out_);  // A new store.
      } else if (const auto* commit = std::get_if<core::Commit>(&action)) {
        node::WriteBatch batch;
        for (const core::StoreChange& change : commit->changes) batch.add(change);
        const auto done = store_.commit(batch);
        if (!done) {
          std::fprintf(stderr, "ring_store: %s\n", done.error().detail.c_str());
          return false;
        }
        snapshot_.step(now, core::CommitDone{commit->id, {}}, out_);
      }
    }
    return true;
  }

  RingSnapshot snapshot_;
  node::Store& store_;
  core::Outbox out_;
};

int run(int argc, char** argv) {
  uint32_t count = 0;
  if (argc == 3) std::from_chars(argv[2], argv[2] + std::strlen(argv[2]), count);
  if (count == 0 || count > kContactsMax) {
    std::fprintf(stderr, "ring_store DIRECTORY CONTACTS: at most %u\n", kContactsMax);
    return 2;
  }
  ContactRing ring({.v4_contacts = kPlacesPerContact * count}, SipHashKey{});
  admit_contacts(ring, count);
  const auto opened = io::open_rocksdb_store(argv[1]);
  if (!opened) {
    std::fprintf(stderr, "ring_store: %s\n", opened.error().detail.c_str());
    return 1;
  }
  Keeper keeper(ring, *opened->store);
  if (!keeper.keep()) return 1;
  std::printf("{\"contacts\":%llu}\n", static_cast<unsigned long long>(keeper.kept()));
  return 0;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  return bench::run(argc, argv);
}
