#include "http/metrics_pages.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace headpond::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class MetricsPagesTest : public ::testing::Test {
 protected:
  MetricsPagesTest() {
    metrics_.counter("Master.CreateFileOps").Add(3);
    metrics_.AddGauge("Cluster.Workers", [] { return 1.0; });
    metrics_.timer("Master.GetStatus.User:root").Record(2'000'000);
  }
  MetricsRegistry metrics_;
};

TEST_F(MetricsPagesTest, JsonHasDropwizardsShape) {
  const auto json = nlohmann::json::parse(MetricsJson(metrics_.Read()));
  EXPECT_EQ(json["version"], "4.0.0");
  EXPECT_EQ(json["counters"]["Master.CreateFileOps"]["count"], 3);
  EXPECT_EQ(json["gauges"]["Cluster.Workers"]["value"], 1.0);
  EXPECT_EQ(json["timers"]["Master.GetStatus.User:root"]["mean"], 2.0);
}

TEST_F(MetricsPagesTest, PrometheusNamesAndNumbersAreStocks) {
  const std::string text = MetricsPrometheus(metrics_.Read());
  EXPECT_THAT(text, HasSubstr("# TYPE Master_CreateFileOps gauge\nMaster_CreateFileOps 3.0\n"));
  EXPECT_THAT(text, HasSubstr("Master_GetStatus_User:root_count 1.0\n"));
  EXPECT_THAT(text, HasSubstr("Master_GetStatus_User:root_sum 0.002\n"));
}

TEST(OverviewTest, EscapesNamesAndSpeaksStocksTimes) {
  const std::string page = OverviewPage("A <b>", {{"dir", "<script>"}}, {});
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;"));
  EXPECT_THAT(page, Not(HasSubstr("<script>")));
  EXPECT_EQ(UptimeText(95'000), "0 day(s), 0 hour(s), 1 minute(s), and 35 second(s)");
  EXPECT_EQ(DateText(1'795'349'432'536), "11-22-2026 12:10:32:536");
}

}  // namespace
}  // namespace headpond::http
