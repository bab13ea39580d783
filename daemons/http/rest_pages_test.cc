#include "http/rest_pages.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace headpond::http {
namespace {

const std::vector<ReportedProperty> kProperties{{"a", "1", "DEFAULT"}, {"b", std::nullopt, "X"}};

TEST(RestPagesTest, AnUnsetPropertyIsNullAmongValuesAndEmptyAmongTriples) {
  EXPECT_EQ(ConfigurationValues(kProperties).dump(), R"({"a":"1","b":null})");
  EXPECT_EQ(
      ConfigurationTriples(kProperties).dump(),
      R"([{"left":"a","middle":"1","right":"DEFAULT"},{"left":"b","middle":"","right":"X"}])");
}

TEST(RestPagesTest, CountersShowByName) {
  MetricsRegistry metrics;
  metrics.counter("Worker.X").Add(3);
  EXPECT_EQ(CounterValues(metrics).dump(), R"({"Worker.X":3})");
}

TEST(RestPagesTest, InitFollowsTheProperties) {
  Config config;
  ASSERT_TRUE(config.Set("alluxio.web.refresh.interval", "5s").ok());
  EXPECT_EQ(InitPage(config)["refreshInterval"], 5000);
  EXPECT_EQ(InitPage(config)["debug"], false);
}

}  // namespace
}  // namespace headpond::http
