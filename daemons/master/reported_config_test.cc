#include "master/reported_config.h"

#include <gmock/gmock.h>

#include <algorithm>

namespace headpond::master {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

constexpr char kReadType[] = "alluxio.user.file.readtype.default";
constexpr char kWorkerTimeout[] = "alluxio.master.worker.timeout";

std::optional<std::string> ValueOf(const ReportedConfig::View& view, std::string_view name) {
  const auto found = std::ranges::find(view.resolved, name, &ReportedProperty::name);
  return found == view.resolved.end() ? std::nullopt : found->value;
}

Config Dynamic() {
  Config config;
  EXPECT_TRUE(config.Set("alluxio.conf.dynamic.update.enabled", "true").ok());
  return config;
}

TEST(ReportedConfigTest, NothingIsUpdatedUnlessItIsAllowed) {
  ManualClock clock;
  ReportedConfig config(Config(), clock);
  const auto before = config.view();
  EXPECT_THAT(config.Update({{kReadType, "NO_CACHE"}}), ElementsAre(Pair(kReadType, false)));
  EXPECT_EQ(config.view(), before);
}

TEST(ReportedConfigTest, AnUpdateOfWhatClientsReadChangesTheHashThatTheyPoll) {
  ManualClock clock;
  ReportedConfig config(Dynamic(), clock);
  const auto before = config.view();
  clock.Advance(std::chrono::seconds(5));
  EXPECT_THAT(config.Update({{kReadType, "NO_CACHE"}}), ElementsAre(Pair(kReadType, true)));
  const auto after = config.view();
  EXPECT_NE(after->hash, before->hash);
  EXPECT_EQ(after->last_update_ms, clock.NowMs());
  EXPECT_EQ(ValueOf(*after, kReadType), "NO_CACHE");
  EXPECT_EQ(ValueOf(*before, kReadType), "CACHE");  // whoever reads the former state keeps it
}

TEST(ReportedConfigTest, WhatServersHaveReadAlreadyUnknownKeysAndBadValuesAreRefused) {
  ManualClock clock;
  ReportedConfig config(Dynamic(), clock);
  const auto before = config.view();
  EXPECT_THAT(config.Update({{kWorkerTimeout, "6min"}, {"alluxio.nosuch", "1"}, {kReadType, "X"}}),
              ElementsAre(Pair(kWorkerTimeout, false), Pair("alluxio.nosuch", false),
                          Pair(kReadType, false)));
  EXPECT_EQ(config.view(), before);
}

}  // namespace
}  // namespace headpond::master
