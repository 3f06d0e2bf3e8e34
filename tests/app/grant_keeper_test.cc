// SPDX-License-Identifier: MIT
//
// Goal: the node knows what the owner has granted, and nothing that was granted or counted is lost
// to a file that is damaged or gone, to a disk that is full, or to the other side's writing.
// Method: a temporary state directory, in which the test writes as `roost grant` does, a node that
// is told what was relayed, and a clock of our own.
#include "app/grant_keeper.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

#include "app/grant_file.h"
#include "base/bytes.h"
#include "log_lines.h"

namespace roost::app {
namespace {

using namespace std::chrono_literals;

constexpr Now kStart{MonoTime(1h), kWallTimeMin + std::chrono::days(10)};
constexpr Endpoint kLocal{IpAddress::v4(0x0b000002), 3478};

NamedGrant grant_for(std::string_view name) {
  NamedGrant grant;
  grant.name = name;
  grant.token_hash = sha256(as_bytes(name));
  return grant;
}

class GrantKeeperTest : public testing::Test {
 protected:
  // One run of the daemon; unless it stops, it was killed.
  struct Run {
    explicit Run(GrantKeeperTest& test)
        : node(test.config_, {kLocal}, test.key_, test.random_, kStart),
          keeper(test.loop_, *test.dir_, node, test.log_, kStart.mono, [&test] {
            ++test.changes_;
            test.loop_.stop();
          }) {
      keeper.load(kStart);
    }

    // As if the holder had relayed so much in all.
    void relay(std::string_view name, uint64_t bytes) {
      std::vector<node::Grant> grants = node.grants()->all();
      for (node::Grant& grant : grants) {
        if (grant.id == grant_for(name).id()) grant.relayed_bytes = bytes;
      }
      node.set_grants(grants, kStart);
    }
    // Empty if it is not in force.
    std::optional<uint64_t> relayed(std::string_view name) {
      const node::Grant* const found = node.grants()->find_by_token(name);
      return found == nullptr ? std::nullopt : std::optional(found->relayed_bytes);
    }
    void keep_house(Duration since_start) {
      keeper.keep_house({kStart.mono + since_start, kStart.wall});
    }

    node::Node node;
    GrantKeeper keeper;
  };

  GrantKeeperTest() {
    config_.relay.enabled = true;
    std::string pattern = testing::TempDir() + "roost-grants-XXXXXX";
    root_ = mkdtemp(pattern.data());
    auto opened = io::StateDir::open(root_ + "/state", {});
    EXPECT_TRUE(opened);
    dir_.emplace(std::move(*opened));
  }
  ~GrantKeeperTest() override { std::filesystem::remove_all(root_); }

  // As `roost grant` does.
  void write_grants(const std::vector<std::string_view>& names) {
    std::vector<NamedGrant> grants;
    for (const std::string_view name : names) grants.push_back(grant_for(name));
    ASSERT_TRUE(dir_->write(kGrantFile, as_bytes(grants_text(grants)), false));
  }
  std::string path(std::string_view name) const { return root_ + "/state/" + std::string(name); }
  // What is on the disk of it, if anything.
  std::optional<uint64_t> saved(std::string_view name) const {
    const auto file = dir_->read(kUsedFile, kGrantFileSizeMax);
    if (!file || !*file) return {};
    const auto used = parse_used(as_text(**file)).value();
    const auto found = used.find(grant_for(name).id());
    return found == used.end() ? std::nullopt : std::optional(found->second);
  }
  void block(std::string_view name) const {
    std::filesystem::create_directory(path(name) + ".new");  // In the way, as a full disk is.
  }
  void unblock(std::string_view name) const { std::filesystem::remove(path(name) + ".new"); }

  std::string root_;
  std::optional<io::StateDir> dir_;
  io::EventLoop loop_;
  LogLines log_;
  int changes_ = 0;
  node::Config config_;
  const SigningKey key_{SigningKey::Seed{}};
  SeededRandom random_{1};
};

// ---- What is in force.

TEST_F(GrantKeeperTest, BeginsWithNothingAndWithoutComplaint) {
  Run run(*this);
  EXPECT_TRUE(run.node.grants()->all().empty());
  run.keep_house(24h);
  run.keeper.save_at_stop();
  EXPECT_FALSE(std::filesystem::exists(path(kUsedFile)));
  EXPECT_EQ(0u, log_.warnings() + log_.errors());
}

TEST_F(GrantKeeperTest, TakesUpWhatIsAddedAndRevokedAndTellsTheNodesDriver) {
  write_grants({"Anna"});
  Run run(*this);
  EXPECT_EQ(0u, run.relayed("Anna"));
  EXPECT_EQ(1, changes_);
  EXPECT_EQ("grants in force: 1", log_.last());
  write_grants({"Anna", "Bob"});
  run.keeper.load(kStart);
  EXPECT_EQ(0u, run.relayed("Bob"));
  write_grants({"Bob"});
  run.keeper.load(kStart);
  EXPECT_EQ(std::nullopt, run.relayed("Anna"));
  EXPECT_EQ(0u, run.relayed("Bob"));
  EXPECT_EQ(3, changes_);
  EXPECT_EQ(3u, log_.infos());
  EXPECT_EQ(0u, log_.warnings() + log_.errors());
}

TEST_F(GrantKeeperTest, SeesAChangeByItself) {
  Run run(*this);
  const io::EventLoop::Watch give_up = loop_.every(10s, [this] { loop_.stop(); });
  write_grants({"Anna"});
  loop_.run();
  EXPECT_EQ(0u, run.relayed("Anna"));
  std::filesystem::remove(path(kGrantFile));
  loop_.run();
  EXPECT_EQ(std::nullopt, run.relayed("Anna"));
  EXPECT_EQ(3, changes_);
}

TEST_F(GrantKeeperTest, LeavesWhatIsInForceAsItWasWhereTheFileIsDamaged) {
  write_grants({"Anna"});
  Run run(*this);
  std::string twice = grants_text({grant_for("Anna"), grant_for("Bob"), grant_for("Anna")});
  for (const std::string& damage : {std::string("{"), std::string(), std::move(twice)}) {
    std::ofstream(path(kGrantFile)) << damage;
    const size_t errors = log_.errors();
    run.keeper.load(kStart);
    EXPECT_EQ(0u, run.relayed("Anna"));
    EXPECT_EQ(std::nullopt, run.relayed("Bob"));
    EXPECT_EQ(errors + 1, log_.errors());
    EXPECT_NE(std::string::npos, log_.last().find("grants.json is damaged")) << log_.last();
    // It is the owner's to mend: nobody has moved it.
    std::ifstream file(path(kGrantFile));
    EXPECT_EQ(damage, std::string(std::istreambuf_iterator<char>(file), {}));
  }
  EXPECT_EQ(1, changes_);
}

TEST_F(GrantKeeperTest, TriesAFileThatCannotBeReadAgainAndSaysSoOnce) {
  write_grants({"Anna"});
  Run run(*this);
  std::filesystem::rename(path(kGrantFile), path("away"));
  std::filesystem::create_directory(path(kGrantFile));
  run.keeper.load(kStart);
  for (int minute = 1; minute < 4; ++minute) run.keep_house(minute * 1min);
  EXPECT_EQ(0u, run.relayed("Anna"));
  EXPECT_EQ(1u, log_.errors());
  std::filesystem::remove(path(kGrantFile));
  write_grants({"Anna", "Bob"});
  run.keep_house(5min);
  EXPECT_EQ(0u, run.relayed("Bob"));
  EXPECT_EQ(1u, log_.errors());
}

// ---- What was relayed.

TEST_F(GrantKeeperTest, IsExactAfterAStop) {
  write_grants({"Anna", "Bob"});
  {
    Run run(*this);
    run.relay("Anna", 500);
    run.keeper.save_at_stop();
  }
  Run next(*this);
  EXPECT_EQ(500u, next.relayed("Anna"));
  EXPECT_EQ(0u, next.relayed("Bob"));
}

TEST_F(GrantKeeperTest, SavesEveryTenMinutesOrTwentyMegabytesAndNotWithoutNeed) {
  write_grants({"Anna", "Bob"});
  Run run(*this);
  run.relay("Anna", 500);
  run.keep_house(GrantKeeper::kSavePeriod - 1s);
  EXPECT_EQ(std::nullopt, saved("Anna"));
  run.keep_house(GrantKeeper::kSavePeriod);
  EXPECT_EQ(500u, saved("Anna"));
  // Of all grants together, whenever that was.
  run.relay("Anna", 500 + GrantKeeper::kSaveBytes / 2);
  run.relay("Bob", GrantKeeper::kSaveBytes / 2 - 1);
  run.keep_house(GrantKeeper::kSavePeriod + 1min);
  EXPECT_EQ(500u, saved("Anna"));
  run.relay("Bob", GrantKeeper::kSaveBytes / 2);
  run.keep_house(GrantKeeper::kSavePeriod + 2min);
  EXPECT_EQ(GrantKeeper::kSaveBytes / 2, saved("Bob"));
  const auto written_at = std::filesystem::last_write_time(path(kUsedFile));
  run.keep_house(24h);
  run.keeper.save_at_stop();
  EXPECT_EQ(written_at, std::filesystem::last_write_time(path(kUsedFile)));
}

TEST_F(GrantKeeperTest, LosesNoCountToAChangeOfTheGrantsNorTheChangeToACount) {
  write_grants({"Anna"});
  Run run(*this);
  run.relay("Anna", 500);
  write_grants({"Anna", "Bob"});  // While what Anna has relayed is not saved yet.
  run.keeper.load(kStart);
  EXPECT_EQ(500u, run.relayed("Anna"));
  run.keep_house(1h);  // Nor is what is saved put over what was added.
  EXPECT_EQ(500u, saved("Anna"));
  Run next(*this);
  EXPECT_EQ(500u, next.relayed("Anna"));
  EXPECT_EQ(0u, next.relayed("Bob"));
}

TEST_F(GrantKeeperTest, ForgetsWhatARevokedGrantHasRelayed) {
  write_grants({"Anna", "Bob"});
  Run run(*this);
  run.relay("Anna", 500);
  run.relay("Bob", 70);
  run.keep_house(1h);
  write_grants({"Bob"});
  run.keeper.load(kStart);
  run.keep_house(2h);
  EXPECT_EQ(std::nullopt, saved("Anna"));
  EXPECT_EQ(70u, saved("Bob"));
}

TEST_F(GrantKeeperTest, KeepsTheCountsForAFileThatWasGoneOrDamaged) {
  write_grants({"Anna"});
  {
    Run run(*this);
    run.relay("Anna", 500);
    std::filesystem::remove(path(kGrantFile));
    run.keeper.load(kStart);
    EXPECT_EQ(std::nullopt, run.relayed("Anna"));
    run.keep_house(1h);
    write_grants({"Anna"});  // From a backup.
    run.keeper.load(kStart);
    EXPECT_EQ(500u, run.relayed("Anna"));
    run.keeper.save_at_stop();
  }
  // So does a run that has begun with no grants, for want of a sound file.
  std::ofstream(path(kGrantFile)) << "{";
  Run next(*this);
  EXPECT_TRUE(next.node.grants()->all().empty());
  next.keep_house(1h);
  next.keeper.save_at_stop();
  EXPECT_EQ(500u, saved("Anna"));
  write_grants({"Anna"});
  next.keeper.load(kStart);
  EXPECT_EQ(500u, next.relayed("Anna"));
}

TEST_F(GrantKeeperTest, KeepsTheCountsWhileTheRelayIsOff) {
  write_grants({"Anna"});
  {
    Run run(*this);
    run.relay("Anna", 500);
    run.keeper.save_at_stop();
  }
  config_.relay.enabled = false;
  {
    Run run(*this);
    EXPECT_EQ(nullptr, run.node.grants());
    run.keep_house(1h);
    run.keeper.save_at_stop();
  }
  EXPECT_EQ(500u, saved("Anna"));
}

TEST_F(GrantKeeperTest, SetsADamagedCountAside) {
  write_grants({"Anna"});
  std::ofstream(path(kUsedFile)) << "garbage";
  Run run(*this);
  EXPECT_EQ(0u, run.relayed("Anna"));
  EXPECT_EQ(1u, log_.warnings());
  EXPECT_TRUE(std::filesystem::exists(path(kUsedFile) + ".damaged"));
}

TEST_F(GrantKeeperTest, MakesACountThatWasRemovedAnew) {
  write_grants({"Anna"});
  Run run(*this);
  run.relay("Anna", 500);
  run.keep_house(1h);
  for (const bool stops : {false, true}) {
    std::filesystem::remove(path(kUsedFile));
    stops ? run.keeper.save_at_stop() : run.keep_house(1h + 1min);
    EXPECT_EQ(500u, saved("Anna"));
  }
}

// ---- Disks that are full.

TEST_F(GrantKeeperTest, SaysOnceThatItCannotSaveAndTriesAgain) {
  write_grants({"Anna"});
  Run run(*this);
  run.relay("Anna", 500);
  run.keep_house(1h);
  block(kUsedFile);
  run.relay("Anna", 600);
  for (int minute = 0; minute < 30; ++minute) run.keep_house(2h + minute * 1min);
  run.keeper.save_at_stop();
  EXPECT_EQ(1u, log_.errors());
  EXPECT_EQ("what grants have relayed is not saved", log_.last().substr(0, 37));
  EXPECT_EQ(500u, saved("Anna"));        // The old count is whole,
  EXPECT_EQ(600u, run.relayed("Anna"));  // and the new one goes on.
  EXPECT_FALSE(run.keeper.can_save());
  unblock(kUsedFile);
  run.keep_house(2h + 30min);  // Without waiting for another period.
  EXPECT_EQ(600u, saved("Anna"));
  EXPECT_EQ("what grants have relayed is saved again", log_.last());
  EXPECT_TRUE(run.keeper.can_save());
  EXPECT_EQ(1u, log_.errors());
}

}  // namespace
}  // namespace roost::app
