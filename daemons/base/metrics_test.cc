#include "base/metrics.h"

#include <gmock/gmock.h>

namespace headpond {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(MetricsRegistryTest, AGaugeMayLookUpCounters) {
  MetricsRegistry metrics;
  metrics.AddGauge("Twice",
                   [&] { return 2.0 * static_cast<double>(metrics.counter("One").value()); });
  metrics.counter("One").Add(4);
  EXPECT_THAT(metrics.Read().gauges, ElementsAre(Pair("Twice", 8.0)));
  metrics.RemoveGauges();
  EXPECT_THAT(metrics.Read().gauges, IsEmpty());
}

TEST(CounterReportTest, TellsGrowthOnceItWasDelivered) {
  MetricsRegistry metrics;
  CounterReport report(metrics);
  metrics.counter("a").Add(3);
  metrics.counter("still");
  EXPECT_THAT(report.Growth(), ElementsAre(Pair("a", 3)));
  report.Delivered();
  EXPECT_THAT(report.Growth(), IsEmpty());
  metrics.counter("a").Add(2);
  EXPECT_THAT(report.Growth(), ElementsAre(Pair("a", 2)));
}

TEST(CounterReportTest, AReportThatWasLostIsToldAgainWithWhatCameAfterIt) {
  MetricsRegistry metrics;
  CounterReport report(metrics);
  metrics.counter("a").Add(3);
  (void)report.Growth();
  metrics.counter("a").Add(4);
  EXPECT_THAT(report.Growth(), ElementsAre(Pair("a", 7)));
}

TEST(CounterReportTest, AClearedCounterGrowsFromZero) {
  MetricsRegistry metrics;
  CounterReport report(metrics);
  metrics.counter("a").Add(10);
  (void)report.Growth();
  report.Delivered();
  metrics.Clear();
  metrics.counter("a").Add(2);
  EXPECT_THAT(report.Growth(), ElementsAre(Pair("a", 2)));
}

TEST(UfsMetricTest, TheTagHasNoSlashAndNoDot) {
  EXPECT_EQ(UfsMetric("Worker.BytesReadPerUfs", "/a.b/50%"),
            "Worker.BytesReadPerUfs.UFS:%2Fa%2Eb%2F50%25");
}

}  // namespace
}  // namespace headpond
