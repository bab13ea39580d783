#include "master/cluster_metrics.h"

#include <gmock/gmock.h>

#include <limits>

#include "master/inline_master_testing.h"

namespace headpond::master {
namespace {

using ::testing::Contains;
using ::testing::Key;

class ClusterMetricsTest : public ::testing::Test {
 protected:
  int64_t Sum(const std::string& name) { return metrics_.Read().counters[name]; }
  double Gauge(const std::string& name) { return metrics_.Read().gauges[name]; }

  void AddWorker(const std::string& host, BytesByTier capacity, BytesByTier used) {
    BlockMaster& blocks = *master_.blocks;
    const WorkerId id = blocks.GetWorkerId({.host = host, .rpc_port = 1, .web_port = 2});
    ASSERT_OK(blocks.RequestLease(id));
    ASSERT_OK(blocks.BeginRegistration(
        id, {.capacity_bytes = std::move(capacity), .used_bytes = std::move(used)}));
    ASSERT_OK(blocks.FinishRegistration(id));
  }

  InlineMaster master_;
  MetricsRegistry metrics_;
  ClusterMetrics cluster_{metrics_, *master_.store, *master_.blocks, master_.clock};
};

TEST_F(ClusterMetricsTest, WhatWorkersReadAndWroteIsSummed) {
  cluster_.AddFromWorker({"BytesReadRemote", "", 100});
  cluster_.AddFromWorker({"BytesReadRemote", "", 11});
  cluster_.AddFromWorker({"BytesWrittenDomain", "", 7});
  EXPECT_EQ(Sum("Cluster.BytesReadRemote"), 111);
  EXPECT_EQ(Sum("Cluster.BytesWrittenDomain"), 7);
}

TEST_F(ClusterMetricsTest, UnderStoreTrafficIsSummedInAllAndByStore) {
  cluster_.AddFromWorker({"BytesReadPerUfs", "%2Fa", 5});
  cluster_.AddFromWorker({"BytesReadPerUfs", "%2Fb", 6});
  cluster_.AddFromWorker({"BytesWrittenPerUfs", "%2Fa", 8});
  EXPECT_EQ(Sum("Cluster.BytesReadUfsAll"), 11);
  EXPECT_EQ(Sum("Cluster.BytesReadPerUfs.UFS:%2Fa"), 5);
  EXPECT_EQ(Sum("Cluster.BytesReadPerUfs.UFS:%2Fb"), 6);
  EXPECT_EQ(Sum("Cluster.BytesWrittenUfsAll"), 8);
}

TEST_F(ClusterMetricsTest, ShortCircuitTrafficComesFromClientsOnly) {
  cluster_.AddFromClient({"BytesReadLocal", "", 9});
  cluster_.AddFromWorker({"BytesReadLocal", "", 1000});
  cluster_.AddFromClient({"BytesReadRemote", "", 1000});
  EXPECT_EQ(Sum("Cluster.BytesReadLocal"), 9);
  EXPECT_EQ(Sum("Cluster.BytesReadRemote"), 0);
}

TEST_F(ClusterMetricsTest, UnknownNamesAndImpossibleValuesAreLeftOut) {
  const size_t before = metrics_.Read().counters.size();
  cluster_.AddFromWorker({"Nonsense", "", 1});
  cluster_.AddFromWorker({"BytesReadPerUfs", std::string(5000, 'x'), 1});
  for (const double value : {-1.0, 1e300, std::numeric_limits<double>::quiet_NaN(),
                             std::numeric_limits<double>::infinity()})
    cluster_.AddFromWorker({"BytesReadRemote", "", value});
  EXPECT_EQ(metrics_.Read().counters.size(), before);
  EXPECT_EQ(Sum("Cluster.BytesReadRemote"), 0);
}

TEST_F(ClusterMetricsTest, ReportsCantFillTheRegistryWithUnderStores) {
  for (int i = 0; i < 3000; ++i) cluster_.AddFromWorker({"BytesReadPerUfs", std::to_string(i), 1});
  EXPECT_LT(metrics_.Read().counters.size(), 1100u);
  EXPECT_EQ(Sum("Cluster.BytesReadUfsAll"), 3000);
}

TEST_F(ClusterMetricsTest, CapacityIsThatOfLiveWorkersByTier) {
  AddWorker("a", {{"MEM", 100}, {"SSD", 1000}}, {{"MEM", 40}, {"SSD", 0}});
  AddWorker("b", {{"MEM", 50}}, {{"MEM", 10}});
  EXPECT_EQ(Gauge("Cluster.Workers"), 2);
  EXPECT_EQ(Gauge("Cluster.LostWorkers"), 0);
  EXPECT_EQ(Gauge("Cluster.CapacityTotal"), 1150);
  EXPECT_EQ(Gauge("Cluster.CapacityFree"), 1100);
  EXPECT_EQ(Gauge("Cluster.CapacityUsedTierMEM"), 50);
  EXPECT_EQ(Gauge("Cluster.CapacityTotalTierHDD"), 0);
}

TEST_F(ClusterMetricsTest, TheRootUnderStoresSpaceIsWhatWasLastFound) {
  EXPECT_EQ(Gauge("Cluster.RootUfsCapacityTotal"), 0);
  cluster_.SetRootSpace({.total_bytes = 1000, .used_bytes = 300});
  EXPECT_EQ(Gauge("Cluster.RootUfsCapacityTotal"), 1000);
  EXPECT_EQ(Gauge("Cluster.RootUfsCapacityUsed"), 300);
  EXPECT_EQ(Gauge("Cluster.RootUfsCapacityFree"), 700);
  cluster_.SetRootSpace({});
  EXPECT_EQ(Gauge("Cluster.RootUfsCapacityFree"), 0);
}

TEST_F(ClusterMetricsTest, ThroughputIsPerWholeMinuteSinceTheStartOrTheLastClear) {
  cluster_.AddFromWorker({"BytesWrittenRemote", "", 600});
  EXPECT_EQ(Gauge("Cluster.BytesWrittenRemoteThroughput"), 600);
  master_.clock.Advance(std::chrono::minutes(3));
  EXPECT_EQ(Gauge("Cluster.BytesWrittenRemoteThroughput"), 200);
  cluster_.Clear();
  EXPECT_EQ(Gauge("Cluster.BytesWrittenRemoteThroughput"), 0);
}

TEST_F(ClusterMetricsTest, TheHitRateIsThePartThatDidNotComeFromAnUnderStore) {
  EXPECT_EQ(Gauge("Cluster.CacheHitRate"), 0);
  cluster_.AddFromWorker({"BytesReadRemote", "", 100});
  cluster_.AddFromWorker({"BytesReadPerUfs", "", 25});
  EXPECT_EQ(Gauge("Cluster.CacheHitRate"), 0.75);
  cluster_.AddFromWorker({"BytesReadPerUfs", "", 500});  // loaded without being read
  EXPECT_EQ(Gauge("Cluster.CacheHitRate"), 0);
}

TEST_F(ClusterMetricsTest, TheNamespaceIsCounted) {
  ASSERT_OK(master_.CreateFile("/d/f"));
  EXPECT_EQ(Gauge("Master.TotalPaths"), 3);
}

TEST(ClusterMetricsLifeTest, ItsGaugesEndWithIt) {
  InlineMaster master;
  MetricsRegistry metrics;
  {
    ClusterMetrics cluster(metrics, *master.store, *master.blocks, master.clock);
    EXPECT_THAT(metrics.Read().gauges, Contains(Key("Cluster.Workers")));
  }
  EXPECT_TRUE(metrics.Read().gauges.empty());
}

}  // namespace
}  // namespace headpond::master
