// SPDX-License-Identifier: MIT
// Goal: a written configuration reads back as itself, and conf/roost.toml says what the code does.
#include "app/config_text.h"

#include <gtest/gtest.h>
#include <sstream>

#include "app/config_file.h"
#include "app/options.h"
#include "text_file.h"

namespace roost::app {
namespace {

node::Config unusual_config() {
  node::Config config;
  config.node.state_dir = "/srv/\"odd\" \\ größe";
  config.node.listen = {IpAddress::v4(0xc0000201), IpAddress(0x20010db800000000, 1)};
  config.node.port = 0;
  config.node.role = node::RoleChoice::kSupernode;
  config.node.external_addresses = {IpAddress::v4(0xc6336401)};
  config.tls.certificate = "cert.pem";
  config.tls.key = "key.pem";
  config.donate.bandwidth_bytes_per_second = 0;
  config.donate.monthly_bytes = 123'456'789'012;
  config.donate.memory_bytes = 99'999'999;
  config.donate.connections = 77;
  config.admission.packets_per_second_per_prefix = 0;
  config.stun.enabled = false;
  config.stun.software = "a \"b\" \\c";
  config.metrics.listen.reset();
  config.metrics.listen_path = "/run/roost/admin.sock";
  config.log.level = node::LogLevel::kDebug;
  config.log.format = node::LogFormat::kJournal;
  return config;
}

void expect_same(const node::Config& a, const node::Config& b) {
  for (const Option& option : options()) {
    EXPECT_EQ(value_text(option.kind, a), value_text(option.kind, b)) << option.full_name;
  }
}

TEST(ConfigText, ReadsBackAsTheSameConfiguration) {
  for (const node::Config& config : {node::Config(), unusual_config()}) {
    for (const auto style : {ConfigTextStyle::kBare, ConfigTextStyle::kExplained}) {
      const std::string text = config_text(config, style);
      const auto file = parse_config(text, "roost.toml");
      ASSERT_TRUE(file) << text << text_of(file.error());
      EXPECT_EQ(file->options_set, options().size());
      expect_same(file->config, config);
      EXPECT_EQ(config_text(file->config, style), text);
    }
  }
}

TEST(ConfigText, IsTheSampleThatIsCommitted) {
  EXPECT_EQ(source_file("conf/roost.toml"), sample_config_text())
      << "To renew it: roost print-config --sample > conf/roost.toml";
}

TEST(ConfigText, TheSampleSetsNothingAndOffersTheDefaults) {
  std::string text = sample_config_text();
  const auto as_shipped = parse_config(text, "roost.toml");
  ASSERT_TRUE(as_shipped);
  EXPECT_EQ(as_shipped->options_set, 0u);

  // Options are commented out without a blank, prose with one.
  for (size_t at = 0; (at = text.find("\n#", at)) != std::string::npos; ++at) {
    const char next = text[at + 2];
    if (next >= 'a' && next <= 'z') text.erase(at + 1, 1);
  }
  const auto all_set = parse_config(text, "roost.toml");
  ASSERT_TRUE(all_set) << text_of(all_set.error());
  EXPECT_EQ(all_set->options_set, options().size());
  expect_same(all_set->config, node::Config());
}

TEST(ConfigText, TheSampleFitsOnAScreen) {
  std::istringstream lines(sample_config_text());
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 100u) << line;
    EXPECT_FALSE(line.ends_with(' ')) << line;
  }
}

}  // namespace
}  // namespace roost::app
