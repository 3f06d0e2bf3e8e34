// SPDX-License-Identifier: MIT
//
// Goal: what names are is told once, from the loop, and addresses are names of themselves.
// Method: addresses only, so that no resolver is asked; end-to-end tests have one.
#include "io/name_resolver.h"

#include <gtest/gtest.h>
#include <optional>

namespace roost::io {
namespace {

class NameResolverTest : public testing::Test {
 protected:
  std::vector<Endpoint> resolve(const std::vector<NameResolver::Name>& names) {
    std::optional<std::vector<Endpoint>> result;
    resolver_.resolve(names, [&](std::span<const Endpoint> found) {
      EXPECT_FALSE(result) << "told twice";
      result.emplace(found.begin(), found.end());
      loop_.stop();
    });
    EXPECT_FALSE(result) << "told from within";
    loop_.run();
    EXPECT_TRUE(result);
    return result.value_or(std::vector<Endpoint>());
  }

  EventLoop loop_;
  NameResolver resolver_{loop_};
};

TEST_F(NameResolverTest, TakesAddresses) {
  EXPECT_EQ((std::vector<Endpoint>{*Endpoint::parse("192.0.2.1:6881"),
                                   *Endpoint::parse("[2001:db8::1]:25401")}),
            resolve({{"192.0.2.1", 6881}, {"2001:db8::1", 25401}, {"192.0.2.1", 6881}}));
}

TEST_F(NameResolverTest, FindsNothingWhereThereIsNothingToFind) {
  EXPECT_TRUE(resolve({}).empty());
}

TEST_F(NameResolverTest, TellsNoMoreThanItMay) {
  std::vector<NameResolver::Name> names;
  for (int i = 0; i < 40; ++i) names.push_back({"192.0.2." + std::to_string(i), 1});
  EXPECT_EQ(core::kNamesResolvedMax, resolve(names).size());
}

TEST_F(NameResolverTest, MayBeAskedAgainByWhoeverIsTold) {
  std::vector<size_t> counts;
  const std::vector<NameResolver::Name> names = {{"192.0.2.1", 1}};
  resolver_.resolve(names, [&](std::span<const Endpoint> found) {
    counts.push_back(found.size());
    resolver_.resolve(names, [&](std::span<const Endpoint> again) {
      counts.push_back(again.size());
      loop_.stop();
    });
  });
  // One that comes meanwhile is not taken.
  resolver_.resolve({}, [](std::span<const Endpoint>) { ADD_FAILURE(); });
  loop_.run();
  EXPECT_EQ((std::vector<size_t>{1, 1}), counts);
}

}  // namespace
}  // namespace roost::io
